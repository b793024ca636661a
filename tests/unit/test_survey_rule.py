"""Who is rung when: every outcome has its pause, every contact its end, and the reason is always told."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.callbacks.caps import Caps
from ivr.hotline import Hours
from ivr.hotline.calendar import DayCalendar
from ivr.hotline.surveys import Retries
from ivr.store.surveys import AttemptResult
from ivr.surveys.policy import Windows
from ivr.surveys.rule import (
    BREATHER,
    KEPT_PROMISE,
    LOOK_AGAIN,
    OUR_FAULT,
    OVER,
    Circumstances,
    Decision,
    Due,
    Reason,
    Tried,
    decide,
    order_key,
)
from tests.survey_times import Business, businesses, moments

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEKDAY = Windows(
    SHANGHAI, ((480, 1260),), Hours.parse({"mon-sun": "09:00-12:00, 14:00-20:00"}), DayCalendar(chinese_holidays=False)
)


def at(clock: str, day: int = 2) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-03-{day:02} {clock}").replace(tzinfo=SHANGHAI)


DUE = Due(due_at=at("09:00"), expires_at=at("09:00", 9))


def here(now: dt.datetime, **differs: Any) -> Circumstances:
    return replace(Circumstances(now, WEEKDAY, Retries(), Caps()), **differs)


def tried(*results: AttemptResult, last: dt.datetime, hours: float = 24) -> list[Tried]:
    """Attempts with these results, the last of them at `last`, the others so many hours apart before it."""
    first = last - dt.timedelta(hours=hours) * (len(results) - 1)
    moments = [first + dt.timedelta(hours=hours) * n for n in range(len(results))]
    return [
        Tried(n, when, when, when, result) for n, (result, when) in enumerate(zip(results, moments, strict=True), 1)
    ]


def after(result: AttemptResult, when: dt.datetime, **differs: Any) -> Decision:
    """What is decided right after an attempt that ended so."""
    return decide(DUE, tried(result, last=when), here(when, **differs))


# ---- stories ---------------------------------------------------------------------------------------------


def test_a_contact_that_is_due_is_rung_and_one_that_is_not_waits() -> None:
    assert decide(DUE, [], here(at("09:00"))) == Decision("dial", "due")
    assert decide(DUE, [], here(at("08:00"))) == Decision("wait", "not_due", at("09:00"))


@pytest.mark.parametrize(
    ("result", "reason", "minutes"),
    [
        ("busy", "pause_busy", 15),
        ("rejected", "pause_rejected", 1440),
        ("machine", "pause_machine", 240),
        ("phone_menu", "pause_phone_menu", 240),
        ("no_answer", "pause_no_answer", 180),
        ("no_human", "pause_no_human", 180),
        ("unknown", "pause_unknown", 180),
        ("broken_off", "pause_broken_off", 2),
        ("failed", "pause_our_fault", 1),
        ("lost", "pause_our_fault", 1),
        ("refused", "pause_our_fault", 1),
    ],
)
def test_every_outcome_has_its_pause(result: AttemptResult, reason: Reason, minutes: float) -> None:
    rung = at("10:00")
    assert after(result, rung) == Decision("wait", reason, rung + dt.timedelta(minutes=minutes))


def test_a_busy_customer_is_tried_after_each_pause_and_then_given_up() -> None:
    assert decide(DUE, tried("busy", last=at("10:00")), here(at("10:15"))) == Decision("dial", "another_try")
    twice = tried("busy", "busy", last=at("10:15"), hours=0.25)
    assert decide(DUE, twice, here(at("10:15"))).at == at("12:15")
    thrice = tried("busy", "busy", "busy", last=at("15:00"), hours=1)
    assert decide(DUE, thrice, here(at("15:00"))) == Decision("give_up", "attempts_used")


def test_the_attempts_of_all_kinds_together_have_an_end_and_our_own_failures_do_not_count() -> None:
    mixed = tried("busy", "no_answer", "machine", "rejected", "busy", last=at("10:00", 8))
    assert decide(DUE, mixed, here(at("10:00", 8))).step == "give_up"
    ours = tried("busy", "lost", "failed", "refused", "failed", "lost", last=at("10:00", 4), hours=1)
    assert decide(DUE, ours, here(at("18:00", 4))) == Decision("dial", "another_try")


def test_who_did_not_answer_in_the_morning_is_rung_in_the_afternoon_then_in_the_evening() -> None:
    morning = tried("no_answer", last=at("09:00"))
    assert decide(DUE, morning, here(at("12:00"))) == Decision("wait", "outside_hours", at("14:00"))
    assert decide(DUE, morning, here(at("09:00", 3))) == Decision("wait", "other_part_of_day", at("14:00", 3))
    both = tried("no_answer", "machine", last=at("14:00"), hours=5)
    assert decide(DUE, both, here(at("10:00", 4))) == Decision("wait", "other_part_of_day", at("18:00", 4))


def test_another_part_of_the_day_that_never_comes_is_not_waited_for() -> None:
    mornings = replace(WEEKDAY, hours=Hours.parse({"mon-sun": "09:00-12:00"}), _known={})
    missed = tried("no_answer", last=at("09:00"))
    assert decide(DUE, missed, here(at("09:00", 3), windows=mornings)) == Decision("dial", "another_try")


def test_a_call_that_broke_off_goes_on_two_minutes_later() -> None:
    broken = tried("broken_off", last=at("10:00"))
    assert decide(DUE, broken, here(at("10:02"))) == Decision("dial", "goes_on")


def test_a_line_that_fails_is_tried_ever_more_rarely_and_shortens_no_pause() -> None:
    def pause(times: int) -> dt.timedelta:
        found = decide(DUE, tried(*["lost"] * times, last=at("14:00"), hours=0.1), here(at("14:00")))  # type: ignore[list-item]
        assert found.at is not None
        return found.at - at("14:00")

    assert [pause(times) / dt.timedelta(minutes=1) for times in (1, 2, 4, 12)] == [1, 2, 8, 240]
    lost = tried("rejected", "lost", last=at("10:01"), hours=1 / 60)
    assert decide(DUE, lost, here(at("10:05"))) == Decision("wait", "pause_rejected", at("10:00", 3))


def test_an_agreed_time_is_kept_even_when_the_survey_would_be_over_and_the_attempts_used() -> None:
    agreed = replace(DUE, agreed_at=at("15:00", 9), reached=True)
    later = tried("busy", "busy", "no_answer", "no_answer", "later", last=at("10:00", 8), hours=24)
    assert decide(agreed, later, here(at("11:00", 8))) == Decision("wait", "agreed_later", at("15:00", 9))
    assert decide(agreed, later, here(at("15:00", 9))) == Decision("dial", "agreed_time")
    assert decide(agreed, later, here(at("15:00", 9) + KEPT_PROMISE)) == Decision("expire", "too_late")
    again = [*later, *tried("later", last=at("15:00", 9))]
    assert decide(agreed, again, here(at("15:01", 9))).step == "give_up"


def test_nobody_is_rung_whose_words_about_the_time_are_not_understood_yet() -> None:
    said = replace(DUE, time_said=True, reached=True)
    later = tried("later", last=at("10:00"))
    for hour in ("10:01", "15:00", "19:00"):
        assert decide(said, later, here(at(hour))) == Decision("wait", "time_said", at(hour) + LOOK_AGAIN)
    assert decide(said, later, here(said.expires_at)).step == "expire"
    understood = replace(said, agreed_at=at("15:00"))
    assert decide(understood, later, here(at("15:00"))) == Decision("dial", "agreed_time")


def test_later_without_a_time_is_some_hours_later() -> None:
    assert after("later", at("10:00")) == Decision("wait", "agreed_later", at("13:00"))


@pytest.mark.parametrize("barred", ["do_not_call", "blocked", "no_consent", "withdrawn", "number_unusable"])
def test_who_must_not_be_rung_is_given_up_with_the_reason(barred: Any) -> None:
    assert decide(DUE, [], here(at("10:00"), barred=barred)) == Decision("give_up", barred)


def test_a_customer_asked_lately_waits_and_what_is_too_late_by_then_expires_for_that_reason() -> None:
    lately = {"asked_at": at("10:00", 1), "again_days": 3}
    assert decide(DUE, [], here(at("10:00"), **lately)) == Decision("wait", "asked_lately", at("10:00", 4))
    month = {"asked_at": at("10:00", 1), "again_days": 30}
    assert decide(DUE, [], here(at("10:00"), **month)) == Decision("wait", "asked_lately", DUE.expires_at)
    assert decide(DUE, [], here(DUE.expires_at, **month)) == Decision("expire", "asked_lately")
    begun = replace(DUE, reached=True)
    broken = tried("broken_off", last=at("10:00"))
    assert decide(begun, broken, here(at("10:02"), **month)).step == "dial", "what has begun is brought to its end"


def test_a_customer_called_for_something_else_is_given_a_breather() -> None:
    rung = here(at("10:00"), other_dial=at("09:30"), dials=(at("09:30"),))
    assert decide(DUE, [], rung) == Decision("wait", "rung_lately", at("09:30") + BREATHER)


@pytest.mark.parametrize("in_use", ["calling_us", "being_rung"])
def test_a_customer_on_the_phone_is_looked_at_again_soon(in_use: Any) -> None:
    found = decide(DUE, [], here(at("10:00"), in_use=in_use))
    assert (found.step, found.reason) == ("wait", in_use)
    assert found.at is not None and at("10:00") < found.at <= at("10:01")


def test_the_caps_of_a_number_count_every_dial_whatever_it_was_for() -> None:
    three = tuple(at("10:00") + dt.timedelta(minutes=n) for n in range(3))
    assert decide(DUE, [], here(at("10:02"), dials=three)) == Decision("wait", "per_5min", at("10:05"))
    five = tuple(at("10:00") + dt.timedelta(hours=n) for n in range(5))
    assert decide(DUE, [], here(at("17:00"), dials=five)) == Decision("wait", "per_day", at("10:00", 3))
    assert decide(DUE, [], here(at("17:00"), dials=five[:1], caps=Caps(per_day=1))).reason == "per_day"
    assert decide(DUE, [], here(at("17:00"), dials=five, caps=Caps(per_day=99))).reason == "per_day"


def test_outside_the_hours_the_next_ones_are_named() -> None:
    assert decide(DUE, [], here(at("12:30"))) == Decision("wait", "outside_hours", at("14:00"))
    closed = replace(WEEKDAY, calendar=DayCalendar(exceptions={dt.date(2026, 3, 2): "closed"}), _known={})
    assert decide(DUE, [], here(at("12:30"), windows=closed)) == Decision("wait", "closed_day", at("09:00", 3))
    never = replace(WEEKDAY, hours=Hours.parse({"mon": "06:00-08:00"}), _known={})
    assert decide(DUE, [], here(at("12:30"), windows=never)) == Decision("wait", "never_open", DUE.expires_at)


def test_whoever_was_reached_or_is_being_rung_is_left_alone() -> None:
    for result in sorted(OVER):
        assert decide(DUE, tried(result, last=at("10:00")), here(at("10:00", 3))) == Decision("wait", "over")
    assert decide(DUE, [Tried(1, at("10:00"))], here(at("10:01"))).reason == "being_rung"


def test_key_customers_come_first_then_agreed_times_then_whose_turn_came_first() -> None:
    ordered = [
        order_key(True, False, at("11:00"), at("11:00")),
        order_key(False, True, at("11:00"), at("11:00")),
        order_key(False, False, at("10:00"), at("09:00")),
        order_key(False, False, at("10:00"), at("10:00")),
        order_key(False, False, at("11:00"), at("09:00")),
    ]
    assert ordered == sorted(ordered)


# ---- whatever happens ------------------------------------------------------------------------------------

RESULTS: tuple[AttemptResult, ...] = get_args(AttemptResult)
pauses = st.lists(st.floats(1, 10080), max_size=4)


@dataclass
class Customer:
    """A contact in a made-up world: what becomes of its attempts is in `fate`."""

    due: Due
    fate: list[tuple[AttemptResult, int]]
    next_at: dt.datetime
    attempts: list[Tried] = field(default_factory=list)
    over: bool = False

    def rung(self, now: dt.datetime) -> None:
        number = len(self.attempts) + 1
        result, seconds = self.fate[(number - 1) % len(self.fate)]
        rung_at = None if result in ("lost", "refused") else now + dt.timedelta(seconds=seconds % 3)
        ended = now + dt.timedelta(seconds=3 + seconds)
        self.attempts.append(Tried(number, now, rung_at, ended, result))
        self.next_at, self.over = ended, result in OVER
        if result == "later":
            self.due = replace(self.due, reached=True, agreed_at=ended + dt.timedelta(seconds=seconds * 200))


@dataclass
class World:
    """One customer's number, with a contact or two of two surveys and calls for other reasons, and a clock."""

    business: Business
    retries: Retries
    caps: Caps
    again_days: int
    customers: list[Customer]
    others: list[dt.datetime]
    now: dt.datetime
    dialled: list[dt.datetime] = field(default_factory=list)

    def circumstances(self, one: Customer) -> Circumstances:
        def dials(of: list[Customer]) -> list[dt.datetime]:
            attempts = [each for other in of for each in other.attempts]
            return [each.at for each in attempts if each.result not in ("lost", "refused")]

        since = self.now - dt.timedelta(days=1)
        rest = [other for other in self.customers if other is not one]
        other = [when for when in (*dials(rest), *self.others) if since < when <= self.now]
        on = [each for other in rest for each in other.attempts if each.over_at > self.now]
        reached = [each.over_at for other in rest for each in other.attempts if each.result in (*OVER, "later")]
        return Circumstances(
            now=self.now,
            windows=self.business.windows(),
            retries=self.retries,
            caps=self.caps,
            again_days=self.again_days,
            in_use="being_rung" if on else None,
            dials=tuple(when for when in (*dials([one]), *other) if when > since),
            other_dial=max(other, default=None),
            asked_at=max(reached, default=None),
        )

    def run(self, watch: Callable[[Customer, Decision], None]) -> int:
        """Until every contact has its end; the number of decisions."""
        for steps in range(20_000):
            left = [one for one in self.customers if not one.over]
            if not left:
                return steps
            one = min(left, key=lambda each: each.next_at)
            self.now = max(self.now, one.next_at)
            found = decide(one.due, one.attempts, self.circumstances(one))
            watch(one, found)
            match found.step:
                case "dial":
                    one.rung(self.now)
                    self.dialled.append(one.attempts[-1].at)
                case "wait":
                    assert found.at is not None and found.at > self.now, "every wait ends"
                    one.next_at = found.at
                case _:
                    one.over = True
        raise AssertionError("it goes on for ever")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    start = draw(moments)
    fate = st.lists(st.tuples(st.sampled_from(RESULTS), st.integers(0, 900)), min_size=1, max_size=8)
    customers = []
    for _ in range(draw(st.integers(1, 2))):
        due = start + dt.timedelta(minutes=draw(st.integers(0, 3000)))
        valid = dt.timedelta(hours=draw(st.integers(1, 24 * 14)))
        customers.append(Customer(Due(due, due + valid), draw(fate), start))
    names = ("busy", "no_answer", "machine", "rejected", "broken_off")
    offsets = draw(st.lists(st.integers(0, 20_000), max_size=8))
    return World(
        business=draw(businesses(near=start)),
        retries=Retries(total=draw(st.integers(1, 10)), **{f"{name}_minutes": draw(pauses) for name in names}),
        caps=Caps(draw(st.integers(1, 9)), draw(st.integers(1, 9))),
        again_days=draw(st.integers(0, 5)),
        customers=customers,
        others=[start + dt.timedelta(minutes=offset) for offset in offsets],
        now=start,
    )


