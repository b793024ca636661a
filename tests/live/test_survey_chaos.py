"""Hundreds of surveyed customers on the real system while scheduler, flows, ingestion, the database's connections and
Asterisk are killed at random. What the customers' phones received is held against the tables.

IVR_CHAOS_CALLBACKS sets how many visits there are (default 60; `make chaos`: 500), IVR_CHAOS_SEED repeats a run's dice.
"""

import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
import yaml
from sqlalchemy import select

from ivr.callbacks.caps import Cap
from ivr.calls.events import Event
from ivr.demo.ports import free_port
from ivr.hotline import load_hotline
from ivr.store.session import Store, StoreUnavailable, open_store
from ivr.store.surveys import OPEN_STATES, Contact, ContactAttempt, DoNotCall
from ivr.surveys.events import DO_NOT_CALL, ENDED
from ivr.surveys.rule import OVER
from tests.live import survey_storm as storm
from tests.live.conftest import Business, Running, hotline_up, ivr, sample_business, until
from tests.live.survey_storm import DATABASE, PROCESSES, SURVEY, Killed, Killer, Ring, Visited
from tests.live.test_surveys import noon_somewhere
from tests.postgres import postgres_server
from tests.stores import dump

CALLBACKS = int(os.environ.get("IVR_CHAOS_CALLBACKS", "60"))
SEED = int(os.environ.get("IVR_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
DUE_AFTER = timedelta(hours=1)
CLOSED_IN, CLOSED_FOR = 3, 1
"""Minutes from the start until nobody may be rung, and for how long: the window is kept while everything dies."""
RETRIES = {
    "total": 7,
    "busy_minutes": [0.1] * 6,  # so that the caps of a number are what holds the dialler back
    "no_answer_minutes": [0.2, 0.2],
    "rejected_minutes": [0.2],
    "broken_off_minutes": [0.2, 0.2],
}
SETTLED = timedelta(seconds=45)
"""Nobody's turn comes for so long, whom no cap protects: the others wait for another part of the day."""


@dataclass
class Aftermath:
    """What the customers' phones received, who was killed when, and what the tables and the journal know."""

    running: Running
    visits: list[Visited]
    rings: list[Ring]
    killed: list[Killed]
    events: list[Event]
    contacts: dict[str, Contact]
    attempts: list[ContactAttempt]
    listed: dict[str, datetime]
    asked_off: dict[str, datetime]
    """Numbers that were put on the do-not-call list by command, and when the command had ended."""
    settled_at: datetime

    def rings_of(self, number: str) -> list[Ring]:
        return [ring for ring in self.rings if ring.number == number]

    def matched(self) -> tuple[list[tuple[Ring, ContactAttempt]], list[Ring]]:
        """Each ring with the attempt of its number that was claimed last before it; rings that nobody claimed."""
        claims: dict[str, list[ContactAttempt]] = defaultdict(list)
        for row in sorted(self.attempts, key=lambda row: row.claimed_at):
            claims[row.number].append(row)
        pairs, unclaimed = [], []
        for ring in self.rings:
            before = [row for row in claims[ring.number] if row.claimed_at <= ring.at]
            if before:
                pairs.append((ring, before[-1]))
            else:
                unclaimed.append(ring)
        return pairs, unclaimed


def chaotic_business(port: int) -> Business:
    business = sample_business()
    business["hotline"]["timezone"] = noon_somewhere()
    business["calendar"] = {"holidays": "none"}
    business["trunks"]["sample"]["port"] = port
    business["outbound"] |= {"ring_seconds": 10, "calls_per_second": 5, "lines": 20}
    business["surveys"][SURVEY] |= {
        "after_hours": DUE_AFTER / timedelta(hours=1),
        "hours": {"mon-sun": "08:00-21:00"},
        "retries": RETRIES,
    }
    return business


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def aftermath(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    print(f"IVR_CHAOS_SEED={SEED} IVR_CHAOS_CALLBACKS={CALLBACKS}")
    folder, port, dice = tmp_path_factory.mktemp("chaos"), free_port("127.0.0.1"), random.Random(SEED)
    with ExitStack() as stack:
        url = stack.enter_context(postgres_server(folder)) if request.param == "postgresql" else None
        running = stack.enter_context(hotline_up(chaotic_business(port), database_url=url))
        store = stack.enter_context(closing(open_store(running.settings.store_url)))
        watch = running.watch()
        opens = closes_in_a_moment(running)
        visits = storm.customers(CALLBACKS, datetime.now(UTC), opens - datetime.now(UTC), dice)
        storm.write_visits(visits, DUE_AFTER, folder / "visits.csv")
        assert running.ivr("visits", "import", str(folder / "visits.csv"))["new"] == len(visits)
        asked_off: dict[str, datetime] = {}
        with storm.at_their_phones(running, port, visits) as run:
            operator(running, "campaigns", "start", SURVEY)
            with Killer(running, dice, lambda: len(storm.rings(run.happened())), CALLBACKS // 40) as killed:
                until(lambda: datetime.now(UTC) > opens - timedelta(minutes=CLOSED_FOR), "the window closes", 300)
                for one in dice.sample([one for one in visits if one.due > opens - timedelta(seconds=50)], 3):
                    operator(running, "do-not-call", "add", one.number)
                    asked_off[one.number] = datetime.now(UTC)
                until(lambda: datetime.now(UTC) > opens + timedelta(seconds=10), "the window opens again", 300)
                until(lambda: not never_rung(store), lambda: f"all are rung: {never_rung(store)}", seconds=600)
            until(lambda: is_settled(store), "only caps are waited for", seconds=300)
            settled_at = datetime.now(UTC)
            operator(running, "campaigns", "pause", SURVEY)
            until(lambda: not under_way(store), "all calls are over")
            heard = storm.rings(run.happened())
        contacts, attempts, listed = tables(store)
        yield Aftermath(
            running, visits, heard, killed, watch.events(), contacts, attempts, listed, asked_off, settled_at
        )


def closes_in_a_moment(running: Running) -> datetime:
    """Change the business file: soon nobody may be rung for a moment. Gives the moment at which they may again."""
    now = datetime.now(running.hotline.zone).replace(second=0, microsecond=0)
    closes = now + timedelta(minutes=CLOSED_IN)
    opens = closes + timedelta(minutes=CLOSED_FOR)
    file = running.settings.hotline_file
    business = yaml.safe_load(file.read_text())
    business["outbound"]["window"] = f"08:00-{closes:%H:%M}, {opens:%H:%M}-21:00"
    file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
    log = running.settings.paths.log / "scheduler.log"
    until(lambda: "The business file was put in force" in log.read_text(), "the new hours are in force")
    return opens.astimezone(UTC)


def operator(running: Running, *args: str) -> None:
    """A command that is given again until the database takes it."""
    state = ("--state", str(running.settings.state_dir))
    until(lambda: ivr(running.environment, *args, *state).returncode == 0, f"ivr {' '.join(args)}")


def never_rung(store: Store) -> list[str]:
    """Contacts whose turn has come, and of whom there has been no attempt yet; the database may be away just now."""
    chosen = select(Contact.id).where(
        Contact.state.in_(OPEN_STATES), Contact.last_result.is_(None), Contact.next_at <= datetime.now(UTC)
    )
    try:
        with store.read() as session:
            return list(session.scalars(chosen))
    except StoreUnavailable:
        return ["who can say"]


def is_settled(store: Store) -> bool:
    due = select(Contact.id).where(
        Contact.state.in_(OPEN_STATES),
        Contact.next_at <= datetime.now(UTC) + SETTLED,
        Contact.reason.not_in(get_args(Cap)),
    )
    with store.read() as session:
        return session.scalar(due.limit(1)) is None


def under_way(store: Store) -> bool:
    with store.read() as session:
        return (
            session.scalar(select(ContactAttempt.call_id).where(ContactAttempt.result.is_(None)).limit(1)) is not None
        )


def tables(store: Store) -> tuple[dict[str, Contact], list[ContactAttempt], dict[str, datetime]]:
    with store.read() as session:
        contacts = {row.id: row for row in session.scalars(select(Contact))}
        listed = {row.number: row.since for row in session.scalars(select(DoNotCall))}
        return contacts, list(session.scalars(select(ContactAttempt))), listed


# ---- what must hold ------------------------------------------------------------------------------------------


def test_everything_was_killed_while_customers_of_every_kind_were_rung(aftermath: Aftermath) -> None:
    counts = Counter(one.what for one in aftermath.killed)
    print(dict(counts), len(aftermath.rings), "rings", Counter(row.result for row in aftermath.attempts))
    assert set(counts) == {*PROCESSES, DATABASE}
    assert len(aftermath.rings) >= CALLBACKS * 0.8
    assert {ring.end for ring in aftermath.rings} >= {"is-released", "hung-up", "is-busy", "declines"}
    results = {row.result for row in aftermath.attempts}
    assert results >= {"busy", "rejected", "broken_off", "do_not_call", "completed"}


@pytest.mark.standards("S10", "S26")
def test_nobody_is_rung_twice_for_one_attempt_and_nobody_whom_nobody_claimed(aftermath: Aftermath) -> None:
    pairs, unclaimed = aftermath.matched()
    assert not unclaimed
    times = Counter(row.call_id for _, row in pairs)
    assert not [call_id for call_id, count in times.items() if count > 1]


def test_no_phone_has_two_lines_at_once(aftermath: Aftermath) -> None:
    died = storm.deaths(aftermath.killed)
    for number in {ring.number for ring in aftermath.rings}:
        for sooner, later in pairwise(aftermath.rings_of(number)):
            # Of a line that nobody ended, Asterisk's death was the end.
            end = min([*(at for at in died if at >= sooner.at), *([sooner.ended_at] if sooner.ended_at else [])])
            assert end <= later.at, (sooner, later)


@pytest.mark.standards("S10", "S26")
def test_every_attempt_rang_unless_asterisk_was_dead_or_the_hours_were_over(aftermath: Aftermath) -> None:
    pairs, _ = aftermath.matched()
    rung = {row.call_id for _, row in pairs}
    for row in aftermath.attempts:
        ended = row.ended_at or row.claimed_at
        if row.call_id not in rung:
            excused = storm.died_between(aftermath.killed, row.claimed_at - timedelta(seconds=1), ended)
            assert row.result in ("lost", "refused") or excused, vars(row)


def test_the_tables_say_of_each_call_what_its_customer_did(aftermath: Aftermath) -> None:
    meant = {"is-busy": {"busy"}, "declines": {"rejected"}, "gave-up": {"no_answer"}}
    habits = {storm.SHORT: {"broken_off"}, storm.NEVER: {"do_not_call", "broken_off"}}
    pairs, _ = aftermath.matched()
    for ring, row in pairs:
        if ring.ended_at is None or storm.died_between(aftermath.killed, ring.at, row.ended_at or ring.ended_at):
            continue
        allowed = meant.get(ring.end or "") or habits.get(ring.number[-1])
        assert allowed is None or row.result in allowed, (ring, vars(row))


@pytest.mark.standards("S26")
def test_nobody_is_rung_after_the_end_of_their_survey(aftermath: Aftermath) -> None:
    pairs, _ = aftermath.matched()
    said = {
        event.call_id: event.at for event in aftermath.events if event.kind == ENDED and event.data["result"] in OVER
    }
    over = {row.contact_id: said[row.call_id] for row in aftermath.attempts if row.call_id in said}
    assert over
    late = [ring for ring, row in pairs if row.contact_id in over and ring.at > (over[row.contact_id] or ring.at)]
    assert not late


@pytest.mark.standards("S26")
def test_do_not_call_is_honoured_at_once(aftermath: Aftermath) -> None:
    pressed = {
        str(event.data["number"]): event.at
        for event in aftermath.events
        if event.kind == DO_NOT_CALL and event.data["reason"] == "key"
    }
    assert pressed and aftermath.asked_off
    assert set(aftermath.listed) == {*pressed, *aftermath.asked_off}
    pairs, _ = aftermath.matched()
    for ring, row in pairs:
        at = pressed.get(ring.number)
        assert at is None or ring.at < at, ring
        # What was claimed before the command came through may still ring; nothing is claimed after it.
        by_command = aftermath.asked_off.get(ring.number)
        assert by_command is None or row.claimed_at < by_command, ring


@pytest.mark.standards("S26")
def test_no_number_rings_more_often_than_allowed(aftermath: Aftermath) -> None:
    for number in {ring.number for ring in aftermath.rings}:
        times = [ring.at for ring in aftermath.rings_of(number)]
        assert len(times) <= 5, number
        assert all(later - sooner > timedelta(minutes=5) for sooner, later in zip(times, times[3:], strict=False)), (
            times
        )


@pytest.mark.standards("S26")
def test_no_phone_rings_outside_the_hours(aftermath: Aftermath) -> None:
    hotline = load_hotline(aftermath.running.settings.hotline_file)
    spans = [span.split("-") for span in hotline.outbound.window.split(", ")]
    clocks = [f"{ring.at.astimezone(hotline.zone):%H:%M}" for ring in aftermath.rings]
    assert not [clock for clock in clocks if not any(opens <= clock < closes for opens, closes in spans)]
    assert len(spans) == 2 and min(clocks) < spans[0][1] < spans[1][0] <= max(clocks), "before and after"


@pytest.mark.standards("S10")
def test_nobody_is_lost(aftermath: Aftermath) -> None:
    assert set(aftermath.contacts) == {one.contact for one in aftermath.visits}
    for row in aftermath.contacts.values():
        assert row.state != "dialling" and (row.state != "planned" or row.next_at > aftermath.settled_at), vars(row)
        assert row.attempts or row.reason in ("rung_lately", "asked_lately", "do_not_call"), vars(row)
    states = Counter(row.state for row in aftermath.contacts.values())
    print(dict(states))
    assert states["completed"] >= CALLBACKS * 0.1


def test_the_journal_alone_makes_the_same_rows(aftermath: Aftermath, tmp_path: Path) -> None:
    running = aftermath.running
    for process in ("scheduler", "ingest"):
        running.supervisor.stop_process(process)
    store = open_store(running.settings.store_url)
    names = ("contact", "contact_attempt", "answer", "do_not_call", "call")
    before = dump(store, *names)
    assert all(before[name] for name in names)
    done = ivr(running.environment, "ingest", "--rebuild", "--state", str(running.settings.state_dir))
    assert done.returncode == 0, done.stderr
    after = dump(store, *names)
    store.close()
    for name in names:
        assert after[name] == before[name], name
