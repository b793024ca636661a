"""So many calls a second, evenly, however unevenly the dialler gets to look."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.surveys.pace import BURST_SECONDS, Pace

rates = st.sampled_from([0.1, 0.4, 1, 3, 7, 20, 50])


def calls(pace: Pace, looks: Sequence[tuple[float, float]], rate: float) -> list[float]:
    """When calls begin whose customers all wait: each look begins at a moment and rings for some seconds."""
    begun: list[float] = []
    for now, seconds in looks:
        end = now + seconds
        while now + (pause := pace.wait(now, rate)) <= end:
            now += pause
            pace.take(now, rate)
            begun.append(now)
    return begun


@settings(max_examples=300)
@given(rates, st.lists(st.floats(0, 0.45), min_size=60, max_size=60))
def test_looks_that_come_late_make_no_difference_to_the_rate(rate: float, late: list[float]) -> None:
    looks = [(second + delay, 0.99 - delay) for second, delay in enumerate(late)]
    begun = calls(Pace(), looks, rate)
    wanted = rate * 60
    assert wanted - rate - 1 <= len(begun) <= wanted + 1
    if len(begun) > 20:
        assert (len(begun) - 1) / (begun[-1] - begun[0]) == pytest.approx(rate, rel=0.02)


@settings(max_examples=200)
@given(rates, st.lists(st.floats(0, 9), min_size=10, max_size=10))
def test_no_second_has_more_than_twice_the_rate_whatever_was_missed(rate: float, pauses: list[float]) -> None:
    now, looks = 0.0, []
    for pause in pauses:
        looks.append((now + pause, 0.9))
        now += pause + 1
    begun = calls(Pace(), looks, rate)
    for first in begun:
        assert sum(first <= other < first + 1 for other in begun) <= 2 * rate + 1
    assert len(begun) <= rate * (now + BURST_SECONDS) + 1


def test_time_in_which_nobody_waited_is_not_saved_up() -> None:
    pace = Pace()
    assert len(calls(pace, [(0.0, 1.05)], 5)) == 6
    pace.idle(100.0)
    begun = calls(pace, [(100.0, 1.05)], 5)
    assert [round(at - 100, 3) for at in begun] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def test_a_clock_that_was_set_back_stops_nobody_for_long() -> None:
    pace = Pace()
    pace.take(1_000_000.0, 2)
    assert pace.wait(0.0, 2) == 0.5
    pace.take(0.5, 2)
    assert pace.wait(0.5, 2) == pytest.approx(0.5)


def test_a_new_rate_holds_from_the_next_call_on() -> None:
    pace = Pace()
    pace.take(0.0, 1)
    assert pace.wait(0.0, 1) == 1
    assert pace.wait(0.0, 10) == pytest.approx(0.1)
