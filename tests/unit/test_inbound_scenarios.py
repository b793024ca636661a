"""Every way an offered call can go, as a text table of what Asterisk and the flows write, and what becomes of it.

The tables are those of test_projection_scenarios; the shapes of transfers, placeholders and rung phones are Asterisk
22.10's own, seen in trial calls (journal_moves/ holds such calls, unedited).
"""

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.aftermath import aftermath
from ivr.calls.outcome import OFFERED
from ivr.calls.placed import Placed, read_placed
from ivr.calls.project import CallFacts, in_order, project
from tests.unit.test_projection_scenarios import (
    CALL,
    CALLER_GOES,
    PYTHON_ASKS,
    RINGS_IN,
    TALKS_TO_1001,
    at,
    events,
    told,
)

JOINS = "queue 10 ENTERQUEUE service - - 13812345678 1\n"
GOES_IN_LINE = """
cel   40.00 HANGUP       0 by=0
cel   40.00 LINKEDID_END 0
"""
LET_GO = """
cel   60.00 HANGUP       0 by=dialplan/builtin
cel   60.00 LINKEDID_END 0
"""
CONNECTED = JOINS + "queue 16 CONNECT service 1001 6 ivr-test-1.1 3\n"
ASKS_BACK = """
flow  30.00 wait.choice        {"choice": "callback"}
flow  35.00 callback.requested {"number": "13812345678", "queue": "service", "reason": "requested"}
flow  36.00 call.closed        {"outcome": "callback"}
"""
LEAVES_MESSAGE = """
flow  52.00 message.left {"recording": "m.wav", "seconds": 9.5, "number": "13900000000", "queue": "service"}
flow  53.00 call.closed  {"outcome": "message"}
"""
CLOSED_NOW = """
flow   5.00 menu.key      {"menu": "main", "key": "0"}
flow   9.00 prompt.played {"prompt": "closed"}
"""
BACK_AND_FORTH = """
cel   19.99 CONSULT          L extra=1001>1002
cel   20.00 CHAN_START       L exten=1002
cel   20.00 BRIDGE_EXIT      1 bridge_id=b
cel   20.00 BRIDGE_ENTER     1 bridge_id=c
cel   20.00 BRIDGE_ENTER     L bridge_id=c
cel   20.10 CHAN_START       2
cel   22.00 ANSWER           2
"""

