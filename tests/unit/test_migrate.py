"""Bringing the tables up to date, on both engines: whole or not at all, by whoever comes first."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command, op
from sqlalchemy import inspect, text

from ivr.store.migrate import alembic_config, migrate
from ivr.store.models import Call
from ivr.store.session import open_store
from ivr.store.tables import Base
from tests.stores import engine_url

__all__ = ["engine_url"]

MIGRATE = "import sys; from ivr.store.migrate import migrate; migrate(sys.argv[1])"
INSERT_USER = """
INSERT INTO user_account (login, name, role, password_hash, language) VALUES ('wang', '王', 'admin', 'x', 'zh-CN')
"""
KILLED = """
import os, signal, sys
from alembic import op
op.batch_alter_table = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
from ivr.store.migrate import migrate
migrate(sys.argv[1])
"""


class PowerCut(Exception):
    """Something goes wrong near a migration's end."""


@pytest.fixture
def fails_midway(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The second migration has made its tables when it fails."""

    def fail(*_: Any, **__: Any) -> None:
        raise PowerCut

    monkeypatch.setattr(op, "batch_alter_table", fail)
    return monkeypatch


def tables(url: str) -> set[str]:
    store = open_store(url)
    try:
        return set(inspect(store.engine).get_table_names())
    finally:
        store.close()


def is_complete(url: str) -> bool:
    return tables(url) == {*Base.metadata.tables, "alembic_version"}


def test_a_migration_that_fails_midway_leaves_nothing_and_the_next_start_makes_all(
    engine_url: str, fails_midway: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PowerCut):
        migrate(engine_url)
    assert tables(engine_url) == set()
    fails_midway.undo()
    migrate(engine_url)
    assert is_complete(engine_url)


def test_an_update_that_fails_midway_leaves_the_older_tables_and_what_stands_in_them(
    engine_url: str, fails_midway: pytest.MonkeyPatch
) -> None:
    store = open_store(engine_url)
    with store.write() as session:
        command.upgrade(alembic_config(session.connection()), "0001")
        session.execute(text(INSERT_USER))
    store.close()
    before = tables(engine_url)
    with pytest.raises(PowerCut):
        migrate(engine_url)
    assert tables(engine_url) == before
    fails_midway.undo()
    migrate(engine_url)
    assert is_complete(engine_url)
    store = open_store(engine_url)
    with store.read() as session:
        assert session.execute(text("SELECT login FROM user_account")).scalars().all() == ["wang"]
    store.close()


def test_a_process_killed_in_the_middle_of_a_migration_leaves_nothing(engine_url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, engine_url], capture_output=True, check=False)
    assert killed.returncode < 0, killed.stderr
    assert tables(engine_url) == set()
    migrate(engine_url)
    assert is_complete(engine_url)


def test_processes_that_migrate_at_once_all_find_the_tables_made(engine_url: str, tmp_path: Path) -> None:
    with (tmp_path / "said").open("w+b") as said:
        together = [
            subprocess.Popen([sys.executable, "-c", MIGRATE, engine_url], stdout=said, stderr=said) for _ in range(4)
        ]
        assert [process.wait(60) for process in together] == [0] * 4, (tmp_path / "said").read_text()
    assert is_complete(engine_url)
    store = open_store(engine_url)
    with store.read() as session:
        assert session.query(Call).all() == []
    store.close()
