"""Fair callbacks: who is next in line, when a customer is tried again, and when a person has to take over."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.callbacks.attempts import ANSWERED, LOST, UNKNOWN, Attempt, attempt_call_id, read_call_id
from ivr.callbacks.numbers import as_shown, callable_number
from ivr.callbacks.rule import MAX_DIALS, Circumstances, decide, line_order

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
RETRY = (5.0, 30.0)


def here(now: datetime = NOON, **differs: object) -> Circumstances:
    usual: dict[str, object] = {
        "requested_at": NOON - timedelta(hours=1),
        "queue_open": True,
        "on_the_line": False,
        "window": "08:00-21:00",
        "zone": SHANGHAI,
        "retry_minutes": RETRY,
    }
    return Circumstances(now=now, **{**usual, **differs})  # type: ignore[arg-type]


def tried(*results: str, dialled: bool = True, each: timedelta = timedelta(minutes=40)) -> list[Attempt]:
    """Attempts with these results; the last of them ended at noon."""
    first = NOON - each * (len(results) - 1)
    return [
        Attempt(number, attempt_call_id("c", number), at, at if dialled else None, at, result)
        for number, (result, at) in enumerate(((r, first + each * n) for n, r in enumerate(results)), start=1)
    ]


def test_a_callback_just_asked_for_is_placed_at_once() -> None:
    assert decide([], here()).step == "place"


def test_a_busy_customer_is_tried_again_after_each_pause_of_the_rule_and_then_a_person_takes_over() -> None:
    first = decide(tried("BUSY"), here())
    assert (first.step, first.at) == ("wait", NOON + timedelta(minutes=5))
    assert decide(tried("BUSY"), here(NOON + timedelta(minutes=5))).step == "place"
    second = decide(tried("BUSY", "NOANSWER"), here())
    assert (second.step, second.at) == ("wait", NOON + timedelta(minutes=30))
    assert decide(tried("BUSY", "NOANSWER", "BUSY"), here()).step == "give_up"


def test_a_customer_whose_phone_rang_for_an_agent_who_left_loses_no_attempt() -> None:
    assert decide(tried("CANCEL"), here(NOON + timedelta(minutes=1))).step == "place"
    assert decide(tried("CANCEL", "BUSY", "BUSY"), here(NOON + timedelta(hours=1))).step == "place"


def test_nobody_is_rung_without_end_whoever_was_at_fault() -> None:
    assert decide(tried(*["CANCEL"] * MAX_DIALS), here(NOON + timedelta(hours=1))).step == "give_up"


def test_a_lost_place_is_taken_again_soon_and_never_in_a_tight_circle() -> None:
    pauses = []
    for times in (1, 2, 5, 30):
        waits = decide(tried(*[LOST] * times, dialled=False, each=timedelta(seconds=1)), here())
        assert waits.step == "wait" and waits.at is not None
        pauses.append((waits.at - NOON).total_seconds())
    assert pauses == [2, 4, 32, 600]


def test_a_place_lost_within_the_pause_does_not_shorten_it() -> None:
    attempts = [*tried("BUSY"), Attempt(2, "c-cb2", NOON, None, NOON, LOST)]
    assert decide(attempts, here()).at == NOON + timedelta(minutes=5)


def test_a_customer_who_is_calling_us_is_not_dialled() -> None:
    assert decide([], here(on_the_line=True)).step == "wait"


def test_nobody_is_dialled_at_night_and_the_next_morning_is_named() -> None:
    night = datetime(2026, 3, 2, 22, 30, tzinfo=SHANGHAI)
    waits = decide([], here(night, requested_at=night))
    assert (waits.step, waits.at) == ("wait", datetime(2026, 3, 3, 8, 0, tzinfo=SHANGHAI))
    early = datetime(2026, 3, 3, 7, 59, tzinfo=SHANGHAI)
    assert decide([], here(early, requested_at=early)).at == datetime(2026, 3, 3, 8, 0, tzinfo=SHANGHAI)
    assert decide([], here(early + timedelta(minutes=1), requested_at=early)).step == "place"


def test_a_closed_queue_is_waited_for() -> None:
    assert decide([], here(queue_open=False)).step == "wait"


def test_after_ten_days_a_person_looks_into_it() -> None:
    assert decide([], here(requested_at=NOON - timedelta(days=11))).step == "give_up"


@given(
    results=st.lists(st.sampled_from([ANSWERED, "BUSY", "NOANSWER", "CONGESTION", "CANCEL", UNKNOWN]), max_size=8),
    minutes=st.integers(0, 60 * 24),
)
def test_whoever_has_been_reached_is_never_dialled_again(results: list[str], minutes: int) -> None:
    decision = decide(tried(*results), here(NOON + timedelta(minutes=minutes)))
    if ANSWERED in results:
        assert decision.step == "wait"
    if decision.step == "place":
        assert len(results) < MAX_DIALS
        assert sum(result not in ("CANCEL", UNKNOWN) for result in results) <= len(RETRY)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10_000), st.uuids().map(str)), unique_by=lambda one: one[2])
)
def test_who_joined_earlier_comes_first_within_a_class_and_no_class_is_overtaken_by_a_lower_one(
    people: list[tuple[int, int, str]],
) -> None:
    ordered = sorted(people, key=lambda one: line_order(one[0], NOON + timedelta(seconds=one[1]), one[2]))
    for before, after in pairwise(ordered):
        assert before[0] > after[0] or (before[0] == after[0] and before[1] <= after[1])


@pytest.mark.parametrize(
    ("shown", "dialled"),
    [
        ("13800138000", "13800138000"),
        ("+8613800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("+861062345678", "01062345678"),
        ("010-6234 5678", "01062345678"),
    ],
)
def test_a_number_is_dialled_however_the_carrier_shows_it(shown: str, dialled: str) -> None:
    assert callable_number(shown) == dialled
    if " " not in shown:
        assert shown in as_shown(dialled)


@pytest.mark.parametrize(
    "number",
    ["110", "12345", "4008001001", "62345678", "0014155550100", "+4915112345678", "anonymous", "", None, "1" * 40],
)
def test_emergency_service_foreign_and_withheld_numbers_are_never_dialled(number: str | None) -> None:
    assert callable_number(number) is None


def test_the_business_does_not_call_itself() -> None:
    assert callable_number("01062345678", {"01062345678"}) is None


@given(st.text(max_size=30))
def test_what_is_dialled_is_digits_whatever_was_typed(text: str) -> None:
    number = callable_number(text)
    assert number is None or (number.isascii() and number.isdigit() and 10 <= len(number) <= 12)


@given(st.text(min_size=1, max_size=30), st.integers(1, 999_999))
def test_an_attempts_call_bears_its_callback_in_its_id(callback_id: str, attempt: int) -> None:
    if "\n" not in callback_id:
        assert read_call_id(attempt_call_id(callback_id, attempt)) == (callback_id, attempt)
