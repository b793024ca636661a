"""A text table of what the journal holds of one call in, one call record out.

Times are seconds after 08:00:00 UTC on the first of May. A channel's own id is its number; the caller's is 0.
The shapes of all lines are those of Asterisk 22.10 (see journal/, which is its own output, unedited).
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.cel import read_cel
from ivr.calls.events import Event
from ivr.calls.project import CallFacts, caller_number, project
from ivr.calls.queue_log import read_queue_log

JOURNAL = Path(__file__).parent / "journal"
ZERO = datetime(2026, 5, 1, 8, 0, 0, tzinfo=UTC)
CALL = "ivr-test-1.0"
CHANNELS = {
    "0": "PJSIP/trunk-sample-00000000",
    "1": "PJSIP/1001-00000001",
    "2": "PJSIP/1002-00000002",
    "9": "PJSIP/1003-00000009",
    "L": "Local/1001@agents-00000000;1",
    "T": "PJSIP/trunk-sample-00000007",
}


def at(seconds: float) -> datetime:
    return ZERO + timedelta(seconds=seconds)


def channel_id(channel: str, first: str) -> str:
    return CALL if channel == first else f"ivr-test-1.{channel}"


def events(table: str) -> list[Event]:
    """`cel SECONDS KIND CHANNEL [key=value…]`, `queue SECONDS KIND QUEUE AGENT ARG…`, `flow SECONDS KIND {…}`."""
    rows = [line.split(maxsplit=3) for line in table.splitlines() if line.strip()]
    first = next((row[3].split()[0] for row in rows if row[0] == "cel"), "0")
    return [_event(source, at(float(seconds)), kind, rest, first) for source, seconds, kind, rest in rows]


def _event(source: str, moment: datetime, kind: str, rest: str, first: str) -> Event:
    if source == "flow":
        return Event("flow", kind, moment, CALL, CALL, json.loads(rest))
    if source == "queue":
        queue, agent, *args = rest.split()
        data: dict[str, Any] = {"queue": queue, "agent": None if agent == "-" else agent, "args": args}
        return Event("queue_log", kind, moment.replace(microsecond=0), CALL, CALL, data)
    channel, *facts = rest.split()
    given = dict(fact.split("=", 1) for fact in facts)
    extra = {key: given[key] for key in ("bridge_id", "dialstatus", "extra", "extension") if key in given}
    if kind == "HANGUP":
        extra["hangupsource"] = CHANNELS.get(given.get("by", ""), given.get("by", ""))
    data = {"channel": CHANNELS[channel], "extra": extra, "app": "", "context": "", "peer": ""}
    data |= {"number": given.get("number", ""), "exten": given.get("exten", "")}
    return Event("cel", kind, moment, CALL, channel_id(channel, first), data)


def told(table: str, **options: Any) -> CallFacts:
    facts = project(CALL, events(table), **options)
    assert facts is not None
    return facts


RINGS_IN = """
cel    0.40  CHAN_START   0 number=13812345678 exten=4008001001
cel    0.41  ANSWER       0
cel    0.90  RECORDING    0 extra=2026/05/01/ivr-test-1.0
"""
PYTHON_ASKS = """
flow   1.00  call.started      {"caller": "13812345678", "called": "4008001001", "language": "zh-CN"}
flow   1.00  recording.started {"caller": "a-caller.wav", "agent": "a-agent.wav"}
flow   4.00  prompt.played     {"prompt": "greeting", "language": "zh-CN"}
flow   6.00  menu.key          {"menu": "main", "key": "1", "label": "预约"}
flow   8.00  menu.key          {"menu": "booking", "key": "1", "label": "保养"}
flow   8.10  queue.joined      {"queue": "booking", "reason": "预约 保养"}
"""
TALKS_TO_1001 = """
cel    10.20 CHAN_START   1 number=1001
cel    14.00 ANSWER       1
cel    16.10 BRIDGE_ENTER 1 bridge_id=b
cel    16.20 BRIDGE_ENTER 0 bridge_id=b
"""
CALLER_GOES = """
cel    46.70 BRIDGE_EXIT  0 bridge_id=b
cel    46.71 BRIDGE_EXIT  1 bridge_id=b
cel    46.72 HANGUP       0 by=0 dialstatus=ANSWER
cel    46.73 HANGUP       1 by=0
cel    46.73 LINKEDID_END 1
"""
ANSWERED = RINGS_IN + TALKS_TO_1001 + CALLER_GOES
QUEUE_LINES = """
queue  10    ENTERQUEUE     service -    - 13812345678 1
queue  16    CONNECT        service 1001 6 ivr-test-1.1 3
queue  46    COMPLETECALLER service 1001 6 30 1
"""

SCENARIOS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "answered, the caller hangs up",
        ANSWERED + PYTHON_ASKS + QUEUE_LINES.replace("service", "booking"),
        {
            "direction": "inbound",
            "caller": "13812345678",
            "called": "4008001001",
            "language": "zh-CN",
            "started_at": at(0.40),
            "recorded_at": at(0.90),
            "answered_at": at(16.20),
            "ended_at": at(46.73),
            "outcome": "answered",
            "queue": "booking",
            "agent": "1001",
            "wait_seconds": 6.0,
            "talk_seconds": 30.0,
            "hung_up_by": "caller",
            "menu_path": ["main:1", "booking:1"],
            "recordings": {
                "caller": "2026/05/01/ivr-test-1.0-caller.wav",
                "agent": "2026/05/01/ivr-test-1.0-agent.wav",
            },
        },
    ),
    (
        "answered without Python: the dialplan alone",
        ANSWERED + QUEUE_LINES,
        {"outcome": "answered", "queue": "service", "agent": "1001", "menu_path": [], "language": None},
    ),
    (
        "answered, the agent hangs up",
        RINGS_IN
        + TALKS_TO_1001
        + CALLER_GOES.replace("by=0", "by=1")
        + QUEUE_LINES.replace("COMPLETECALLER", "COMPLETEAGENT"),
        {"outcome": "answered", "hung_up_by": "agent"},
    ),
    (
        "answered, and queue_log was lost: CEL alone",
        ANSWERED,
        {
            "outcome": "answered",
            "agent": "1001",
            "queue": None,
            "talk_seconds": 30.5,
            "wait_seconds": None,
            "hung_up_by": "caller",
        },
    ),
    (
        "answered, and CEL was lost: queue_log alone",
        QUEUE_LINES,
        {
            "outcome": None,
            "direction": "inbound",
            "caller": "13812345678",
            "agent": "1001",
            "answered_at": at(16),
            "wait_seconds": 6.0,
        },
    ),
    (
        "abandoned in the queue",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE   service -    - 13812345678 1
        cel   10.20 CHAN_START   1
        cel   14.20 HANGUP       1 by=
        cel   14.21 HANGUP       0 by=0 dialstatus=CANCEL
        cel   14.21 LINKEDID_END 0
        queue 14    RINGCANCELED service 1001 4000
        queue 14    ABANDON      service -    1 1 4
        """,
        {
            "outcome": "abandoned",
            "agent": None,
            "answered_at": None,
            "wait_seconds": 4.0,
            "talk_seconds": None,
            "hung_up_by": "caller",
        },
    ),
    (
        "the line goes dead in the queue: an abandon that nobody made",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE   service -    - 13812345678 1
        cel   60.21 HANGUP       0 by= dialstatus=NOANSWER
        cel   60.21 LINKEDID_END 0
        queue 60    ABANDON      service -    1 1 50
        """,
        {"outcome": "abandoned", "hung_up_by": "system", "wait_seconds": 50.0},
    ),
    (
        "hung up in the menu",
        RINGS_IN
        + """
        flow  1.00  menu.entered {"menu": "main"}
        flow  3.00  menu.key     {"menu": "main", "key": "1"}
        cel   5.00  HANGUP       0 by=0
        cel   5.00  LINKEDID_END 0
        """,
        {"outcome": "ended_in_menu", "hung_up_by": "caller", "menu_path": ["main:1"], "wait_seconds": None},
    ),
    (
        "hung up before an answer",
        """
        cel   0.00  CHAN_START   0 number=13812345678 exten=4008001001
        cel   0.20  HANGUP       0 by=0
        cel   0.20  LINKEDID_END 0
        """,
        {"outcome": "ended_in_menu", "recordings": {}, "recorded_at": None},
    ),
    (
        "silent: nobody ever speaks, let go politely",
        RINGS_IN
        + """
        flow  5.00  menu.silent  {"menu": "main"}
        flow  9.00  menu.silent  {"menu": "main"}
        flow  12.0  call.closed  {"outcome": "silent"}
        cel   12.1  HANGUP       0 by=dialplan/builtin
        cel   12.1  LINKEDID_END 0
        """,
        {"outcome": "silent", "hung_up_by": "system"},
    ),
    (
        "closed",
        RINGS_IN
        + """
        flow  5.00  call.closed  {"outcome": "closed"}
        cel   5.10  HANGUP       0 by=dialplan/builtin
        cel   5.10  LINKEDID_END 0
        """,
        {"outcome": "closed"},
    ),
    (
        "a message instead of a person",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE      service - - 13812345678 1
        queue 70    EXITWITHTIMEOUT service - 1 1 60
        flow  90.0  message.left    {"seconds": 12}
        cel   91.0  HANGUP          0 by=0
        cel   91.0  LINKEDID_END    0
        """,
        {"outcome": "message", "wait_seconds": 60.0},
    ),
    (
        "the first agent does not answer, the next one does",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE     service -    - 13812345678 1
        cel   10.20 CHAN_START     1
        cel   25.20 HANGUP         1 by=
        queue 25    RINGNOANSWER   service 1001 15000
        cel   26.20 CHAN_START     2
        cel   28.00 ANSWER         2
        cel   28.10 BRIDGE_ENTER   2 bridge_id=b
        cel   28.20 BRIDGE_ENTER   0 bridge_id=b
        queue 28    CONNECT        service 1002 18 ivr-test-1.2 1
        cel   38.20 BRIDGE_EXIT    0 bridge_id=b
        cel   38.20 BRIDGE_EXIT    2 bridge_id=b
        cel   38.30 HANGUP         0 by=0
        cel   38.30 LINKEDID_END   0
        queue 38    COMPLETECALLER service 1002 18 10 1
        """,
        {"outcome": "answered", "agent": "1002", "wait_seconds": 18.0, "talk_seconds": 10.0},
    ),
    (
        "two queues: the first gives up, the overflow answers",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE      booking -    - 13812345678 1
        queue 40    EXITWITHTIMEOUT booking -    1 1 30
        queue 43    ENTERQUEUE      service -    - 13812345678 1
        cel   43.20 CHAN_START      1
        cel   48.10 BRIDGE_ENTER    1 bridge_id=b
        cel   48.20 BRIDGE_ENTER    0 bridge_id=b
        queue 48    CONNECT         service 1001 5 ivr-test-1.1 5
        """
        + CALLER_GOES.replace("46.", "68.")
        + "queue 68 COMPLETECALLER service 1001 5 20 1",
        {"outcome": "answered", "queue": "service", "wait_seconds": 38.0, "talk_seconds": 20.0},
    ),
    (
        "waited to the end, let go with an apology",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE      service - - 13812345678 1
        queue 40    EXITWITHTIMEOUT service - 1 1 30
        cel   44.00 HANGUP          0 by=dialplan/builtin dialstatus=NOANSWER
        cel   44.00 LINKEDID_END    0
        """,
        {"outcome": "timed_out", "wait_seconds": 30.0, "hung_up_by": "system"},
    ),
    (
        "hung up between two turns of waiting",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE      service - - 13812345678 1
        queue 40    EXITWITHTIMEOUT service - 1 1 30
        cel   44.00 HANGUP          0 by=0
        cel   44.00 LINKEDID_END    0
        """,
        {"outcome": "abandoned", "wait_seconds": 30.0},
    ),
    (
        "Asterisk is killed while they talk: closed at the last thing known",
        RINGS_IN + TALKS_TO_1001 + "\n".join(QUEUE_LINES.splitlines()[:3]),
        {
            "cut_off": at(0),
            "outcome": "answered",
            "ended_at": at(16.20),
            "hung_up_by": "system",
            "wait_seconds": 6.0,
            "talk_seconds": 0.0,
        },
    ),
    (
        "Asterisk is killed while they talk: the recording tells how long",
        RINGS_IN + TALKS_TO_1001 + "\n".join(QUEUE_LINES.splitlines()[:3]),
        {"cut_off": at(30.2), "outcome": "answered", "ended_at": at(30.2), "talk_seconds": 14.0},
    ),
    (
        "Asterisk is killed while the caller waits: nobody's abandon",
        RINGS_IN + "queue 10 ENTERQUEUE service - - 13812345678 1",
        {"cut_off": at(0), "outcome": "failed", "hung_up_by": "system", "wait_seconds": 0.0, "ended_at": at(10)},
    ),
    (
        "the agent transfers the caller blindly to a colleague",
        RINGS_IN
        + TALKS_TO_1001
        + """
        queue 10    ENTERQUEUE    service -    - 13812345678 1
        queue 16    CONNECT       service 1001 6 ivr-test-1.1 3
        cel   26.19 BLINDTRANSFER 1 bridge_id=b extension=1002
        cel   26.20 BRIDGE_EXIT   1 bridge_id=b
        cel   26.21 BRIDGE_EXIT   0 bridge_id=b
        cel   26.22 HANGUP        1 by=
        queue 26    BLINDTRANSFER service 1001 1002 agents 6 10 1
        cel   26.30 CHAN_START    2
        cel   30.00 BRIDGE_ENTER  2 bridge_id=c
        cel   30.00 BRIDGE_ENTER  0 bridge_id=c
        cel   35.50 BRIDGE_EXIT   0 bridge_id=c
        cel   35.50 BRIDGE_EXIT   2 bridge_id=c
        cel   35.60 HANGUP        0 by=0 dialstatus=ANSWER
        cel   35.60 LINKEDID_END  2
        """,
        {"outcome": "answered", "agent": "1001", "talk_seconds": 15.5, "wait_seconds": 6.0, "hung_up_by": "caller"},
    ),
    (
        "the agent is reached over a Local channel",
        RINGS_IN
        + """
        queue 10    ENTERQUEUE    service -    - 13812345678 1
        cel   10.10 CHAN_START    L
        cel   10.20 CHAN_START    1
        cel   12.00 BRIDGE_ENTER  1 bridge_id=inner
        cel   12.10 BRIDGE_ENTER  L bridge_id=b
        cel   12.20 BRIDGE_ENTER  0 bridge_id=b
        queue 12    CONNECT       service 1001 2 ivr-test-1.L 2
        """,
        {"answered_at": at(12.20), "agent": "1001", "direction": "inbound", "outcome": None, "talk_seconds": None},
    ),
    (
        "one agent calls another",
        """
        cel   0.00  CHAN_START   9 number=1003 exten=1002
        cel   0.01  CHAN_START   2 number=1002 exten=s
        cel   1.00  BRIDGE_ENTER 2 bridge_id=b
        cel   1.10  BRIDGE_ENTER 9 bridge_id=b
        cel   6.10  BRIDGE_EXIT  9 bridge_id=b
        cel   6.20  BRIDGE_EXIT  2 bridge_id=b
        cel   6.30  HANGUP       9 by=9 dialstatus=ANSWER
        cel   6.30  LINKEDID_END 2
        """,
        {
            "direction": "internal",
            "caller": "1003",
            "called": "1002",
            "agent": "1003",
            "outcome": "answered",
            "talk_seconds": 5.0,
            "wait_seconds": None,
        },
    ),
    (
        "one agent calls another who does not answer",
        """
        cel   0.00  CHAN_START   9 number=1003 exten=1002
        cel   0.01  CHAN_START   2 number=1002 exten=s
        cel   30.0  HANGUP       9 by=dialplan/builtin dialstatus=NOANSWER
        cel   30.0  LINKEDID_END 2
        """,
        {"direction": "internal", "outcome": "timed_out"},
    ),
    (
        "an agent calls out",
        """
        cel   0.00  CHAN_START   9 number=1003 exten=13812345678
        cel   0.01  CHAN_START   T
        cel   5.00  HANGUP       9 by=9 dialstatus=CANCEL
        cel   5.00  LINKEDID_END T
        """,
        {"direction": "outbound", "called": "13812345678", "outcome": "abandoned", "agent": "1003"},
    ),
    (
        "the number is withheld",
        RINGS_IN.replace("13812345678", "anonymous"),
        {"caller": None, "outcome": None, "ended_at": None, "hung_up_by": None},
    ),
    (
        "the flow fails and nothing takes over",
        RINGS_IN
        + """
        flow  2.00  flow.failed  {"flow": "hotline", "error": "ValueError"}
        cel   2.10  HANGUP       0 by=dialplan/builtin
        cel   2.10  LINKEDID_END 0
        """,
        {"outcome": "failed", "hung_up_by": "system"},
    ),
]


