"""An expected wait is honest or it is not told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.waiting.__main__ import errors
from benchmarks.waiting.histories import DAYS, Day, queue_log
from benchmarks.waiting.replay import Replay
from ivr.calls.talk_times import TalkTimes, histories
from ivr.calls.waiting import expected_wait

few = st.integers(0, 50)
talks = st.floats(1, 3600)


def test_an_agent_who_is_free_comes_at_once() -> None:
    assert expected_wait(ahead=0, free_agents=1, busy_agents=2, pace=120) == 0


def test_first_in_line_waits_until_the_next_of_three_talks_ends() -> None:
    assert expected_wait(ahead=0, free_agents=0, busy_agents=3, pace=120) == 40


def test_nobody_at_work_or_no_talk_yet_means_nothing_is_promised() -> None:
    assert expected_wait(ahead=0, free_agents=0, busy_agents=0, pace=120) is None
    assert expected_wait(ahead=0, free_agents=0, busy_agents=2, pace=None) is None


@given(few, few, few, talks)
def test_who_comes_later_never_expects_to_wait_less(ahead: int, free: int, busy: int, talk: float) -> None:
    first = expected_wait(ahead, free, busy, talk)
    second = expected_wait(ahead + 1, free, busy, talk)

    assert (first is None) == (second is None) or first == 0
    if first is not None and second is not None:
        assert 0 <= first <= second


def line(event: str, talk: int, queue: str = "service") -> bytes:
    return f"1795372772|ivr-1.0|{queue}|1001|{event}|6|{talk}|1\n".encode()


def test_pace_counts_ring_and_talk_of_finished_calls_of_each_queue_and_nothing_else(tmp_path: Path) -> None:
    rings = [f"1795372772|ivr-{n}|service|1001|CONNECT|9|x|{ring}\n".encode() for n, ring in enumerate((3, 6, 9))]
    talks = [
        f"1795372772|ivr-{n}|service|1001|COMPLETECALLER|9|{talk}|1\n".encode() for n, talk in enumerate((60, 90, 120))
    ]
    log = b"".join([*rings, line("CONNECT", 900), *talks])
    torn = b"1795372772|ivr-1.0|service|1001|COMPLETE"

    assert histories(log + torn)["service"].pace == 96.0
    assert histories(line("COMPLETEAGENT", 60, "booking"))["booking"].pace is None, "one talk says nothing yet"
    assert TalkTimes(tmp_path / "absent")("service") is None


def test_callers_who_give_up_make_the_wait_of_those_behind_them_shorter() -> None:
    patient = expected_wait(ahead=9, free_agents=0, busy_agents=3, pace=120)
    hurried = expected_wait(ahead=9, free_agents=0, busy_agents=3, pace=120, patience=300)

    assert patient == 400 and hurried is not None
    assert 240 < hurried < 260


def test_patience_is_the_waiting_for_each_caller_who_gave_up() -> None:
    given_up = [f"1795372772|ivr-{n}|service|NONE|ABANDON|1|1|{wait}\n".encode() for n, wait in enumerate((30, 60, 90))]
    served = [f"1795372772|ivr-9{n}|service|1001|CONNECT|60|x|3\n".encode() for n in range(3)]

    assert histories(b"".join([*given_up, *served]))["service"].patience == 120
    assert histories(b"".join(given_up[:2]))["service"].patience is None


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)
def test_our_estimate_is_nearer_to_the_wait_than_asterisks_in_every_kind_of_day(day: Day) -> None:
    told = Replay(day.wrap_up).read(queue_log(day, seed=1))

    ours, asterisk = errors(told)
    assert len(told) > 20
    assert ours < asterisk