@settings(max_examples=500)
@given(worlds())
def test_no_phone_rings_outside_a_window_no_cap_is_broken_and_everything_ends(world: World) -> None:
    def watch(one: Customer, found: Decision) -> None:
        assert found.reason in get_args(Reason)
        if found.step == "dial":
            assert world.business.allows(world.now), "never outside the hours"
            assert world.business.allows(world.now + dt.timedelta(seconds=30))
            assert one.due.due_at <= world.now
            assert world.now < max(one.due.expires_at, (one.due.agreed_at or one.due.expires_at) + KEPT_PROMISE)
            rung = [when for when in (*world.dialled, *world.others) if when <= world.now] + [world.now]
            counted = [when for when in rung if not _came_to_nothing(world, when)]
            assert sum(when > world.now - dt.timedelta(hours=24) for when in counted) <= min(5, world.caps.per_day)
            assert sum(when > world.now - dt.timedelta(minutes=5) for when in counted) <= min(3, world.caps.per_5min)
        if found.step == "expire":
            assert world.now >= one.due.expires_at, "nobody is dropped before the time"

    world.run(watch)
    for one in world.customers:
        counted = [attempt for attempt in one.attempts if attempt.result not in OUR_FAULT]
        assert len(counted) <= world.retries.total + 1
        assert all(first.over_at <= then.claimed_at for first, then in pairwise(one.attempts))
        assert not any(attempt.result in OVER for attempt in one.attempts[:-1]), "whoever was reached is left alone"


