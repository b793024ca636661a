"""A store on each engine, for tests: `from tests.stores import engine_url, store`."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import OperationalError

from ivr.store.migrate import migrate
from ivr.store.session import Store, open_store
from ivr.store.tables import Base


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ivr.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    schema = f"test_{uuid.uuid4().hex}"
    admin = create_engine(server)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{schema}"
    _drop(admin, schema)
    admin.dispose()


def _drop(admin: Engine, schema: str, tries: int = 5) -> None:
    """A thread of the test that reads its last may stand in a deadlock with it: it ends, and then it goes."""
    try:
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    except OperationalError:
        if tries <= 1:
            raise
        _drop(admin, schema, tries - 1)


@pytest.fixture
def store(engine_url: str) -> Iterator[Store]:
    """A store with its tables made by the migrations."""
    migrate(engine_url)
    opened = open_store(engine_url)
    yield opened
    opened.close()


def dump(store: Store, *tables: str) -> dict[str, list[Any]]:
    """Every row of the tables (all, unless named), in a form that can be compared."""
    with store.read() as session:
        return {
            name: sorted(json.dumps(list(row), default=str) for row in session.execute(select(table)))
            for name, table in Base.metadata.tables.items()
            if not tables or name in tables
        }
