"""The tests' own PostgreSQL: answers while it is wanted, leaves nothing behind."""

from pathlib import Path

import psycopg
import pytest

from ivr.tools import ToolMissing
from tests.postgres import postgres_server


def test_server_answers_and_is_gone_afterwards(tmp_path: Path) -> None:
    try:
        with postgres_server(tmp_path) as url:
            assert url.startswith("postgresql+psycopg://")
            conninfo = url.replace("+psycopg", "")
            with psycopg.connect(conninfo) as session:
                assert session.execute("SELECT '工号' || 1001").fetchone() == ("工号1001",)
    except ToolMissing as missing:
        pytest.skip(str(missing))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)