@pytest.mark.parametrize(("table", "expected"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS])
def test_scenario(table: str, expected: dict[str, Any]) -> None:
    expected = dict(expected)
    options = {"cut_off": expected.pop("cut_off")} if "cut_off" in expected else {}
    record = asdict(told(table, **options))
    assert {key: record[key] for key in expected} == expected


@pytest.mark.parametrize("table", [s[1] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS])
def test_an_ended_call_has_exactly_one_outcome_and_a_running_one_none(table: str) -> None:
    record = told(table)
    assert (record.outcome is None) == (record.ended_at is None) == (record.hung_up_by is None)


@given(st.sampled_from([s[1] for s in SCENARIOS]), st.randoms(use_true_random=False))
def test_the_order_of_reading_the_three_files_does_not_matter(table: str, chance: Any) -> None:
    sources: dict[str, list[Event]] = {}
    for event in events(table):
        sources.setdefault(event.source, []).append(event)
    mixed: list[Event] = []
    while any(sources.values()):
        source = chance.choice([name for name, rest in sources.items() if rest])
        mixed.append(sources[source].pop(0))
    assert project(CALL, mixed) == project(CALL, events(table))


@given(st.sampled_from([s[1] for s in SCENARIOS]), st.integers(0, 30))
def test_half_a_call_is_a_record_too(table: str, count: int) -> None:
    assert (project(CALL, events(table)[:count]) is None) == (count == 0)