SCENARIOS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "asks for a callback in line and lets go",
        RINGS_IN + JOINS + "queue 30 EXITWITHKEY service - 1 1 1 20" + ASKS_BACK + LET_GO,
        {"outcome": "callback", "offered": True, "wait_seconds": 20.0, "hung_up_by": "system"},
    ),
    (
        "asks for a callback and hangs up before the goodbye: it is promised",
        RINGS_IN + JOINS + "queue 30 EXITWITHKEY service - 1 1 1 20" + ASKS_BACK + GOES_IN_LINE,
        {"outcome": "callback", "offered": True, "hung_up_by": "caller"},
    ),
    (
        "a callback that we owe for a line cut off is no outcome of the call",
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + """
        queue 26    COMPLETEAGENT service 1001 6 10 1
        cel   26.00 BRIDGE_EXIT   1 bridge_id=b
        cel   26.00 BRIDGE_EXIT   0 bridge_id=b
        cel   26.10 CUT_OFF       0 extra=1001
        queue 28    ENTERQUEUE    service - - 13812345678 1
        queue 40    ABANDON       service - 1 1 12
        flow  41.00 callback.requested {"number": "13812345678", "reason": "cut_off"}
        """
        + GOES_IN_LINE,
        {"outcome": "answered", "agent": "1001", "wait_seconds": 6.0, "talk_seconds": 10.0, "hung_up_by": "caller"},
    ),
    (
        "a callback to somebody who gave up waiting leaves the call abandoned",
        RINGS_IN
        + JOINS
        + GOES_IN_LINE
        + 'flow 41.00 callback.requested {"number": "13812345678", "reason": "abandoned"}',
        {"outcome": "abandoned", "offered": True},
    ),
    (
        "waited, asked for a callback by a wrong key, waited on, was answered: answered",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE  service - - 13812345678 1
        queue 12    EXITWITHKEY service - 1 1 1 2
        flow  13.00 wait.choice {"choice": "wait"}
        queue 14    ENTERQUEUE  service - - 13812345678 1
        queue 16    CONNECT     service 1001 2 ivr-test-1.1 1
        """
        + TALKS_TO_1001
        + GOES_IN_LINE,
        {"outcome": "answered", "wait_seconds": 6.0, "offered": True},
    ),
    (
        "hangs up while hearing the choice: given up in line",
        RINGS_IN + JOINS + "queue 30 EXITWITHKEY service - 1 1 1 20" + GOES_IN_LINE,
        {"outcome": "abandoned", "offered": True},
    ),
    (
        "whom they spoke with last does not answer, so that the line serves them: one wait in one queue",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE      service - - 13812345678 1
        queue 14    RINGNOANSWER    service 1002 4000
        queue 14    EXITWITHTIMEOUT service - 1 1 4
        queue 14    ENTERQUEUE      service - - 13812345678 1
        queue 16    CONNECT         service 1001 2 ivr-test-1.1 2
        """
        + TALKS_TO_1001
        + CALLER_GOES,
        {"outcome": "answered", "queue": "service", "agent": "1001", "wait_seconds": 6.0, "offered": True},
    ),
    (
        "leaves a message instead",
        RINGS_IN + JOINS + "queue 40 EXITWITHTIMEOUT service - 1 1 30" + LEAVES_MESSAGE + LET_GO,
        {
            "outcome": "message",
            "offered": True,
            "recordings": {
                "caller": "2026/05/01/ivr-test-1.0-caller.wav",
                "agent": "2026/05/01/ivr-test-1.0-agent.wav",
                "message": "m.wav",
            },
        },
    ),
    (
        "an hour in line, nobody, let go with an apology",
        RINGS_IN
        + JOINS
        + 'queue 50 EXITWITHTIMEOUT service - 1 1 40\nflow 55.00 call.closed {"outcome": "timed_out"}'
        + LET_GO,
        {"outcome": "timed_out", "offered": True},
    ),
    (
        "all closed: hears when they open",
        RINGS_IN + CLOSED_NOW + 'flow 20.00 call.closed {"outcome": "closed"}' + LET_GO,
        {"outcome": "closed", "offered": True},
    ),
    (
        "all closed: hangs up on hearing it",
        RINGS_IN + CLOSED_NOW + GOES_IN_LINE,
        {"outcome": "closed", "offered": True, "hung_up_by": "caller"},
    ),
    (
        "all closed: leaves a message",
        RINGS_IN + CLOSED_NOW + LEAVES_MESSAGE + LET_GO,
        {"outcome": "message", "offered": True},
    ),
    (
        "a blocked number hears a polite line",
        RINGS_IN + 'flow 2.00 caller.blocked {"customer_id": 7}\nflow 9.00 call.closed {"outcome": "blocked"}' + LET_GO,
        {"outcome": "blocked", "offered": True, "customer_id": 7},
    ),
    (
        "a blocked number that hangs up in the polite line was blocked all the same",
        RINGS_IN + 'flow 2.00 caller.blocked {"customer_id": 7}' + GOES_IN_LINE,
        {"outcome": "blocked", "offered": True},
    ),
    (
        "a silent line is no call that asked for a person",
        RINGS_IN
        + 'flow 9.00 line.silent {"times": 1}\nflow 14.00 line.silent {"times": 2}\n'
        + 'flow 20.00 call.closed {"outcome": "silent"}'
        + LET_GO,
        {"outcome": "silent", "offered": False},
    ),
    (
        "a key customer is known by number",
        RINGS_IN + 'flow 1.00 caller.known {"customer_id": 3, "key": true}\n' + JOINS + GOES_IN_LINE,
        {"outcome": "abandoned", "customer_id": 3},
    ),
    (
        "an agent who answers and is gone at once has spoken with nobody",
        RINGS_IN
        + JOINS
        + """
        cel   10.20 CHAN_START     1
        queue 16    CONNECT        service 1001 6 ivr-test-1.1 3
        cel   16.10 BRIDGE_ENTER   1 bridge_id=b
        cel   16.20 BRIDGE_ENTER   0 bridge_id=b
        cel   16.21 BRIDGE_EXIT    1 bridge_id=b
        cel   16.21 BRIDGE_EXIT    0 bridge_id=b
        queue 40    COMPLETECALLER service 1001 6 24 1
        """
        + GOES_IN_LINE,
        {"outcome": "abandoned", "agent": None, "answered_at": None, "talk_seconds": None, "wait_seconds": 30.0},
    ),
    (
        "then the next agent answers: that is who answered, and how long it took",
        RINGS_IN
        + JOINS
        + """
        queue 12    CONNECT        service 1002 2 ivr-test-1.2 1
        cel   12.10 BRIDGE_ENTER   2 bridge_id=a
        cel   12.20 BRIDGE_ENTER   0 bridge_id=a
        cel   12.21 BRIDGE_EXIT    2 bridge_id=a
        cel   12.21 BRIDGE_EXIT    0 bridge_id=a
        queue 12    COMPLETEAGENT  service 1002 2 0 1
        queue 13    ENTERQUEUE     service - - 13812345678 1
        queue 16    CONNECT        service 1001 3 ivr-test-1.1 1
        """
        + TALKS_TO_1001
        + GOES_IN_LINE,
        {"outcome": "answered", "agent": "1001", "answered_at": at(16.20), "wait_seconds": 6.0},
    ),
    (
        "warm transfer: consulted, handed over, the context travels",
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + BACK_AND_FORTH
        + """
        cel   25.00 BRIDGE_EXIT      1 bridge_id=c
        cel   25.00 BRIDGE_EXIT      L bridge_id=c
        cel   25.00 BRIDGE_ENTER     L bridge_id=b
        cel   25.01 ATTENDEDTRANSFER 1 bridge_id=b
        queue 25    ATTENDEDTRANSFER service 1001 BRIDGE b 6 9 1
        cel   25.40 BRIDGE_EXIT      L bridge_id=b
        cel   25.41 BRIDGE_ENTER     2 bridge_id=b
        cel   40.00 BRIDGE_EXIT      0 bridge_id=b
        cel   40.01 BRIDGE_EXIT      2 bridge_id=b
        """
        + GOES_IN_LINE,
        {
            "outcome": "answered",
            "agent": "1001",
            "transfers": [{"at": at(25.01).isoformat(), "by": "1001", "to": "1002", "kind": "warm", "returned": False}],
            "talk_seconds": 18.79,
            "hung_up_by": "caller",
        },
    ),
    (
        "consulted only: the caller goes on with the first agent, and nothing was transferred",
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + BACK_AND_FORTH
        + """
        cel   25.00 BRIDGE_EXIT    1 bridge_id=c
        cel   25.00 BRIDGE_ENTER   1 bridge_id=b
        cel   40.00 BRIDGE_EXIT    0 bridge_id=b
        queue 40    COMPLETECALLER service 1001 6 24 1
        """
        + GOES_IN_LINE,
        {"transfers": [], "agent": "1001", "talk_seconds": 24.0, "outcome": "answered"},
    ),
    (
        "blind transfer to a queue: the next agent there; the wait counts until the first answer",
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + """
        cel   26.19 BLINDTRANSFER  1 bridge_id=b extension=02
        cel   26.20 BRIDGE_EXIT    1 bridge_id=b
        cel   26.21 BRIDGE_EXIT    0 bridge_id=b
        queue 26    BLINDTRANSFER  service 1001 02 transfer 6 10 1
        queue 26    ENTERQUEUE     booking - - 13812345678 1
        cel   26.30 CHAN_START     2
        queue 33    CONNECT        booking 1002 7 ivr-test-1.2 3
        cel   33.10 BRIDGE_ENTER   2 bridge_id=c
        cel   33.20 BRIDGE_ENTER   0 bridge_id=c
        cel   40.00 BRIDGE_EXIT    0 bridge_id=c
        queue 40    COMPLETECALLER booking 1002 7 7 1
        """
        + GOES_IN_LINE,
        {
            "outcome": "answered",
            "agent": "1001",
            "queue": "service",
            "wait_seconds": 6.0,
            "talk_seconds": 16.8,
            "transfers": [
                {"at": at(26.19).isoformat(), "by": "1001", "to": "booking", "kind": "blind", "returned": False}
            ],
        },
    ),
    (
        "blind transfer that nobody takes comes back",
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + """
        cel   26.19 BLINDTRANSFER     1 bridge_id=b extension=1002
        cel   26.20 BRIDGE_EXIT       1 bridge_id=b
        cel   26.21 BRIDGE_EXIT       0 bridge_id=b
        queue 26    BLINDTRANSFER     service 1001 1002 transfer 6 10 1
        cel   26.30 CHAN_START        2
        cel   36.30 TRANSFER_RETURNED 0 extra=1001
        cel   36.40 CHAN_START        9
        cel   38.00 BRIDGE_ENTER      9 bridge_id=d
        cel   38.00 BRIDGE_ENTER      0 bridge_id=d
        cel   40.00 BRIDGE_EXIT       0 bridge_id=d
        """
        + GOES_IN_LINE,
        {
            "transfers": [{"at": at(26.19).isoformat(), "by": "1001", "to": "1002", "kind": "blind", "returned": True}],
            "talk_seconds": 12.0,
        },
    ),
    (
        "held, taken back, held and let go by the caller",
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + """
        cel   20.00 HOLD           1 extra=1001
        cel   25.50 UNHOLD         1 extra=1001
        cel   30.00 HOLD           1 extra=1001
        cel   40.00 BRIDGE_EXIT    0 bridge_id=b
        queue 40    COMPLETECALLER service 1001 6 24 1
        """
        + GOES_IN_LINE,
        {"hold_seconds": 15.5, "talk_seconds": 24.0},
    ),
    (
        "a forgotten hold rings back: the talk goes on after the queue is done",
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + """
        cel   20.00 HOLD           1 extra=1001
        cel   22.00 BRIDGE_EXIT    1 bridge_id=b
        cel   22.00 BRIDGE_EXIT    0 bridge_id=b
        queue 22    COMPLETEAGENT  service 1001 6 6 1
        cel   22.20 CHAN_START     2
        cel   28.00 UNHOLD         2 extra=1001
        cel   30.00 BRIDGE_ENTER   2 bridge_id=c
        cel   30.00 BRIDGE_ENTER   0 bridge_id=c
        cel   40.00 BRIDGE_EXIT    0 bridge_id=c
        """
        + GOES_IN_LINE,
        {"hold_seconds": 8.0, "talk_seconds": 15.8, "hung_up_by": "caller", "outcome": "answered"},
    ),
    (
        "the agent sits at another's desk: the queue knows who it is",
        RINGS_IN + TALKS_TO_1001 + CONNECTED.replace(" 1001 ", " 1003 ") + GOES_IN_LINE,
        {"agent": "1003"},
    ),
]

