"""The survey dialler against a telephone system that behaves: nobody is lost, and nobody's phone rings twice."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.store.followup import Callback, CallbackAttempt
from ivr.store.migrate import migrate
from ivr.store.session import Store, open_store
from ivr.store.surveys import OPEN_STATES, Contact
from ivr.surveys import campaigns, do_not_call
from ivr.surveys.claims import claim
from ivr.surveys.line import Order
from tests.stores import dump, engine_url, store
from tests.survey_world import DUE_AFTER, SURVEY, World

__all__ = ["engine_url", "store"]

NOON = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai."""
ANNA, BEN, CARL = "13800138000", "13800138009", "02155667788"


@pytest.fixture(scope="module")
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


@pytest.fixture
def world(paths: StatePaths, store: Store, hotline: Hotline) -> World:
    return World(paths, store, hotline, NOON)


def numbers(world: World) -> list[str]:
    return [rung.number for rung in world.rung]


def test_a_customer_who_is_due_is_rung_once_and_answers(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.start()
    world.wait(60)
    done = world.contact(anna)
    assert (done.state, done.attempts, done.last_result) == ("completed", 1, "completed")
    assert numbers(world) == [ANNA]
    [order] = world.orders
    assert (order.number, order.customer, order.visit_kind, order.language) == (ANNA, "王先生", "保养", "zh-CN")
    assert (order.attempt, order.asking, order.answers, order.customer_id) == (1, "", (), 1)


def test_nobody_is_rung_before_the_campaign_is_started_nor_after_it_is_paused(world: World) -> None:
    world.change("outbound", calls_per_second=1, lines=5)
    anna, ben = world.visit("V1", ANNA), world.visit("V2", BEN)
    world.fates[ANNA] = ["busy"]
    world.ticks(3)
    assert world.rung == []
    world.start()
    world.tick()
    campaigns.pause(world.store, world.journal, world.hotline, SURVEY, by="boss")
    world.wait(3600)
    assert len(world.rung) == 1
    assert {world.contact(anna).state, world.contact(ben).state} == {"planned"}


def test_who_is_busy_is_rung_after_the_pause_and_the_page_can_say_why_not_before(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.fates[ANNA] = ["busy", "completed"]
    world.start()
    world.ticks(5)
    waits = world.contact(anna)
    assert (waits.state, waits.reason, waits.last_result) == ("planned", "pause_busy", "busy")
    assert timedelta(minutes=14) < waits.next_at - world.now < timedelta(minutes=15)
    world.wait(15 * 60)
    world.wait(60)
    assert world.results(anna) == ["busy", "completed"]
    first, second = world.rung
    assert second.at - first.at >= timedelta(minutes=15)


def test_a_call_that_broke_off_goes_on_at_the_unanswered_question(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.fates[ANNA] = ["broken_off", "completed"]
    world.start()
    world.wait(40)
    assert world.contact(anna).reason == "pause_broken_off"
    world.wait(120)
    world.wait(40)
    again = world.orders[-1]
    assert (again.attempt, again.asking) == (2, "recommend")
    assert dict(again.answers)["overall"] == "5"
    assert world.contact(anna).state == "completed"


def test_a_customer_never_reached_is_given_up_and_one_not_reached_in_time_expires(world: World) -> None:
    anna, ben = world.visit("V1", ANNA), world.visit("V2", BEN, due=NOON - timedelta(days=6, hours=23))
    world.fates = {ANNA: ["rejected"], BEN: ["no_answer"]}
    world.start()
    world.ticks(3)
    for _ in range(8 * 4):
        world.wait(6 * 3600)
    given_up, expired = world.contact(anna), world.contact(ben)
    assert (given_up.state, given_up.reason) == ("gave_up", "attempts_used")
    assert (expired.state, expired.reason) == ("expired", "too_late")
    assert len(world.results(anna)) == 2 and len(world.results(ben)) == 1


def test_contacts_expire_whether_or_not_their_campaign_runs_and_when_their_survey_is_gone(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.start()
    campaigns.pause(world.store, world.journal, world.hotline, SURVEY, by="boss")
    world.wait(8 * 86400)
    assert world.contact(anna).state == "expired"
    ben = world.visit("V2", BEN)
    world.start()
    world.hotline = world.hotline.model_copy(update={"surveys": {}})
    world.wait(8 * 86400)
    assert (world.contact(ben).state, world.contact(ben).reason) == ("expired", "survey_gone")
    assert world.rung == []


def test_key_customers_are_rung_first_then_agreed_times_then_the_longest_due(world: World) -> None:
    world.change("outbound", lines=1)
    agreed = "13800138001"
    world.visit("V1", agreed)
    world.fates[agreed] = ["later", "completed"]
    world.start()
    world.ticks(20)
    assert numbers(world) == [agreed]
    world.visit("V2", ANNA, due=world.now + timedelta(minutes=1))
    world.visit("V3", BEN, due=world.now)
    world.visit("V4", CARL, due=world.now + timedelta(minutes=2), key=True)
    world.start()
    world.pass_time(2.5 * 3600 + 2 * 3600)
    for _ in range(5):
        world.wait(60)
    assert numbers(world)[1:] == [CARL, agreed, BEN, ANNA]


def test_inbound_always_wins_a_line_for_each_caller_who_waits(world: World) -> None:
    world.change("outbound", lines=4, calls_per_second=50)
    for count in range(10):
        world.visit(f"V{count}", f"1380013800{count}")
        world.fates[f"1380013800{count}"] = ["never_ends"]
    world.callers = 3
    world.start()
    world.ticks(3)
    assert len(world.calls) == 1
    world.callers = 1
    world.ticks(3)
    assert len(world.calls) == 3
    world.callers = 9
    world.ticks(3)
    assert len(world.calls) == 3, "who is on the line is talked to"


@pytest.mark.parametrize("rate", [0.4, 1, 7, 50])
def test_calls_begin_evenly_at_the_set_rate(world: World, rate: float) -> None:
    world.change("outbound", lines=500, calls_per_second=rate)
    wanted = min(60, int(rate * 20))
    for count in range(wanted):
        number = f"138001{count:05}"
        world.visit(f"V{count}", number)
        world.fates[number] = ["busy"]
    world.start()
    while len(world.rung) < wanted:
        world.tick()
    took = (world.rung[-1].at - world.rung[0].at).total_seconds()
    assert took == pytest.approx((wanted - 1) / rate, rel=0.02)
    gaps = [(later.at - sooner.at).total_seconds() for sooner, later in pairwise(world.rung)]
    assert all(gap <= 1 / rate + 0.11 for gap in gaps), "no second stands still"


def test_the_same_number_is_never_rung_twice_at_once_nor_by_two_surveys_within_the_hour(world: World) -> None:
    world.change("outbound", calls_per_second=50)
    world.visit("V1", ANNA)
    world.visit("V2", ANNA)
    world.fates[ANNA] = ["no_answer"]
    world.start()
    world.wait(50)
    assert len(world.rung) == 1
    world.wait(3600)
    world.ticks(5)
    assert len(world.rung) == 2


def test_a_customer_who_answered_about_one_visit_is_not_asked_about_the_next_within_the_days_of_grace(
    world: World,
) -> None:
    world.visit("V1", ANNA)
    second = world.visit("V2", ANNA)
    world.start()
    world.wait(60)
    world.wait(3600)
    left = next(one for one in (world.contact(second), world.contact(world.rung[0].contact)) if one.state == "planned")
    assert left.reason == "asked_lately"
    world.wait(8 * 86400)
    assert world.contact(left.id).state == "expired"
    assert len(world.rung) == 1


def test_a_customer_who_is_calling_us_is_not_rung(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.caller("c-1.1", f"+86{ANNA}")
    world.start()
    world.ticks(10)
    assert world.rung == [] and world.contact(anna).reason == "calling_us"
    world.caller_ends("c-1.1")
    world.wait(31)
    assert numbers(world) == [ANNA]


def test_dials_of_queue_callbacks_count_for_the_caps_and_a_place_that_stands_is_not_disturbed(world: World) -> None:
    anna = world.visit("V1", ANNA)
    facts = {"queue": "service", "language": "zh-CN", "reason": "requested", "joined_at": NOON, "requested_at": NOON}
    with world.store.write() as session:
        session.add(Callback(id="c-1.1", number=ANNA, next_at=NOON, **facts))
        session.flush()
        for attempt in range(1, 6):
            result, ended = ("BUSY", NOON - timedelta(hours=attempt)) if attempt < 5 else (None, None)
            one = {"attempt": attempt, "result": result, "ended_at": ended}
            session.add(CallbackAttempt(callback_id="c-1.1", claimed_at=NOON - timedelta(hours=9), **one))
    world.start()
    world.ticks(5)
    assert world.contact(anna).reason == "being_rung"
    with world.store.write() as session:
        row = session.get(CallbackAttempt, ("c-1.1", 5))
        assert row is not None
        row.result, row.ended_at = "NOANSWER", world.now
    world.wait(3601)
    assert world.contact(anna).reason == "per_day"
    assert world.rung == []


def test_a_number_put_on_the_do_not_call_list_is_not_rung_from_that_moment_on(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.start()
    do_not_call.add(world.store, world.journal, ANNA, reason="page", by="boss")
    world.ticks(5)
    assert world.rung == []
    assert (world.contact(anna).state, world.contact(anna).reason) == ("gave_up", "do_not_call")
    order = Order(anna, 1, ANNA, SURVEY, "zh-CN")
    assert not claim(world.store, order, "due", world.now)


def test_whoever_presses_nine_is_rung_about_no_other_visit_either(world: World) -> None:
    world.visit("V1", ANNA)
    world.visit("V2", ANNA)
    world.fates[ANNA] = ["do_not_call"]
    world.start()
    world.wait(30)
    world.wait(3600)
    with world.store.read() as session:
        assert sorted(session.scalars(select(Contact.state))) == ["do_not_call", "gave_up"]
    assert len(world.rung) == 1


# ---- the emergency stop ----------------------------------------------------------------------------------


def test_the_emergency_stop_ends_what_rings_lets_talks_end_and_rings_nobody_until_it_is_over(world: World) -> None:
    world.change("outbound", lines=3, calls_per_second=50)
    anna, ben, carl = world.visit("V1", ANNA), world.visit("V2", BEN), world.visit("V3", CARL)
    world.visit("V4", "13800138003")
    world.fates = {ANNA: ["completed"], BEN: ["no_answer", "completed"], CARL: ["no_answer", "completed"]}
    world.start()
    world.ticks(9)
    campaigns.stop_outbound(world.paths, world.journal, by="boss")
    world.tick()
    assert sorted(world.hung_up) == sorted(f"sv{one}-1" for one in (ben, carl))
    world.wait(60)
    assert world.contact(anna).state == "completed", "who had answered was talked to"
    world.wait(3600)
    assert len(world.rung) == 3
    campaigns.resume_outbound(world.paths, world.journal, by="boss")
    world.wait(90)
    assert world.contact(ben).state == world.contact(carl).state == "completed"
    assert len(world.rung) == 6


def test_a_stop_within_a_look_keeps_the_next_customer_from_being_rung(world: World) -> None:
    for count in range(4):
        world.visit(f"V{count}", f"1380013800{count}")
    world.change("outbound", calls_per_second=5)
    world.start()

    def stop(point: str) -> None:
        if point == "asleep":
            campaigns.stop_outbound(world.paths, world.journal, by="boss")

    world.kill = stop
    world.tick()
    world.kill = lambda point: None
    world.ticks(5)
    assert len(world.rung) == 1


# ---- whatever dies ---------------------------------------------------------------------------------------

POINTS = ["asking what is up", "asking who waits", "asleep", "before it rings", "after it rings"]


@pytest.mark.parametrize("point", POINTS)
def test_a_dialler_killed_at_any_step_loses_nobody_and_rings_nobody_twice(world: World, point: str) -> None:
    world.change("outbound", calls_per_second=2)
    contacts = [world.visit(f"V{count}", f"1380013800{count}") for count in range(3)]
    world.start()
    assert world.tick_and_die(point)
    for _ in range(8):
        world.wait(25)
    assert [world.contact(one).state for one in contacts] == ["completed"] * 3
    assert len(numbers(world)) == len(set(numbers(world))) == 3


@pytest.mark.parametrize("point", ["before it writes", "after it wrote"])
def test_a_dialler_killed_while_it_gives_up_says_so_at_last(world: World, point: str) -> None:
    anna = world.visit("V1", ANNA, blocked=True)
    world.start()
    assert world.tick_and_die(point)
    world.ticks(5)
    assert (world.contact(anna).state, world.contact(anna).reason) == ("gave_up", "blocked")
    world.wait(3600)
    told = (world.paths.journal / "flow.jsonl").read_text()
    assert told.count("contact.gave_up") == 1


def test_why_a_contact_was_given_up_is_known_however_quick_ingestion_is(world: World) -> None:
    """Ingestion reads what the dialler has just written down, before the dialler says so in the table."""
    anna = world.visit("V1", ANNA)
    world.start()
    do_not_call.add(world.store, world.journal, ANNA, reason="page", by="boss")

    def at(point: str) -> None:
        if point == "after it wrote":
            world.ingestor.once()

    world.kill = at
    world.ticks(2)
    assert (world.contact(anna).state, world.contact(anna).reason) == ("gave_up", "do_not_call")


def test_while_asterisk_does_not_answer_nothing_is_claimed(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.start()
    world.unreachable = True
    world.ticks(10)
    assert world.contact(anna).attempts == 0
    world.unreachable = False
    world.wait(60)
    assert world.contact(anna).state == "completed"


def test_an_order_whose_answer_never_came_is_not_given_twice(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.uncertain = True
    world.start()
    world.ticks(3)
    world.uncertain = False
    world.wait(60)
    assert world.contact(anna).state == "completed"
    assert len(world.rung) == 1


def test_a_claim_that_never_reached_asterisk_is_lost_after_seconds_and_made_good_after_a_minute(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.start()
    world.tick_and_die("before it rings")
    assert world.contact(anna).state == "dialling"
    world.ticks(10)
    assert (world.contact(anna).state, world.contact(anna).reason) == ("planned", "pause_our_fault")
    world.wait(60)
    world.wait(40)
    assert world.results(anna) == ["lost", "completed"]
    assert len(world.rung) == 1


def test_an_attempt_that_nobody_knows_to_have_rung_counts_for_the_caps_all_the_same(world: World) -> None:
    """Asterisk may have dialled, and died before it wrote so into its journal."""
    world.change("outbound", per_day=2)
    anna = world.visit("V1", ANNA)
    world.start()
    for _ in range(2):
        world.tick_and_die("before it rings")
        world.ticks(10)
        world.pass_time(120)
    world.ticks(5)
    assert world.results(anna) == ["lost", "lost"]
    assert (world.contact(anna).reason, world.rung) == ("per_day", [])


def test_nobody_is_rung_on_yesterdays_news(world: World) -> None:
    """Ingestion is dead while the customer is rung and answers: the dialler waits until it knows."""
    anna = world.visit("V1", ANNA)
    world.start()
    world.tick()
    for _ in range(5):
        world.pass_time(60)
        world.tick(ingest=False)
    assert len(world.rung) == 1
    world.ticks(10)
    assert world.contact(anna).state == "completed"


def test_customers_whom_asterisk_left_ringing_or_talking_as_it_died_are_rung_again(world: World) -> None:
    world.change("outbound", calls_per_second=50)
    anna, ben = world.visit("V1", ANNA), world.visit("V2", BEN)
    world.fates = {ANNA: ["never_ends", "completed"], BEN: ["completed"]}
    world.start()
    world.ticks(15)
    world.crash()
    world.ticks(5)
    assert (world.results(anna), world.results(ben)) == (["unknown"], ["broken_off"])
    assert (world.contact(anna).reason, world.contact(ben).reason) == ("pause_unknown", "pause_broken_off")
    world.wait(120)
    world.wait(60)
    assert world.contact(ben).state == "completed"
    for _ in range(4):
        world.wait(3 * 3600)
        world.wait(60)
    assert world.contact(anna).state == "completed"


def test_a_second_dialler_cannot_claim_the_same_attempt(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.start()
    first, second = (Order(anna, attempt, ANNA, SURVEY, "zh-CN") for attempt in (1, 2))
    assert claim(world.store, first, "due", world.now)
    assert not claim(world.store, first, "due", world.now)
    assert not claim(world.store, second, "due", world.now), "not while the first is under way"


def test_rebuilding_from_the_journal_gives_the_same_rows(world: World) -> None:
    for count, fate in enumerate(["busy", "broken_off", "completed", "declined", "do_not_call", "later", "rejected"]):
        number = f"1380013800{count}"
        world.visit(f"V{count}", number)
        world.fates[number] = [fate, "completed"]
    world.start()
    for _ in range(5):
        world.wait(3600)
        world.wait(60)
    tables = ("contact", "contact_attempt", "answer", "do_not_call")
    before = dump(world.store, *tables)
    world.start_programs()
    world.ingestor.rebuild()
    assert dump(world.store, *tables) == before
    with world.store.write() as session:
        for row in session.scalars(select(Contact)):
            session.delete(row)
    world.start()
    with world.store.read() as session:
        states = {row.state for row in session.scalars(select(Contact))}
    assert "completed" in states and "declined" in states, "what the journal knows is known of contacts made anew"
    rung = len(world.rung)
    world.ticks(5)
    assert len(world.rung) == rung, "and nobody is rung again at once"


def test_an_end_that_the_dialler_wrote_before_asterisks_start_was_known_is_the_same_after_rebuilding(
    world: World,
) -> None:
    anna = world.visit("V1", ANNA)
    world.fates = {ANNA: ["never_ends"]}
    world.start()
    world.ticks(3)
    world.calls.clear()
    world.ticks(10)
    assert world.results(anna) == ["unknown"]
    world.restarted()
    world.ticks(2)
    before = dump(world.store, "contact", "contact_attempt")
    world.ingestor.rebuild()
    assert dump(world.store, "contact", "contact_attempt") == before


def test_with_nothing_to_do_nothing_is_written(world: World) -> None:
    anna = world.visit("V1", ANNA)
    world.start()
    world.pass_time(9.9 * 3600)  # 19:54
    world.fates[ANNA] = ["rejected"]
    world.wait(30)
    assert world.contact(anna).reason == "pause_rejected"
    written: list[str] = []
    listener = lambda *told: written.append(str(told[2]))  # noqa: E731
    event.listen(world.store.engine, "before_cursor_execute", listener)
    world.ticks(20)
    event.remove(world.store.engine, "before_cursor_execute", listener)
    assert not [one for one in written if one.lstrip().upper().startswith(("UPDATE", "INSERT", "DELETE"))]


# ---- anything, in any order ------------------------------------------------------------------------------

STEPS = [
    *("tick", "minutes", "hours", "no ingest", "crash", "stop", "go", "pause", "start"),
    *(f"die {point}" for point in POINTS),
    *("uncertain", "unreachable"),
]
FATES = ["completed", "busy", "no_answer", "broken_off", "later", "machine", "rejected", "failed", "no_human"]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.sampled_from(STEPS), max_size=25),
    fates=st.lists(st.lists(st.sampled_from(FATES), min_size=1, max_size=3), min_size=3, max_size=3),
)
def test_whatever_dies_and_whenever_everybody_has_an_end_and_nobody_is_rung_against_the_rules(
    tmp_path_factory: pytest.TempPathFactory, hotline: Hotline, steps: list[str], fates: list[list[str]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("world")
    url = f"sqlite:///{folder / 'ivr.db'}"
    migrate(url)
    opened = open_store(url)
    world = World(StatePaths(folder / "state"), opened, hotline, NOON)
    contacts = [world.visit(f"V{count}", f"1380013800{count}") for count in range(3)]
    world.fates = {f"1380013800{count}": [*fate, "completed"] for count, fate in enumerate(fates)}
    world.start()
    for step in steps:
        match step:
            case "tick":
                world.ticks(5)
            case "minutes":
                world.wait(150)
            case "hours":
                world.wait(4 * 3600)
            case "no ingest":
                world.tick(ingest=False)
            case "crash":
                world.crash()
            case "stop":
                campaigns.stop_outbound(world.paths, world.journal, by="boss")
            case "go":
                campaigns.resume_outbound(world.paths, world.journal, by="boss")
            case "pause":
                campaigns.pause(world.store, world.journal, world.hotline, SURVEY, by="boss")
            case "start":
                campaigns.start(world.store, world.journal, world.hotline, SURVEY, by="boss")
            case "uncertain" | "unreachable":
                setattr(world, step, True)
                world.tick()
                setattr(world, step, False)
            case _:
                world.tick_and_die(step.removeprefix("die "))
    campaigns.resume_outbound(world.paths, world.journal, by="boss")
    campaigns.start(world.store, world.journal, world.hotline, SURVEY, by="boss")
    for _ in range(9 * 8):
        if all(world.contact(one).state not in OPEN_STATES for one in contacts):
            break
        world.wait(3 * 3600)
    try:
        for one in contacts:
            found = world.contact(one)
            assert found.state not in OPEN_STATES, found.reason
            rung = [each for each in world.rung if each.contact == one]
            assert len({each.attempt for each in rung}) == len(rung), "no attempt twice"
            times = [each.at for each in rung]
            assert all(later - sooner >= timedelta(seconds=60) for sooner, later in pairwise(times))
            for at in times:
                local = at.astimezone(hotline.zone)
                assert "09:00" <= f"{local:%H:%M}" < "12:00" or "14:00" <= f"{local:%H:%M}" < "20:00"
                assert sum(at - timedelta(days=1) < other <= at for other in times) <= 5
                assert sum(at - timedelta(minutes=5) < other <= at for other in times) <= 3
    finally:
        opened.close()
    assert timedelta(hours=hotline.surveys[SURVEY].after_hours) == DUE_AFTER
