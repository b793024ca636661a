"""The dialler against a telephone system that behaves: nobody is lost and nobody's phone rings twice, whatever dies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ivr.callbacks.dialler import claim
from ivr.callbacks.numbers import callable_number
from ivr.callbacks.rule import MAX_DIALS
from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.store.customers import Customer, Visit
from ivr.store.followup import Callback, CallbackAttempt
from ivr.store.migrate import migrate
from ivr.store.session import Store, open_store
from ivr.store.surveys import Contact, ContactAttempt
from ivr.surveys import campaigns, do_not_call
from tests.callback_world import World
from tests.stores import dump, engine_url, store

__all__ = ["engine_url", "store"]

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
ANNA, BEN, CARL = "13800138000", "13800138009", "01062345678"


@pytest.fixture(scope="module")
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


@pytest.fixture
def world(paths: StatePaths, store: Store, hotline: Hotline) -> World:
    return World(paths, store, hotline, NOON)


def callback(world: World, callback_id: str) -> Callback:
    with world.store.read() as session:
        found = session.get(Callback, callback_id)
    assert found is not None
    return found


def results(world: World, callback_id: str) -> list[str | None]:
    chosen = select(CallbackAttempt).where(CallbackAttempt.callback_id == callback_id)
    with world.store.read() as session:
        return [row.result for row in session.scalars(chosen.order_by(CallbackAttempt.attempt))]


def test_a_caller_who_asked_is_dialled_once_when_an_agent_is_free_and_then_counted_as_answered(world: World) -> None:
    world.request("c-1.1", ANNA)
    for _ in range(5):
        world.tick()
    assert world.rung == [], "nobody is dialled before an agent is there"
    assert callback(world, "c-1.1").state == "dialling"

    world.agent_is_free("ANSWER")
    for _ in range(30):
        world.tick()

    done = callback(world, "c-1.1")
    assert (done.state, done.answered_call_id, done.attempts) == ("answered", "c-1.1-cb1", 1)
    assert [number for _, number, _ in world.rung] == [ANNA]


def test_the_place_in_line_is_the_one_the_caller_had_and_cut_off_callers_come_first(world: World) -> None:
    joined = int(NOON.timestamp())
    world.request("c-1.1", ANNA, joined_at=joined - 100)
    world.request("c-2.1", BEN, joined_at=joined - 300)
    world.request("c-3.1", CARL, joined_at=joined - 10, priority=2, reason="cut_off")
    for _ in range(5):
        world.tick()
    for _ in range(3):
        world.agent_is_free("ANSWER")
    assert [callback_id for callback_id, _, _ in world.rung] == ["c-3.1", "c-2.1", "c-1.1"]


def test_a_busy_customer_keeps_the_place_and_is_dialled_again_after_the_pause(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.tick()
    world.tick()
    world.agent_is_free("BUSY")
    for _ in range(10):
        world.tick()
    waiting = callback(world, "c-1.1")
    assert (waiting.state, waiting.last_result) == ("waiting", "BUSY")
    assert timedelta(minutes=4) < waiting.next_at - world.now < timedelta(minutes=5)
    assert world.standing() == set()

    world.pass_time(300)
    world.tick()
    world.tick()
    [place] = world.places.values()
    assert place.joined_at == waiting.joined_at
    world.agent_is_free("ANSWER")
    world.tick()
    assert results(world, "c-1.1") == ["BUSY", "ANSWER"]


def test_a_customer_never_reached_is_given_up_after_every_pause_of_the_rule(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.run(["NOANSWER"] * 20)
    done = callback(world, "c-1.1")
    assert done.state == "gave_up" and done.ended_at is not None
    assert world.rings_of("c-1.1") == 1 + len(world.hotline.callbacks.retry_minutes)


def test_a_caller_who_calls_again_and_is_answered_is_not_called_back(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.tick()
    world.tick()
    world.pass_time(60)
    world.call("c-9.1", f"+86{ANNA}")
    world.tick()
    world.tick()
    assert world.standing() == set(), "while they are on the line nobody dials them"
    world.answer("c-9.1", f"+86{ANNA}")
    world.end("c-9.1")
    for _ in range(10):
        world.tick()
    done = callback(world, "c-1.1")
    assert (done.state, world.rung) == ("cancelled", [])


def test_a_caller_who_calls_again_and_gives_up_is_still_called_back(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.tick()
    world.call("c-9.1", ANNA)
    world.tick()
    world.end("c-9.1")
    world.run(["ANSWER"], ticks=20)
    assert callback(world, "c-1.1").state == "answered"
    assert world.rings_of("c-1.1") == 1


def test_two_requests_from_one_number_are_one_call(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.tick()
    world.pass_time(5)
    world.request("c-2.1", ANNA)
    world.run(["ANSWER"], ticks=20)
    assert [callback(world, one).state for one in ("c-1.1", "c-2.1")] == ["answered", "cancelled"]
    assert len(world.rung) == 1


def test_a_cancelled_callback_gives_its_place_up(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.tick()
    world.tick()
    assert world.standing() == {"c-1.1-cb1"}
    world.journal.write("c-1.1", "callback.cancelled", by="admin")
    world.tick()
    world.tick()
    assert world.standing() == set()
    assert callback(world, "c-1.1").state == "cancelled"


def test_in_the_evening_places_are_given_up_and_taken_again_in_the_morning(world: World) -> None:
    world.pass_time(9 * 3600 - 20)  # 20:59:40
    world.request("c-1.1", ANNA)
    world.tick()
    world.tick()
    assert world.standing() == {"c-1.1-cb1"}
    world.pass_time(60)
    world.tick()
    world.tick()
    assert world.standing() == set()
    world.pass_time(11 * 3600)
    world.tick()
    world.tick()
    assert len(world.standing()) == 1
    assert world.rung == []


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_dialler_killed_while_it_takes_a_place_loses_nobody_and_rings_nobody_twice(world: World, point: str) -> None:
    world.request("c-1.1", ANNA)
    world.ingestor.once()
    world.tick_and_die(point)
    assert callback(world, "c-1.1").attempts == 1, "it was claimed before it was killed"
    world.run(["ANSWER"], ticks=30)
    assert callback(world, "c-1.1").state == "answered"
    assert world.rings_of("c-1.1") == 1


def test_nobody_is_dialled_on_yesterdays_news(world: World) -> None:
    """Ingestion is dead while the customer is called and answers: the dialler waits until it knows."""
    world.request("c-1.1", ANNA)
    world.tick()
    world.tick()
    world.agent_is_free("ANSWER")
    for _ in range(60):
        world.tick(ingest=False)
    assert world.standing() == set()
    world.run(["ANSWER"], ticks=20)
    assert callback(world, "c-1.1").state == "answered"
    assert world.rings_of("c-1.1") == 1


def test_places_are_there_again_after_asterisk_was_started_anew(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.request("c-2.1", BEN)
    world.tick()
    world.tick()
    assert len(world.standing()) == 2
    world.crash()
    for _ in range(6):
        world.tick()
    assert len(world.standing()) == 2
    world.run(["ANSWER", "ANSWER"], ticks=10)
    assert sorted(number for _, number, _ in world.rung) == sorted([ANNA, BEN])


def test_while_asterisk_does_not_answer_nothing_is_claimed(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.unreachable = True
    for _ in range(20):
        world.tick()
    assert callback(world, "c-1.1").attempts == 0
    world.unreachable = False
    world.run(["ANSWER"], ticks=5)
    assert callback(world, "c-1.1").state == "answered"


def test_a_second_dialler_cannot_claim_the_same_attempt(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.ingestor.once()
    assert claim(world.store, "c-1.1", 1, world.now)
    assert not claim(world.store, "c-1.1", 1, world.now)
    assert not claim(world.store, "c-1.1", 2, world.now), "not while the first is under way"


def test_callers_who_gave_up_waiting_are_called_back_only_if_the_business_wants_it(world: World) -> None:
    def gives_up(call_id: str, number: str) -> None:
        world.call(call_id, number)
        world.queue_log(f"{call_id}|service|NONE|ENTERQUEUE||{number}|1")
        world.pass_time(40)
        world.queue_log(f"{call_id}|service|NONE|ABANDON|1|1|40")
        world.end(call_id)

    gives_up("c-1.1", ANNA)
    world.run(["ANSWER"], ticks=5)
    assert world.rung == []

    wanted = world.hotline.callbacks.model_copy(update={"abandoned": True})
    world.hotline = world.hotline.model_copy(update={"callbacks": wanted})
    gives_up("c-2.1", BEN)
    world.run(["ANSWER", "ANSWER"], ticks=10)
    assert callback(world, "c-2.1").reason == "abandoned"
    assert world.rings_of("c-2.1") == 1


def test_a_caller_cut_off_by_our_side_is_called_back_before_all_others(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.call("c-2.1", BEN)
    world.answer("c-2.1", BEN)
    world.ingestor.once()
    world.pass_time(30)
    world.crash()
    for _ in range(10):
        world.tick()
    assert (callback(world, "c-2.1").reason, callback(world, "c-2.1").priority) == ("cut_off", 2)
    world.agent_is_free("ANSWER")
    assert world.rung[-1][1] == BEN


def survey_attempt(world: World, number: str, attempt: int, at: datetime, *, over: bool = True) -> None:
    """A survey rang this number."""
    with world.store.write() as session:
        if session.get(Contact, "survey") is None:
            session.add(Customer(id=1, updated_at=NOON))
            session.flush()
            session.add(Visit(id=1, external_id="V1", customer_id=1, kind="保养", at=NOON))
            session.flush()
            when = {"due_at": NOON, "next_at": NOON, "expires_at": NOON}
            session.add(Contact(id="survey", survey="after_service", visit_id=1, number=number, language="en", **when))
            session.flush()
        end = {"dialled_at": at, "ended_at": at, "result": "busy"} if over else {}
        own = {"contact_id": "survey", "attempt": attempt, "call_id": f"sv-{attempt}", "number": number}
        session.add(ContactAttempt(**own, claimed_at=at, **end))


@pytest.mark.parametrize("reason", ["requested", "abandoned"])
def test_whoever_merely_gave_up_waiting_is_not_called_against_their_wish_whoever_asked_is(
    world: World, reason: str
) -> None:
    do_not_call.add(world.store, world.journal, ANNA, reason="page", by="boss")
    world.request("c-1.1", ANNA, reason=reason)
    world.run(["ANSWER"], ticks=5)
    assert callback(world, "c-1.1").state == ("answered" if reason == "requested" else "gave_up")
    assert len(world.rung) == (reason == "requested")


def test_a_place_is_given_up_when_the_number_is_put_on_the_do_not_call_list(world: World) -> None:
    world.request("c-1.1", ANNA, reason="abandoned")
    world.tick()
    world.tick()
    assert len(world.places) == 1
    do_not_call.add(world.store, world.journal, ANNA, reason="page", by="boss")
    for _ in range(4):
        world.tick()
    assert world.places == {} and callback(world, "c-1.1").state == "gave_up"


@pytest.mark.parametrize("reason", ["requested", "abandoned"])
def test_a_number_that_surveys_rang_often_enough_rings_no_more_unless_it_was_asked_for(
    world: World, reason: str
) -> None:
    for attempt in range(1, 6):
        survey_attempt(world, ANNA, attempt, NOON - timedelta(hours=attempt))
    world.request("c-1.1", ANNA, reason=reason)
    world.tick()
    world.tick()
    assert len(world.places) == (reason == "requested")
    if reason == "abandoned":
        assert callback(world, "c-1.1").next_at == NOON + timedelta(hours=19)


def test_while_a_survey_rings_the_customer_no_place_is_taken(world: World) -> None:
    survey_attempt(world, ANNA, 1, NOON, over=False)
    world.request("c-1.1", ANNA)
    world.tick()
    world.tick()
    assert world.places == {}
    assert not claim(world.store, "c-1.1", 1, world.now)
    with world.store.write() as session:
        row = session.get(ContactAttempt, ("survey", 1))
        assert row is not None
        row.result, row.ended_at = "busy", world.now
    world.tick()
    assert len(world.places) == 1


def test_the_emergency_stop_takes_every_place_out_of_the_line_and_its_end_puts_them_back(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.tick()
    world.tick()
    campaigns.stop_outbound(world.paths, world.journal, by="boss")
    for _ in range(4):
        world.tick()
    assert world.places == {}
    campaigns.resume_outbound(world.paths, world.journal, by="boss")
    for _ in range(9):
        world.tick()
    assert len(world.places) == 1
    world.agent_is_free("ANSWER")
    world.tick()
    assert world.rings_of("c-1.1") == 1


def test_rebuilding_from_the_journal_gives_the_same_callbacks(world: World) -> None:
    world.request("c-1.1", ANNA)
    world.request("c-2.1", BEN)
    world.request("c-3.1", CARL)
    world.run(["BUSY", "ANSWER", "NOANSWER", "NOANSWER", "NOANSWER", "ANSWER"], ticks=100)
    world.tick()
    before = dump(world.store, "callback", "callback_attempt")
    with world.store.write() as session:
        for row in session.scalars(select(Callback)):
            session.delete(row)
        for attempt in session.scalars(select(CallbackAttempt)):
            session.delete(attempt)
    world.start_programs()
    world.ingestor.rebuild()
    after = dump(world.store, "callback", "callback_attempt")
    assert len(before["callback"]) == 3
    assert without_clocks(after) == without_clocks(before)


def without_clocks(rows: dict[str, list[str]]) -> list[list[object]]:
    """Neither when a claim was made nor when the next look is due stands in the journal."""
    import json

    callbacks = [json.loads(row) for row in rows["callback"]]
    attempts = [json.loads(row) for row in rows["callback_attempt"]]
    columns = list(Callback.__table__.columns.keys())
    skip = columns.index("next_at")
    return sorted([[v for n, v in enumerate(row) if n != skip] for row in callbacks], key=str) + sorted(
        [[row[0], row[1], row[3], row[4], row[5]] for row in attempts], key=str
    )


STEPS = ["tick", "BUSY", "ANSWER", "CANCEL", "CRASH", "die before", "die after", "no ingest", "crash", "wait", "calls"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=25))
def test_whatever_dies_and_whenever_everybody_is_served_and_nobody_twice(
    tmp_path_factory: pytest.TempPathFactory, hotline: Hotline, steps: list[str]
) -> None:
    folder: Path = tmp_path_factory.mktemp("world")
    url = f"sqlite:///{folder / 'ivr.db'}"
    migrate(url)
    opened = open_store(url)
    world = World(StatePaths(folder / "state"), opened, hotline, NOON)
    numbers = {"c-1.1": ANNA, "c-2.1": BEN}
    for callback_id, number in numbers.items():
        world.request(callback_id, number)
    for count, step in enumerate(steps):
        match step:
            case "tick":
                world.tick()
            case "die before" | "die after":
                world.tick_and_die(step.removeprefix("die "))
            case "no ingest":
                world.tick(ingest=False)
            case "crash":
                world.crash()
            case "wait":
                world.pass_time(200)
            case "calls":
                world.call(f"c-5{count}.1", ANNA)
                world.end(f"c-5{count}.1")
            case _:
                world.agent_is_free(step)
        standing = [place.callback_id for place in world.places.values()]
        assert len(standing) == len(set(standing)), "one place a person"
    world.run(["ANSWER"] * 50, ticks=60)
    try:
        for callback_id, number in numbers.items():
            done = callback(world, callback_id)
            assert done.state in ("answered", "gave_up")
            rings = [status for rung, status, _ in world.rung if rung == callback_id]
            assert 1 <= len(rings) <= MAX_DIALS
            assert (callback_id in world.answered) == (done.state == "answered")
            assert callable_number(number) == number
    finally:
        opened.close()
