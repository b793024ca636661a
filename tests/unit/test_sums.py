"""The sums of calls, and the count that does not believe them."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update
from typer.testing import CliRunner

from ivr.calls.ingest import Ingestor
from ivr.calls.outcome import OFFERED
from ivr.cli import command_line
from ivr.cli.calls import since_moment
from ivr.errors import IvrError
from ivr.hotline.model import ServiceLevel
from ivr.reports.check import check, read_journal
from ivr.reports.sums import Counted, count, report
from ivr.settings import ROOT, StatePaths
from ivr.store.models import OUTCOMES, Call
from ivr.store.session import Store, open_store
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]
LEVEL = ServiceLevel()
JOURNALS = [Path(__file__).parent / name for name in ("journal", "journal_moves")]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def offered(outcome: Any, wait: float | None = 10.0, **more: Any) -> Counted:
    return Counted("service", outcome, outcome in OFFERED, wait, **more)


def test_an_empty_day_has_no_rates_rather_than_perfect_ones() -> None:
    total = count([], LEVEL).total
    assert (total.offered, total.connection_rate.percent, total.service_level.percent) == (0, None, None)


def test_connection_rate_counts_who_asked_while_we_were_open_and_callbacks_once_they_are_answered() -> None:
    calls = [offered("answered")] * 6 + [offered("abandoned"), offered("message"), offered("closed")]
    calls += [offered("blocked"), offered("callback", callback="answered"), offered("callback", callback="waiting")]
    total = count(calls, LEVEL).total
    assert (total.connection_rate.count, total.connection_rate.of) == (7, 10)
    assert total.callbacks == {"answered": 1, "waiting": 1}
    assert (total.offered, total.adds_up) == (12, True)


def test_service_level_leaves_out_who_gave_up_at_once_and_who_was_called_back() -> None:
    calls = [offered("answered", 20.0), offered("answered", 20.1), offered("abandoned", 4.9), offered("abandoned", 5.0)]
    calls += [offered("timed_out", 600.0), offered("callback", 1.0), offered("message", 1.0)]
    total = count(calls, LEVEL).total
    assert (total.service_level.count, total.service_level.of, total.service_level.percent) == (1, 4, 25.0)


def test_calls_that_never_asked_for_a_person_and_those_that_run_are_told_apart() -> None:
    total = count([offered("ended_in_menu"), offered("failed"), Counted("service", None, True, None)], LEVEL).total
    assert (total.offered, total.running, total.outcomes["failed"]) == (0, 1, 1)


@given(st.lists(st.tuples(st.sampled_from(["service", "booking", None]), st.sampled_from(OUTCOMES), st.floats(0, 900))))
def test_the_queues_add_up_to_all_and_the_outcomes_to_the_offered(calls: list[tuple[Any, Any, float]]) -> None:
    found = count([Counted(queue, outcome, outcome in OFFERED, wait) for queue, outcome, wait in calls], LEVEL)
    assert found.total.adds_up
    assert sum(sums.offered for sums in found.queues.values()) == found.total.offered
    assert sum(found.total.outcomes.values()) == len(calls)
    assert all(sums.adds_up and sums.in_time <= sums.judged for sums in found.queues.values())


def test_a_call_counted_as_offered_with_a_wrong_outcome_does_not_add_up() -> None:
    assert not count([Counted("service", "failed", True, 1.0)], LEVEL).total.adds_up


def test_sums_of_a_store_leave_callbacks_and_calls_among_agents_aside(store: Store) -> None:
    with store.write() as session:
        for number, facts in enumerate(
            [
                {"outcome": "answered", "offered": True, "queue": "service", "wait_seconds": 3.0},
                {"outcome": "answered", "direction": "outbound", "callback_of": "x", "queue": "service"},
                {"outcome": "answered", "direction": "internal"},
                {"outcome": "ended_in_menu"},
            ]
        ):
            at = NOON + timedelta(minutes=number)
            session.add(Call(**{"id": f"c{number}", "direction": "inbound", "started_at": at, "menu_path": []} | facts))
    with store.read() as session:
        found = report(session, LEVEL)
        assert report(session, LEVEL, since=NOON + timedelta(minutes=1)).total.offered == 0
        assert report(session, LEVEL, until=NOON).total.outcomes.total() == 0
    assert found.total.outcomes == {"answered": 1, "ended_in_menu": 1}
    assert found.queues["service"].offered == 1
    assert json.loads(json.dumps(found.to_json()))["total"]["adds_up"] is True


# ---- the independent count -----------------------------------------------------------------------------------


@pytest.fixture(params=JOURNALS, ids=lambda folder: folder.name)
def ingested(request: pytest.FixtureRequest, paths: StatePaths, store: Store) -> StatePaths:
    shutil.copytree(request.param, paths.journal, dirs_exist_ok=True)
    Ingestor(paths, store).once()
    return paths


def some_call(store: Store, outcome: str = "answered") -> str:
    with store.read() as session:
        return next(c.id for c in session.query(Call).order_by(Call.id) if c.outcome == outcome and c.offered)


def differences(store: Store, paths: StatePaths) -> list[tuple[str, str]]:
    with store.read() as session:
        found = check(session, paths.journal)
    assert found.agrees == (not found.differences)
    return [(one.call_id, one.what) for one in found.differences]


def test_both_counts_agree_on_real_journals(ingested: StatePaths, store: Store) -> None:
    assert differences(store, ingested) == []
    with store.read() as session:
        found = check(session, ingested.journal)
        assert found.journal.total() > 8
        assert found.to_json()["offered"]["journal"] == report(session, LEVEL).total.offered


def test_a_lost_call_is_found(ingested: StatePaths, store: Store) -> None:
    lost = some_call(store)
    with store.write() as session:
        session.execute(delete(Call).where(Call.id == lost))
    assert differences(store, ingested) == [(lost, "lost")]


def test_a_call_that_is_counted_twice_is_found(ingested: StatePaths, store: Store) -> None:
    seen = read_journal(ingested.journal)
    call = next(one for one in seen.values() if one.talked and one.counts)
    part = next(channel for channel in sorted(call.channels) if channel != call.id)
    with store.write() as session:
        session.add(Call(id=part, direction="inbound", started_at=NOON, outcome="answered", offered=True))
    assert differences(store, ingested) == [(part, f"counted twice: a part of {call.id}")]


def test_a_call_that_nobody_made_is_found(ingested: StatePaths, store: Store) -> None:
    with store.write() as session:
        session.add(Call(id="made-up", direction="inbound", started_at=NOON, outcome="closed", offered=True))
    assert differences(store, ingested) == [("made-up", "unknown to the journal")]


def test_another_outcome_is_found(ingested: StatePaths, store: Store) -> None:
    changed = some_call(store)
    with store.write() as session:
        session.execute(update(Call).where(Call.id == changed).values(outcome="timed_out"))
    assert differences(store, ingested) == [(changed, "another outcome")]


def test_a_call_that_is_not_counted_though_it_was_offered_is_found(ingested: StatePaths, store: Store) -> None:
    changed = some_call(store)
    with store.write() as session:
        session.execute(update(Call).where(Call.id == changed).values(offered=False))
    assert differences(store, ingested) == [(changed, "offered or not")]


def test_a_call_that_never_ends_in_the_database_is_found(ingested: StatePaths, store: Store) -> None:
    changed = some_call(store)
    with store.write() as session:
        session.execute(update(Call).where(Call.id == changed).values(outcome=None))
    assert differences(store, ingested) == [(changed, "ended, but runs in the database")]


def test_a_talk_of_which_queue_log_knows_nothing_is_found(ingested: StatePaths, store: Store) -> None:
    answered = some_call(store)
    path = ingested.journal / "queue_log"
    kept = [line for line in path.read_text().splitlines(True) if not (answered in line and "|CONNECT|" in line)]
    path.write_text("".join(kept))
    assert (answered, "answered, but not by queue_log") in differences(store, ingested)


def test_a_place_in_line_that_is_listed_and_a_callback_that_is_not_are_found(paths: StatePaths, store: Store) -> None:
    shutil.copytree(JOURNALS[1], paths.journal, dirs_exist_ok=True)
    Ingestor(paths, store).once()
    with store.write() as session:
        [back] = session.query(Call).where(Call.callback_of.is_not(None))
        session.delete(back)
    assert differences(store, paths) == [(back.id, "a call of ours lost")]


# ---- at the terminal -----------------------------------------------------------------------------------------


def ivr(state: Path, *args: str) -> Any:
    return CliRunner().invoke(command_line(["calls"]), ["calls", *args, "--state", str(state)])


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of an instance with the real calls, without any process."""
    monkeypatch.setenv("IVR_HOTLINE_FILE", str(ROOT / "hotline.yaml"))
    monkeypatch.delenv("IVR_DATABASE_URL", raising=False)
    state = tmp_path / "state"
    paths = StatePaths(state)
    paths.create()
    shutil.copytree(JOURNALS[1], paths.journal, dirs_exist_ok=True)
    assert CliRunner().invoke(command_line(["ingest"]), ["ingest", "--once", "--state", str(state)]).exit_code == 0
    return state


