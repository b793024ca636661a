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
    """The URL of an empty database of this test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ivr.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    _tell(server, f"CREATE DATABASE {name}")
    yield _database(server, name)
    _tell(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(engine_url: str, migrated_file: Path) -> Iterator[Store]:
    """A store with the tables that the migrations make."""
    if engine_url.startswith("sqlite"):
        shutil.copyfile(migrated_file, str(make_url(engine_url).database))
    else:
        _copy_migrated(engine_url)
    opened = open_store(engine_url)
    yield opened
    opened.close()


def _copy_migrated(url: str) -> None:
    name = make_url(url).database
    server = _database(url, "postgres")
    template = _migrated_database(server)
    _tell(server, f"DROP DATABASE {name}", f"CREATE DATABASE {name} TEMPLATE {template}")


@cache
def _migrated_database(server: str) -> str:
    name = f"migrated_{uuid.uuid4().hex}"
    _tell(server, f"CREATE DATABASE {name}")
    migrate(_database(server, name))
    return name


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _tell(server: str, *statements: str) -> None:
    """Databases are made and dropped outside any transaction."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for statement in statements:
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