PLACE = """
cel 0.00 CHAN_START     L exten=s
cel 0.01 CALLBACK_PLACE L extra=ivr-first-1.0/1
"""
DIALLED = (
    PLACE
    + """
cel   5.00 CHAN_START       1
queue 6    ENTERQUEUE       service - - 13812345678 1
queue 7    CONNECT          service 1001 6 ivr-test-1.1 2
cel   8.00 CALLBACK_DIALLED L extra=ivr-first-1.0/1
cel   8.10 CHAN_START       T
"""
)
CALLED_BACK = (
    DIALLED
    + """
cel   12.00 CALLBACK_RESULT T extra=ivr-first-1.0/1/ANSWER
cel   12.10 RECORDING       T extra=2026/05/01/ivr-first-1.0-cb1
cel   16.00 BRIDGE_ENTER    T bridge_id=b
cel   16.00 BRIDGE_ENTER    1 bridge_id=b
cel   30.00 BRIDGE_EXIT     T bridge_id=b
cel   30.01 HANGUP          T by=T
cel   30.02 LINKEDID_END    T
"""
)
DESK_RINGS = "cel 0.00 CHAN_START L exten=1003\ncel 0.01 CHAN_START T exten=1003\ncel 0.02 CHAN_START 9 exten=s\n"
NO_CALLS = {
    "a place in line that is not dialled yet": PLACE,
    "a place in line that lapsed": PLACE + "cel 9.00 LINKEDID_END L",
    "an agent logs in": "cel 0.00 CHAN_START 9 exten=*50\ncel 9.00 LINKEDID_END 9",
    "an agent pauses, the flow tells": 'cel 0.00 CHAN_START 9 exten=77\nflow 1.00 agent.paused {"agent": "1003"}',
    "a supervisor listens from the page": DESK_RINGS + "cel 1.00 SUPERVISE 9 extra=listen/1003/1001",
    "an agent's phone is rung to remind of a hold": DESK_RINGS + "cel 9.00 LINKEDID_END 9",
    "a member is added to a queue": "queue 0 ADDMEMBER service 1001",
    "a case is taken": 'flow 1.00 case.taken {"case": "message:x", "by": "boss"}',
}


