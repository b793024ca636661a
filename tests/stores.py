"""A store on each engine, for tests: `from tests.stores import engine_url, store`."""

import json
import shutil
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, select, text

from ivr.store.migrate import migrate
from ivr.store.session import Store, open_store
from ivr.store.tables import Base


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of this test's own: with its tables for who asks for a `store`, else empty.

    What was migrated once is copied: that takes a fraction of the time.
    """
    wants_tables = "store" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "ivr.db"
        if wants_tables:
            shutil.copyfile(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    _tell(server, f"CREATE DATABASE {name}" + (f" TEMPLATE {_migrated_database(server)}" if wants_tables else ""))
    yield _database(server, name)
    _tell(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(engine_url: str) -> Iterator[Store]:
    """A store with the tables that the migrations make."""
    opened = open_store(engine_url)
    yield opened
    opened.close()


@cache
def _migrated_database(server: str) -> str:
    name = f"migrated_{uuid.uuid4().hex}"
    _tell(server, f"CREATE DATABASE {name}")
    migrate(_database(server, name))
    return name


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _tell(server: str, statement: str) -> None:
    """Databases are made and dropped outside any transaction."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()


def dump(store: Store, *tables: str) -> dict[str, list[Any]]:
    """Every row of the tables (all, unless named), in a form that can be compared."""
    with store.read() as session:
        return {
            name: sorted(json.dumps(list(row), default=str) for row in session.execute(select(table)))
            for name, table in Base.metadata.tables.items()
            if not tables or name in tables
        }