def test_nothing_known_is_no_call() -> None:
    assert project(CALL, []) is None


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("13812345678", "13812345678"),
        ("+86 138-1234-5678", "+86 138-1234-5678"),
        (" Anonymous ", None),
        ("Restricted", None),
        ("", None),
        (None, None),
        ("1\n3\x1b[2J8", "13[2J8"),
        ("9" * 500, "9" * 64),
    ],
)
def test_numbers_are_shown_safely_and_withheld_ones_not_at_all(raw: str | None, shown: str | None) -> None:
    assert caller_number(raw) == shown


def test_the_number_is_taken_when_the_dialplan_has_tidied_it() -> None:
    table = """
    cel 0.40 CHAN_START   0 number=1391SET_VARIABLE_IVR_NEXT exten=4008001001
    cel 0.41 ANSWER       0 number=1391
    cel 9.00 LINKEDID_END 0
    """
    assert told(table).caller == "1391"


# What Asterisk 22.10 itself wrote of sixteen calls: last digits of the id, direction, outcome, agent, wait, talk, by.
REAL = """
372300.0   inbound  answered  1001 1.0  8.0   caller
372310.2   inbound  answered  1001 1.0  3.0   agent
372316.4   inbound  answered  1002 6.0  8.0   caller
372331.7   inbound  abandoned None 4.0  None  caller
372336.9   internal answered  1003 None 5.005 caller
372343.11  inbound  answered  1002 6.0  7.0   caller
372358.14  inbound  abandoned None 3.0  None  caller
372390.16  inbound  abandoned None 59.0 None  system
372493.29  inbound  abandoned None 59.0 None  system
372554.42  internal timed_out 1003 None None  system
372558.44  inbound  answered  1001 1.0  12.0  caller
372996.46  inbound  None      1001 1.0  None  None
373007.0   inbound  answered  1001 1.0  12.0  caller
373023.2   inbound  answered  1001 1.0  59.0  caller
373141.0   inbound  answered  1001 1.0  11.47 caller
373156.3   inbound  timed_out None 30.0 None  system
"""


def test_calls_that_asterisk_itself_wrote_down() -> None:
    found = read_cel((JOURNAL / "cel-custom" / "cel.csv").read_bytes())[0]
    found += read_queue_log((JOURNAL / "queue_log").read_bytes())[0]
    calls: dict[str, list[Event]] = {}
    for _, event in found:
        if event.call_id:
            calls.setdefault(event.call_id, []).append(event)
    told_of = []
    for call_id in calls:
        record = project(call_id, calls[call_id])
        assert record is not None
        facts = (record.direction, record.outcome, record.agent, record.wait_seconds, record.talk_seconds)
        told_of.append([call_id.removeprefix("ivr-88b511-1795"), *map(str, facts), str(record.hung_up_by)])
    assert told_of == [line.split() for line in REAL.strip().splitlines()]
