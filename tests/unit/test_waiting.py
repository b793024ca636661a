"""An expected wait is honest or it is not told."""

from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.talk_times import TalkTimes, mean_talk_seconds
from ivr.calls.waiting import expected_wait

few = st.integers(0, 50)
talks = st.floats(1, 3600)


def test_an_agent_who_is_free_comes_at_once() -> None:
    assert expected_wait(ahead=0, free_agents=1, busy_agents=2, mean_talk_seconds=120) == 0


def test_first_in_line_waits_until_the_next_of_three_talks_ends() -> None:
    assert expected_wait(ahead=0, free_agents=0, busy_agents=3, mean_talk_seconds=120) == 40


def test_nobody_at_work_or_no_talk_yet_means_nothing_is_promised() -> None:
    assert expected_wait(ahead=0, free_agents=0, busy_agents=0, mean_talk_seconds=120) is None
    assert expected_wait(ahead=0, free_agents=0, busy_agents=2, mean_talk_seconds=None) is None


@given(few, few, few, talks)
def test_who_comes_later_never_expects_to_wait_less(ahead: int, free: int, busy: int, talk: float) -> None:
    first = expected_wait(ahead, free, busy, talk)
    second = expected_wait(ahead + 1, free, busy, talk)

    assert (first is None) == (second is None) or first == 0
    if first is not None and second is not None:
        assert 0 <= first <= second


def line(event: str, talk: int, queue: str = "service") -> bytes:
    return f"1795372772|ivr-1.0|{queue}|1001|{event}|6|{talk}|1\n".encode()


def test_mean_talk_counts_finished_talks_of_each_queue_and_nothing_else(tmp_path) -> None:  # type: ignore[no-untyped-def]
    log = b"".join(
        [line("CONNECT", 900), *(line("COMPLETECALLER", talk) for talk in (60, 90)), line("COMPLETEAGENT", 120)]
    )
    torn = b"1795372772|ivr-1.0|service|1001|COMPLETE"

    assert mean_talk_seconds(log + torn) == {"service": 90.0}
    assert mean_talk_seconds(line("COMPLETEAGENT", 60, "booking")) == {}, "one talk says nothing yet"
    assert TalkTimes(tmp_path / "absent")("service") is None