def test_the_terminal_tells_sums_and_checks_them(at_hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads(ivr(at_hand, "--json").stdout)
    sums = json.loads(ivr(at_hand, "sums", "--json").stdout)
    checked = json.loads(ivr(at_hand, "check", "--json").stdout)
    assert sums["total"]["offered"] == sum(call["offered"] for call in listed)
    assert sums["total"]["adds_up"] and checked["agrees"]
    assert checked["offered"] == {"journal": sums["total"]["offered"], "database": sums["total"]["offered"]}
    assert "S33 = answered within 20 s" in ivr(at_hand, "sums").stdout
    assert "both counts agree" in ivr(at_hand, "check").stdout
    assert json.loads(ivr(at_hand, "sums", "--since", "2999-01-01", "--json").stdout)["total"]["offered"] == 0

    monkeypatch.setattr("ivr.cli.calls._LAG_SECONDS", 0.0)
    spoilt = open_store(f"sqlite:///{at_hand / 'ivr.db'}")
    with spoilt.write() as session:
        session.execute(delete(Call).where(Call.offered.is_(True)))
    told = ivr(at_hand, "check")
    assert told.exit_code == 1 and "lost" in told.stdout


def test_a_day_is_a_day_of_the_business() -> None:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Asia/Shanghai")
    assert since_moment("2026-05-01", zone) == datetime(2026, 4, 30, 16, tzinfo=UTC)
    assert since_moment("2026-05-01T00:00:00+00:00", zone) == datetime(2026, 5, 1, tzinfo=UTC)
    assert since_moment(None, zone) is None
    with pytest.raises(IvrError):
        since_moment("yesterday", zone)
