"""Opening the store: one URL, SQLite with its locking recipe or PostgreSQL, short transactions on both."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from ivr.errors import IvrError

BUSY_SECONDS = 5
"""How long a writer waits for another writer before StoreUnavailable."""

POOL_SIZE = 40
"""As many as FastAPI has handler threads, so that no handler waits for a connection."""

_READ, _WRITE = "BEGIN", "BEGIN IMMEDIATE"


class StoreUnavailable(IvrError):
    """The database is absent, locked, or refuses; trying again later may help."""


class Store:
    """The database: `read()` and `write()` each give a Session that is one short transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Each way of beginning is its own connection option: the pool's connections are shared by both.
        self._readers = sessionmaker(engine.execution_options(ivr_begin=_READ), expire_on_commit=False)
        self._writers = sessionmaker(engine.execution_options(ivr_begin=_WRITE), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A snapshot to read from; what is changed in it is not kept. Raises StoreUnavailable."""
        with _clear_errors(), self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Committed on leaving, rolled back on any exception; keep it short. Raises StoreUnavailable."""
        with _clear_errors(), self._writers.begin() as session:
            session.connection()  # takes its turn now, not at the first statement
            yield session

    def lock(self, session: Session, purpose: str) -> None:
        """Hold others with the same purpose off until this write transaction ends."""
        if not self.is_sqlite:  # on SQLite there is one writer at a time anyway
            session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:p))"), {"p": f"ivr.{purpose}"})

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise unavailable(error) from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_damage(error):
            raise unavailable(error) from error
        raise


def _is_damage(error: DBAPIError) -> bool:
    """Whether the database lacks our tables, or is not a database: the statement itself is not at fault."""
    if getattr(error.orig, "sqlstate", None) in ("42P01", "3F000"):
        return True
    return getattr(error.orig, "sqlite_errorname", None) in ("SQLITE_NOTADB", "SQLITE_CORRUPT")


def unavailable(error: Exception) -> StoreUnavailable:
    """The error in one line that names neither statement nor values (they may hold callers' data)."""
    reason = str(getattr(error, "orig", None) or "no free connection").strip().splitlines()[0]
    if getattr(getattr(error, "orig", None), "sqlite_errorname", None) == "SQLITE_CANTOPEN":
        return StoreUnavailable(
            "There is no instance here, or its database cannot be opened.",
            "`ivr up` makes one; --state DIR names the folder of another",
        )
    return StoreUnavailable(
        f"The database cannot be used now: {reason}.",
        "check IVR_DATABASE_URL, that the server runs, and that the disk has room",
    )


def open_store(url: str) -> Store:
    """The store behind a SQLAlchemy URL; connects when first used. Raises StoreUnavailable for a bad URL."""
    parsed = store_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, json_serializer=_to_json, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}
        )
        _teach_sqlite(engine)
    else:
        engine = create_engine(
            parsed,
            json_serializer=_to_json,
            hide_parameters=True,
            pool_size=5,
            max_overflow=POOL_SIZE - 5,
            pool_pre_ping=True,
            pool_timeout=BUSY_SECONDS,
            connect_args={"connect_timeout": BUSY_SECONDS},
        )
    return Store(engine)


def store_url(url: str) -> URL:
    """The URL with the driver we use; raises StoreUnavailable when it is neither SQLite nor PostgreSQL."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend in ("postgresql", "postgres"):
            return parsed.set(drivername="postgresql+psycopg")
        if backend == "sqlite":
            return parsed
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise _bad_url() from error
    raise _bad_url()


def _bad_url() -> StoreUnavailable:
    return StoreUnavailable(
        "The database's URL is not one.",
        "set IVR_DATABASE_URL to sqlite:////folder/ivr.db or postgresql://user:password@host/name",
    )


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _teach_sqlite(engine: Engine) -> None:
    """SQLAlchemy's documented recipe: the driver begins nothing by itself; we say how each one begins.

    Source: SQLAlchemy documentation, "Serializable isolation / Savepoints / Transactional DDL" of pysqlite.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode not in ("wal", "memory"):
            raise StoreUnavailable(
                f"SQLite answered journal mode {mode!r} where WAL was asked for.",
                "put the state folder on a local disk, or use PostgreSQL",
            )
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("ivr_begin", _WRITE))
