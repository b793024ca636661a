"""The do-not-call list: at once, in the journal too, and the same when the journal is read anew."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.callbacks.caps import listed_among
from ivr.calls.flow_log import read_flow
from ivr.calls.journal import Journal
from ivr.cli.do_not_call import do_not_call_app
from ivr.settings import Settings, StatePaths
from ivr.store.migrate import migrate
from ivr.store.session import Store
from ivr.surveys import do_not_call
from ivr.surveys.do_not_call import NoSuchNumber
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ANNA, BEN = "13800138000", "02155667788"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def journal(paths: StatePaths) -> Journal:
    return Journal(paths.journal / "flow.jsonl", now=Clock())


def told(journal: Journal) -> list[tuple[str, str, str]]:
    events = [event for _, event in read_flow(journal.path.read_bytes())[0]]
    return [(event.kind, str(event.data.get("number")), str(event.data.get("by"))) for event in events]


def test_a_number_is_on_the_list_at_once_however_it_was_written_and_the_journal_knows_who_put_it_there(
    store: Store, journal: Journal
) -> None:
    assert do_not_call.add(store, journal, "+86 138-0013-8000", reason="page", by="boss") == ANNA
    with store.read() as session:
        assert do_not_call.is_listed(session, ANNA) and do_not_call.is_listed(session, f"0086{ANNA}")
        assert not do_not_call.is_listed(session, BEN) and not do_not_call.is_listed(session, "nonsense")
        assert listed_among(session, [ANNA, BEN]) == {ANNA}
    assert told(journal) == [("number.do_not_call", ANNA, "boss")]
    assert ANNA not in json.loads(journal.path.read_text())["call"], "what a log may name tells no number"


def test_adding_twice_keeps_who_was_first_and_a_number_comes_off_again(store: Store, journal: Journal) -> None:
    do_not_call.add(store, journal, ANNA, reason="page", by="boss")
    do_not_call.add(store, journal, ANNA, reason="api", by="shop")
    with store.read() as session:
        [row] = do_not_call.list_numbers(session).items
    assert (row.number, row.reason, row.by) == (ANNA, "page", "boss")
    do_not_call.remove(store, journal, ANNA, by="boss")
    with store.read() as session:
        assert do_not_call.list_numbers(session).total == 0
    assert [kind for kind, _, _ in told(journal)] == ["number.do_not_call", "number.may_call"]


def test_what_is_no_number_or_not_on_the_list_is_refused_and_nothing_is_said(store: Store, journal: Journal) -> None:
    for number in ("110", "nonsense", "+4915112345678"):
        with pytest.raises(NoSuchNumber, match="no number that we could ring"):
            do_not_call.add(store, journal, number, reason="page", by="boss")
    with pytest.raises(NoSuchNumber, match="not on the list"):
        do_not_call.remove(store, journal, ANNA, by="boss")
    assert not journal.path.exists()


def test_of_a_list_the_good_lines_are_taken_and_the_bad_ones_told(store: Store, journal: Journal) -> None:
    do_not_call.add(store, journal, BEN, reason="page", by="boss")
    lines = ["\ufeff138 0013 8000", "", "number", f"86{BEN[1:]}", ANNA, "110"]
    done = do_not_call.import_numbers(store, journal, lines, reason="command", by="root")
    assert (done.added, done.known, done.bad) == (1, 1, [(3, "number"), (6, "110")])
    with store.read() as session:
        assert listed_among(session, [ANNA, BEN]) == {ANNA, BEN}


def test_the_list_is_found_by_a_part_of_a_number_latest_first(store: Store, journal: Journal) -> None:
    for number in (ANNA, BEN, "13900139000"):
        do_not_call.add(store, journal, number, reason="page", by="boss")
    with store.read() as session:
        assert [row.number for row in do_not_call.list_numbers(session).items] == ["13900139000", BEN, ANNA]
        assert [row.number for row in do_not_call.list_numbers(session, text="138").items] == [ANNA]
        assert do_not_call.list_numbers(session, text="x1x3x8x").total == 1
        assert do_not_call.list_numbers(session, page=2).items == []


def test_an_operator_keeps_the_list(settings: Settings, tmp_path: Path) -> None:
    settings.paths.create()
    migrate(settings.store_url)

    def run(*args: str, code: int = 0) -> str:
        done = CliRunner().invoke(do_not_call_app, [*args, "--state", str(settings.state_dir)])
        assert done.exit_code == code, done.exception
        return done.output

    assert ANNA in run("add", f"+86 {ANNA}", "--by", "boss")
    file = tmp_path / "numbers.txt"
    file.write_text(f"{BEN}\n{ANNA}\n110\n")
    said = run("import", str(file), "--by", "boss", code=1)
    assert "numbers.txt:3: '110'" in said.replace("\n", "") and "1 added, 1 known, 1 lines left out" in said
    assert {(row["number"], row["reason"], row["by"]) for row in json.loads(run("list", "--json"))} == {
        (ANNA, "command", "boss"),
        (BEN, "command", "boss"),
    }
    run("remove", ANNA)
    assert ANNA not in run("list") and BEN in run("list")
    wrong = CliRunner().invoke(do_not_call_app, ["add", "110", "--state", str(settings.state_dir)])
    assert isinstance(wrong.exception, NoSuchNumber)