@pytest.mark.parametrize(("table", "expected"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS])
def test_scenario(table: str, expected: dict[str, Any]) -> None:
    record = asdict(told(table))
    assert {key: record[key] for key in expected} == expected


@pytest.mark.parametrize("table", [s[1] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS])
def test_an_offered_call_has_one_of_the_seven_outcomes_and_no_other_call_has(table: str) -> None:
    record = told(table)
    assert record.offered == (record.outcome in OFFERED)


@pytest.mark.parametrize("table", NO_CALLS.values(), ids=NO_CALLS)
def test_what_is_no_call_has_no_record(table: str) -> None:
    assert project(CALL, events(table)) is None


def first_call() -> CallFacts:
    return told(RINGS_IN + JOINS + ASKS_BACK + GOES_IN_LINE + 'flow 1.00 caller.known {"customer_id": 3}')


def test_a_callback_is_one_call_of_its_own_and_counts_with_the_call_it_calls_back() -> None:
    table = CALLED_BACK
    assert read_placed(events(table)) == Placed(callback_of="ivr-first-1.0", dialled=True, status="ANSWER")
    record = told(table, called_back=first_call())
    assert (record.direction, record.callback_of, record.offered) == ("outbound", "ivr-first-1.0", False)
    assert (record.caller, record.called, record.customer_id) == ("1001", "13812345678", 3)
    assert (record.outcome, record.agent, record.queue) == ("answered", "1001", "service")
    assert (record.answered_at, record.talk_seconds, record.wait_seconds) == (at(16), 14.0, None)
    assert record.hung_up_by == "caller"
    assert record.recordings["caller"] == "2026/05/01/ivr-first-1.0-cb1-caller.wav"


