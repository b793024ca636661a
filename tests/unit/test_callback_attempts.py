"""What became of each attempt: text tables of the journal's events in, attempts out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.callbacks.attempts import Attempt, read_attempts
from ivr.calls.events import Event

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def events(table: str) -> list[Event]:
    """Lines of `second kind [extra]`, all of the first attempt of callback c-1.1 unless the extra names another."""
    found = []
    for line in filter(None, map(str.strip, table.splitlines())):
        second, kind, *extra = line.split()
        told = extra[0] if extra else "c-1.1/1"
        call_id = "-cb".join(told.split("/")[:2])
        data = {"extra": {"extra": told}}
        found.append(Event("cel", kind, START + timedelta(seconds=float(second)), call_id, call_id, data))
    return found


def told(attempts: list[Attempt]) -> list[tuple[int, bool, bool, str | None]]:
    return [(one.number, one.placed_at is not None, one.dialled_at is not None, one.result) for one in attempts]


SCENARIOS = {
    "in line": ("1 CALLBACK_PLACE", [(1, True, False, None)]),
    "being dialled": ("1 CALLBACK_PLACE\n9 CALLBACK_DIALLED", [(1, True, True, None)]),
    "talking": (
        "1 CALLBACK_PLACE\n9 CALLBACK_DIALLED\n12 CALLBACK_RESULT c-1.1/1/ANSWER",
        [(1, True, True, "ANSWER")],
    ),
    "busy, then reached": (
        """1 CALLBACK_PLACE
           9 CALLBACK_DIALLED
           9 CALLBACK_RESULT c-1.1/1/BUSY
           15 LINKEDID_END
           300 CALLBACK_PLACE c-1.1/2
           309 CALLBACK_DIALLED c-1.1/2
           312 CALLBACK_RESULT c-1.1/2/ANSWER
           400 LINKEDID_END c-1.1/2""",
        [(1, True, True, "BUSY"), (2, True, True, "ANSWER")],
    ),
    "withdrawn": ("1 CALLBACK_PLACE\n5 LINKEDID_END", [(1, True, False, "LOST")]),
    "dialled, and the end not told": (
        "1 CALLBACK_PLACE\n9 CALLBACK_DIALLED\n11 LINKEDID_END",
        [(1, True, True, "UNKNOWN")],
    ),
    "asked for twice while it stands": (
        "1 CALLBACK_PLACE\n2 CALLBACK_RESULT c-1.1/1/REFUSED",
        [(1, True, False, None)],
    ),
    "asked for again after it was busy": (
        """1 CALLBACK_PLACE
           9 CALLBACK_DIALLED
           9 CALLBACK_RESULT c-1.1/1/BUSY
           20 CALLBACK_RESULT c-1.1/1/REFUSED
           21 LINKEDID_END""",
        [(1, True, True, "BUSY")],
    ),
    "refused from the start": (
        "1 CALLBACK_RESULT c-1.1/1/REFUSED\n1 LINKEDID_END",
        [(1, False, False, "REFUSED")],
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_became_of_the_attempts(name: str) -> None:
    table, expected = SCENARIOS[name]
    assert told(read_attempts(events(table))) == expected


@given(st.sampled_from(sorted(SCENARIOS)), st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_read_does_not_matter(name: str, chance: object) -> None:
    table, expected = SCENARIOS[name]
    shuffled = events(table)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert told(read_attempts(shuffled)) == expected


@pytest.mark.parametrize(("dialled", "result"), [(False, "LOST"), (True, "UNKNOWN")])
def test_a_start_of_asterisk_ends_what_was_under_way(dialled: bool, result: str) -> None:
    table = "1 CALLBACK_PLACE" + ("\n5 CALLBACK_DIALLED" if dialled else "")
    started = START + timedelta(seconds=30)
    [attempt] = read_attempts(events(table), [START - timedelta(hours=1), started])
    assert (attempt.result, attempt.ended_at) == (result, started)


def test_other_calls_are_no_attempts() -> None:
    other = Event("cel", "LINKEDID_END", START, "ivr-abc-1767225600.1", "ivr-abc-1767225600.1", {"extra": {}})
    assert read_attempts([other]) == []
