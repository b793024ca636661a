"""Bringing a database's tables to what the models say; safe when several processes start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from ivr.store.session import Store, open_store

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str) -> None:
    """Create the tables of the database behind `url`, or bring them up to date. Raises StoreUnavailable."""
    store = open_store(url)
    try:
        migrate_store(store)
    finally:
        store.close()


def migrate_store(store: Store) -> None:
    """Create the tables, or bring them up to date, in one transaction: done whole or not at all.

    Raises StoreUnavailable.
    """
    with store.write() as session:
        # SQLite's BEGIN IMMEDIATE and this lock both make the second process wait until the first is done.
        store.lock(session, "migrate")
        command.upgrade(alembic_config(session.connection()), "head")


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