@pytest.mark.parametrize(
    ("result", "outcome"), [("NOANSWER", "timed_out"), ("BUSY", "failed"), ("CANCEL", "abandoned")]
)
def test_a_callback_that_nobody_answers_is_not_answered_though_the_agent_was_there(result: str, outcome: str) -> None:
    table = DIALLED + f"cel 30.00 CALLBACK_RESULT L extra=ivr-first-1.0/1/{result}\ncel 31.00 LINKEDID_END T"
    record = told(table, called_back=first_call())
    assert (record.outcome, record.answered_at, record.offered) == (outcome, None, False)


def test_the_agent_hears_the_callback_first_so_that_no_talk_is_counted_before_the_customer_answers() -> None:
    record = told(DIALLED, called_back=first_call())
    assert (record.answered_at, record.outcome, record.ended_at) == (None, None, None)


def test_what_a_call_leaves_behind() -> None:
    table = (
        RINGS_IN
        + TALKS_TO_1001
        + CONNECTED
        + LEAVES_MESSAGE
        + """
        flow 54.00 rating.given  {"score": 9}
        flow 55.00 rating.given  {"score": 2}
        flow 70.00 wrap_up.noted {"agent": "1001", "disposition": "solved", "text": "好"}
        flow 80.00 wrap_up.noted {"agent": "1001", "disposition": "complaint", "text": "退款"}
        flow 81.00 wrap_up.noted {"agent": "1002", "disposition": "solved", "text": ""}
        flow 82.00 wrap_up.noted {"disposition": "nobody's"}
        """
    )
    left = aftermath(CALL, in_order(events(table)))
    assert left.message is not None and left.rating is not None
    assert (left.message.number, left.message.seconds, left.message.left_at) == ("13900000000", 9.5, at(52))
    assert (left.rating.score, left.rating.agent) == (2, "1001")
    assert [(note.agent, note.disposition, note.text) for note in left.notes] == [
        ("1001", "complaint", "退款"),
        ("1002", "solved", ""),
    ]


def test_a_rating_is_of_the_agent_spoken_with_last() -> None:
    table = next(s[1] for s in SCENARIOS if s[0].startswith("warm transfer"))
    left = aftermath(CALL, in_order(events(table + 'flow 41.00 rating.given {"score": 5}')))
    assert left.rating is not None and left.rating.agent == "1002"


def test_nothing_left_is_nothing_written() -> None:
    left = aftermath(CALL, in_order(events(RINGS_IN + PYTHON_ASKS)))
    assert (left.message, left.rating, left.notes) == (None, None, ())


@given(st.sampled_from([s[1] for s in SCENARIOS]), st.randoms(use_true_random=False))
def test_half_a_journal_breaks_no_rule(table: str, chance: Any) -> None:
    some = [event for event in events(table) if chance.random() < 0.6]
    record = project(CALL, some)
    if record is not None and record.outcome is not None and record.direction == "inbound":
        assert record.offered == (record.outcome in OFFERED)