def _came_to_nothing(world: World, when: dt.datetime) -> bool:
    attempts = [attempt for one in world.customers for attempt in one.attempts]
    return any(attempt.claimed_at == when and attempt.dialled_at is None for attempt in attempts)


@settings(max_examples=200)
@given(worlds())
def test_the_same_facts_give_the_same_decision(world: World) -> None:
    one = world.customers[0]
    facts = world.circumstances(one)
    assert decide(one.due, one.attempts, facts) == decide(one.due, one.attempts, facts)


@settings(max_examples=300)
@given(worlds())
def test_a_customer_who_never_answers_is_never_rung_twice_in_a_row_in_one_part_of_the_day_while_there_is_another(
    world: World,
) -> None:
    world.customers = world.customers[:1]
    [one] = world.customers
    one.fate, world.caps = [("no_answer", 20)], Caps()
    windows = world.business.windows()

    def watch(customer: Customer, found: Decision) -> None:
        if found.step == "dial" and customer.attempts:
            last = windows.part_of(customer.attempts[-1].at)
            parts = {"morning", "afternoon", "evening"} - {last}
            other = windows.next_open(world.now, until=customer.due.expires_at, parts=parts)  # type: ignore[arg-type]
            assert windows.part_of(world.now) != last or other is None

    world.run(watch)
