"""What became of each attempt, and of the contact: text tables of the journal's events in, what they say out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.events import Event
from ivr.surveys.attempts import Attempt, read_answers, read_attempts, read_progress
from ivr.surveys.ids import attempt_call_id
from tests import survey_journal

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CONTACT = "0123456789abcdef0123"
RUNG = "1 SURVEY_DIALLED\n"
ANSWERED = RUNG + "9 SURVEY_ANSWERED\n12 survey.heard who=human\n20 survey.confirmed\n"
OVER = "90 LINKEDID_END\n"
ASKED = ANSWERED + "30 survey.asking question=overall\n38 survey.answer question=overall value=2\n"


def events(table: str) -> list[Event]:
    return survey_journal.events(table, START, CONTACT)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(attempts: list[Attempt]) -> list[tuple[int, bool, bool, str | None]]:
    return [(one.number, one.dialled_at is not None, one.answered_at is not None, one.result) for one in attempts]


SCENARIOS: dict[str, tuple[str, list[tuple[int, bool, bool, str | None]]]] = {
    "ringing": (RUNG, [(1, True, False, None)]),
    "talking": (ASKED, [(1, True, True, None)]),
    "busy": (RUNG + "2 SURVEY_RESULT BUSY 17\n2 LINKEDID_END", [(1, True, False, "busy")]),
    "busy, and the end not written yet": (RUNG + "2 SURVEY_RESULT BUSY 17", [(1, True, False, "busy")]),
    "does not answer": (RUNG + "31 SURVEY_RESULT NOANSWER 0\n31 LINKEDID_END", [(1, True, False, "no_answer")]),
    "nobody there, says the carrier": (
        RUNG + "9 SURVEY_RESULT CHANUNAVAIL 18\n9 LINKEDID_END",
        [(1, True, False, "no_answer")],
    ),
    "declines the call": (RUNG + "5 SURVEY_RESULT CHANUNAVAIL 21\n5 LINKEDID_END", [(1, True, False, "rejected")]),
    "no such number": (RUNG + "2 SURVEY_RESULT CHANUNAVAIL 1\n2 LINKEDID_END", [(1, True, False, "failed")]),
    "stopped while it rang": (RUNG + "2 SURVEY_RESULT CANCEL 0\n2 LINKEDID_END", [(1, True, False, "failed")]),
    "refused by the dialplan": ("1 SURVEY_RESULT REFUSED 0\n1 LINKEDID_END", [(1, False, False, "refused")]),
    "gone before anything was dialled": ("1 LINKEDID_END", [(1, False, False, "lost")]),
    "dialled, and its end not told": (RUNG + "5 LINKEDID_END", [(1, True, False, "unknown")]),
    "asked for twice while it rings": (RUNG + "2 SURVEY_RESULT REFUSED 0", [(1, True, False, None)]),
    "asked for again after it was busy": (
        RUNG + "2 SURVEY_RESULT BUSY 17\n2 LINKEDID_END\n20 SURVEY_RESULT REFUSED 0\n20 LINKEDID_END",
        [(1, True, False, "busy")],
    ),
    "completed": (ASKED + "80 survey.ended result=completed\n" + OVER, [(1, True, True, "completed")]),
    "has said it all, and still listens to the thanks": (
        ASKED + "80 survey.ended result=completed",
        [(1, True, True, None)],
    ),
    "hangs up in the middle": (ASKED + OVER, [(1, True, True, "broken_off")]),
    "hangs up at once": (RUNG + "9 SURVEY_ANSWERED\n10 LINKEDID_END", [(1, True, True, "broken_off")]),
    "a machine": (
        RUNG + "9 SURVEY_ANSWERED\n15 survey.heard who=machine\n15 survey.ended result=machine\n16 LINKEDID_END",
        [(1, True, True, "machine")],
    ),
    "busy, then breaks off, then goes on to the end": (
        RUNG
        + """2 SURVEY_RESULT BUSY 17
             2 LINKEDID_END
             900 SURVEY_DIALLED 2
             905 SURVEY_ANSWERED 2
             950 LINKEDID_END 2
             1100 SURVEY_DIALLED 3
             1105 SURVEY_ANSWERED 3
             1160 survey.ended 3 result=completed
             1170 LINKEDID_END 3""",
        [(1, True, False, "busy"), (2, True, True, "broken_off"), (3, True, True, "completed")],
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_became_of_the_attempts(name: str) -> None:
    table, expected = SCENARIOS[name]
    assert told(read_attempts(events(table))) == expected


@pytest.mark.standards("S10")
@pytest.mark.parametrize(
    ("table", "result"),
    [(RUNG, "unknown"), (ASKED, "broken_off"), (ASKED + "80 survey.ended result=person", "person")],
)
def test_a_start_of_asterisk_ends_what_was_under_way(table: str, result: str) -> None:
    [attempt] = read_attempts(events(table), [after(-3600), after(300)])
    assert (attempt.result, attempt.ended_at) == (result, after(300))


def test_other_calls_are_no_attempts() -> None:
    other = Event("cel", "LINKEDID_END", START, "ivr-abc-1767225600.1", "ivr-abc-1767225600.1", {"extra": {}})
    assert read_attempts([other]) == []


PROGRESS: dict[str, tuple[str, dict[str, Any]]] = {
    "rung only": (RUNG, {"state": None, "reached_at": None, "asking": None}),
    "reached": (ANSWERED, {"state": None, "reached_at": after(20)}),
    "breaks off at the second question": (
        ASKED + "40 survey.asking question=solved\n" + OVER,
        {"state": None, "asking": "solved"},
    ),
    "breaks off between two questions": (ASKED + OVER, {"state": None, "asking": None}),
    "breaks off on the way back": (
        ASKED
        + """40 survey.asking question=solved
             44 survey.taken_back question=overall
             44.5 survey.asking question=overall
             90 LINKEDID_END""",
        {"state": None, "asking": "overall"},
    ),
    "completed": (
        ASKED + "80 survey.ended result=completed\n" + OVER,
        {"state": "completed", "ended_at": after(80), "asking": None},
    ),
    "is on the way to a person": (ASKED + "80 survey.ended result=person", {"state": "person", "ended_at": after(80)}),
    "another time, agreed": (
        ANSWERED + "30 survey.ended result=later agreed=7200\n" + OVER,
        {"state": None, "agreed_at": after(7200)},
    ),
    "another time, said in words": (
        ANSWERED + "30 survey.ended result=later recording=a.wav\n" + OVER,
        {"state": None, "agreed_at": None, "time_said_in": attempt_call_id(CONTACT, 1)},
    ),
    "another time, said in words that were understood": (
        ANSWERED + "30 survey.ended result=later recording=a.wav\n95 contact.time_set agreed=7200 by=\n" + OVER,
        {"agreed_at": after(7200), "time_said_in": attempt_call_id(CONTACT, 1)},
    ),
    "another time, settled anew by somebody who listened": (
        ANSWERED
        + """30 survey.ended result=later recording=a.wav
             95 contact.time_set agreed=7200 by=
             99 contact.time_set agreed=9000 by=boss""",
        {"agreed_at": after(9000)},
    ),
    "another time, said in words and in the next call keyed": (
        ANSWERED
        + """30 survey.ended result=later recording=a.wav
             95 contact.time_set agreed=7200 by=
             7300 survey.ended 2 result=later agreed=14400""",
        {"agreed_at": after(14400), "time_said_in": None},
    ),
    "another time, said in words again": (
        ANSWERED
        + """30 survey.ended result=later recording=a.wav
             95 contact.time_set agreed=7200 by=
             7300 survey.ended 2 result=later recording=b.wav""",
        {"agreed_at": None, "time_said_in": attempt_call_id(CONTACT, 2)},
    ),
    "another time, left open": (ANSWERED + "30 survey.ended result=later\n" + OVER, {"state": None, "agreed_at": None}),
    "given up after two attempts": (
        RUNG + "2 SURVEY_RESULT BUSY 17\n2 LINKEDID_END\n9000 contact.gave_up reason=total",
        {"state": "gave_up", "ended_at": after(9000)},
    ),
    "too late": ("9000 contact.expired", {"state": "expired", "ended_at": after(9000)}),
    "cancelled while it rang, and answered all the same": (
        ASKED + "10 contact.cancelled by=chen\n80 survey.ended result=completed\n" + OVER,
        {"state": "completed", "ended_at": after(80)},
    ),
    "cancelled first, and then too late": (
        "5 contact.cancelled by=chen\n9000 contact.expired",
        {"state": "cancelled", "ended_at": after(5)},
    ),
} | {
    result: (ANSWERED + f"30 survey.ended result={result}\n" + OVER, {"state": result, "ended_at": after(30)})
    for result in ("declined", "do_not_call", "wrong_person")
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRESS)
def test_how_far_a_contact_has_come(name: str) -> None:
    table, expected = PROGRESS[name]
    found = read_progress(events(table), read_attempts(events(table)))
    assert {key: getattr(found, key) for key in expected} == expected


def test_the_last_answer_to_a_question_counts_unless_it_was_taken_back() -> None:
    table = """
        30 survey.answer question=overall value=1
        35 survey.answer question=solved value=1
        40 survey.answer question=reason recording=2026/03/02/c.wav seconds=4.5
        45 survey.taken_back question=reason
        50 survey.taken_back question=solved
        55 survey.answer question=overall value=5
        900 survey.answer 2 question=solved value=2
    """
    found = read_answers(events(table))
    assert [(one.question, one.value, one.given_at) for one in found.values()] == [
        ("overall", "5", after(55)),
        ("solved", "2", after(900)),
    ]
    assert found["solved"].call_id == f"sv{CONTACT}-2"


def test_a_spoken_answer_is_its_recording() -> None:
    table = "40 survey.answer question=reason recording=2026/03/02/c.wav seconds=4.5"
    [reason] = read_answers(events(table)).values()
    assert (reason.value, reason.recording, reason.seconds) == ("", "2026/03/02/c.wav", 4.5)


@given(st.sampled_from(sorted({**SCENARIOS, **PROGRESS})), st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_read_does_not_matter(name: str, chance: Any) -> None:
    table = {**SCENARIOS, **PROGRESS}[name][0]
    shuffled = events(table)
    chance.shuffle(shuffled)
    attempts = read_attempts(events(table))
    assert read_attempts(shuffled) == attempts
    assert read_progress(shuffled, attempts) == read_progress(events(table), attempts)
    assert read_answers(shuffled) == read_answers(events(table))


@given(st.sampled_from(sorted({**SCENARIOS, **PROGRESS})), st.randoms(use_true_random=False))
def test_half_a_journal_breaks_no_rule(name: str, chance: Any) -> None:
    some = [event for event in events({**SCENARIOS, **PROGRESS}[name][0]) if chance.random() < 0.6]
    for attempt in read_attempts(some):
        assert (attempt.result is None) == (attempt.ended_at is None)
