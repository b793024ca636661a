"""Cases at the terminal: listed with both deadlines, filtered, moved to a department, closed."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ivr.cases.opening import open_cases
from ivr.cli import command_line
from ivr.errors import IvrError
from ivr.settings import ROOT, StatePaths
from ivr.store.migrate import migrate
from ivr.store.session import open_store
from tests.unit.test_cases import hotline, message, put

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance's folder with three cases: new, late, and beyond everything."""
    monkeypatch.setenv("IVR_HOTLINE_FILE", str(ROOT / "hotline.yaml"))
    monkeypatch.delenv("IVR_DATABASE_URL", raising=False)
    folder = tmp_path / "state"
    StatePaths(folder).create()
    url = f"sqlite:///{folder / 'ivr.db'}"
    migrate(url)
    store = open_store(url)
    for origin, days in (("new", 0), ("late", 2), ("old", 30)):
        put(store, message(origin, NOW - dt.timedelta(days=days)))
    open_cases(store, hotline(), NOW)
    store.close()
    return folder


def ivr(state: Path, *args: str) -> Any:
    return CliRunner().invoke(command_line(["cases"]), ["cases", *args, "--state", str(state)])


def listed(state: Path, *args: str) -> list[dict[str, Any]]:
    told = ivr(state, "list", "--json", *args)
    assert told.exit_code == 0, told.output
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


def test_cases_are_listed_by_what_is_due_next_with_both_deadlines(state: Path) -> None:
    assert [case["call_id"] for case in listed(state)] == ["old", "late", "new"]
    assert [case["call_id"] for case in listed(state, "--show", "overdue")] == ["old", "late"]
    assert all(case["due_at"] < case["resolve_by"] for case in listed(state))
    table = ivr(state, "list").stdout
    assert "respond by" in table and "put right by" in table and "overdue" in table


def test_case_is_moved_and_found_by_its_department_and_owner(state: Path) -> None:
    first = listed(state)[0]["id"]
    assert ivr(state, "move", str(first), "workshop").exit_code == 0
    assert ivr(state, "take", str(first), "--by", "1001").exit_code == 0
    assert [case["id"] for case in listed(state, "--department", "workshop")] == [first]
    assert [case["id"] for case in listed(state, "--owner", "1001", "--show", "in_hand")] == [first]
    assert len(listed(state, "--department", "-")) == 2 == len(listed(state, "--owner", "-", "--kind", "message"))
    assert ivr(state, "move", str(first), "-").exit_code == 0
    assert listed(state, "--department", "workshop") == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("list", "--show", "nonsense"), "allowed: open, new"),
        (("list", "--kind", "nonsense"), "allowed: message"),
        (("move", "1", "cellar"), "no such department"),
        (("move", "99", "workshop"), "no case with this id"),
    ],
)
def test_what_is_not_there_is_one_clear_error(state: Path, args: tuple[str, ...], told: str) -> None:
    done = ivr(state, *args)
    assert isinstance(done.exception, IvrError) and told in str(done.exception)
