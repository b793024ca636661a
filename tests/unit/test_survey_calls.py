"""Survey calls as records (S26): one call each, one outcome, told as a story, and the figures still add up."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from ivr.callbacks.owed import find_owed
from ivr.calls.events import Event
from ivr.calls.outcome import OFFERED
from ivr.calls.placed import read_placed
from ivr.calls.project import project
from ivr.calls.record import CallRecord
from ivr.calls.story import tell
from ivr.hotline import load_hotline
from ivr.reports.check import Seen, compare
from ivr.settings import ROOT
from ivr.store.models import Call
from ivr.store.session import Store
from ivr.surveys.ids import attempt_call_id, contact_id
from tests.stores import engine_url, store
from tests.unit.test_projection_scenarios import CALL, at, events

__all__ = ["engine_url", "store"]

CONTACT = contact_id("after_service", "V1")
OUR_NUMBER, NUMBER = "4008001001", "13800138000"
RUNG = f"""
cel  0.00 CHAN_START     L exten=s
cel  0.01 SURVEY_DIALLED L number={OUR_NUMBER} extra={CONTACT}/1/{NUMBER}/7
cel  0.02 CHAN_START     T
"""
ANSWERED = (
    RUNG
    + f"""
cel  6.00 ANSWER          T number={NUMBER}
cel  6.01 SURVEY_ANSWERED T extra={CONTACT}/1
cel  6.02 RECORDING       T extra=2026/05/01/sv-1
cel  6.05 HANGUP          L by=dialplan/builtin
"""
)
TALKS = (
    ANSWERED
    + """
flow  8.00 call.started     {"caller": "4008001001", "called": "13800138000", "language": "zh-CN"}
flow  8.00 survey.heard     {"who": "human", "amd": "HUMAN", "cause": "HUMAN-700-700"}
flow  14.0 survey.confirmed {}
flow  30.0 survey.answer    {"question": "overall", "value": "2"}
"""
)
HUNG_UP = "cel 60.0 HANGUP T by=T\ncel 60.0 LINKEDID_END T"
RELEASED = "cel 60.0 HANGUP T by=dialplan/builtin\ncel 60.0 LINKEDID_END T"
JOINS = """
flow  40.0 survey.ended {"result": "person"}
flow  40.1 queue.joined {"queue": "service", "reason": "维修保养回访"}
queue 40   ENTERQUEUE   service - - 13800138000 1
"""
AGENT = """
cel   42.0 CHAN_START   1
queue 45   CONNECT      service 1001 5 ivr-test-1.1 3
cel   45.1 BRIDGE_ENTER 1 bridge_id=b
cel   45.2 BRIDGE_ENTER T bridge_id=b
cel   59.9 BRIDGE_EXIT  T bridge_id=b
queue 59   COMPLETECALLER service 1001 5 14 1
"""

SCENARIOS: dict[str, tuple[str, dict[str, Any]]] = {
    "answers all": (
        TALKS + 'flow 55.0 survey.ended {"result": "completed"}\n' + RELEASED,
        {
            "direction": "outbound",
            "caller": OUR_NUMBER,
            "called": NUMBER,
            "contact_id": CONTACT,
            "customer_id": 7,
            "callback_of": None,
            "outcome": "surveyed",
            "offered": False,
            "agent": None,
            "queue": None,
            "answered_at": None,
            "hung_up_by": "system",
            "language": "zh-CN",
            "recordings": {"caller": "2026/05/01/sv-1-caller.wav", "agent": "2026/05/01/sv-1-agent.wav"},
        },
    ),
    "hangs up in the middle": (TALKS + HUNG_UP, {"outcome": "surveyed", "hung_up_by": "caller", "offered": False}),
    "a machine": (
        ANSWERED
        + 'flow 15.0 survey.heard {"who": "machine"}\nflow 15.0 survey.ended {"result": "machine"}\n'
        + RELEASED,
        {"outcome": "timed_out", "offered": False, "called": NUMBER},
    ),
    "picks up and says nothing": (
        ANSWERED
        + 'flow 15.0 survey.heard {"who": "uncertain"}\nflow 45.0 survey.ended {"result": "no_human"}\n'
        + RELEASED,
        {"outcome": "timed_out"},
    ),
    "answered, and no flow is there": (ANSWERED + RELEASED, {"outcome": "timed_out"}),
    "busy": (
        RUNG + f"cel 2.0 SURVEY_RESULT L extra={CONTACT}/1/BUSY/17\ncel 2.0 LINKEDID_END L",
        {"outcome": "failed", "called": NUMBER, "caller": OUR_NUMBER, "customer_id": 7, "contact_id": CONTACT},
    ),
    "does not answer": (
        RUNG + f"cel 30.0 SURVEY_RESULT L extra={CONTACT}/1/NOANSWER/0\ncel 30.0 LINKEDID_END L",
        {"outcome": "timed_out", "offered": False},
    ),
    "nobody there, says the carrier": (
        RUNG + f"cel 9.0 SURVEY_RESULT L extra={CONTACT}/1/CHANUNAVAIL/19\ncel 9.0 LINKEDID_END L",
        {"outcome": "timed_out"},
    ),
    "stopped while it rang": (
        RUNG + f"cel 9.0 SURVEY_RESULT L extra={CONTACT}/1/CANCEL/0\ncel 9.0 LINKEDID_END L",
        {"outcome": "failed"},
    ),
    "wants a person and speaks with an agent": (
        TALKS + JOINS + AGENT + HUNG_UP,
        {
            "outcome": "answered",
            "offered": True,
            "direction": "outbound",
            "agent": "1001",
            "queue": "service",
            "called": NUMBER,
            "caller": OUR_NUMBER,
            "answered_at": at(45.2),
            "wait_seconds": 5.0,
            "talk_seconds": 14.0,
            "hung_up_by": "caller",
        },
    ),
    "wants a person and gives up waiting": (
        TALKS + JOINS + "queue 59 ABANDON service - 1 1 19\n" + HUNG_UP,
        {"outcome": "abandoned", "offered": True, "wait_seconds": 19.0},
    ),
    "wants a person, all is closed, asks to be called back": (
        TALKS
        + 'flow 41.0 survey.ended {"result": "person"}\n'
        + 'flow 50.0 callback.requested {"number": "13800138000", "reason": "requested"}\n'
        + 'flow 51.0 call.closed {"outcome": "callback"}\n'
        + RELEASED,
        {"outcome": "callback", "offered": False},
    ),
}


def record(table: str) -> dict[str, Any]:
    facts = project(CALL, events(table))
    assert facts is not None
    return asdict(facts)


@pytest.mark.standards("S26")
@pytest.mark.parametrize(("table", "expected"), SCENARIOS.values(), ids=SCENARIOS)
def test_a_survey_call_is_one_call_with_one_outcome(table: str, expected: dict[str, Any]) -> None:
    found = record(table)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("table", [table for table, _ in SCENARIOS.values()], ids=SCENARIOS)
def test_only_whoever_asked_for_a_person_counts_as_offered(table: str) -> None:
    found = record(table)
    assert found["offered"] == (found["outcome"] in OFFERED and found["queue"] is not None)


@pytest.mark.parametrize(
    "table",
    [
        "cel 0.00 CHAN_START L exten=s\ncel 1.0 LINKEDID_END L",
        f"cel 0.00 CHAN_START L exten=s\ncel 0.1 SURVEY_RESULT L extra={CONTACT}/1/REFUSED/0\ncel 0.2 LINKEDID_END L",
    ],
    ids=["nobody was dialled", "the dialplan would not"],
)
def test_what_rang_nobody_is_no_call(table: str) -> None:
    assert project(CALL, events(table)) is None


def test_what_is_said_of_a_call_that_we_placed() -> None:
    placed = read_placed(events(TALKS))
    assert placed is not None
    assert (placed.contact_id, placed.number, placed.customer_id, placed.status) == (CONTACT, NUMBER, 7, "ANSWER")


def seen(table: str) -> Seen:
    """What the independent count would read of the same events from the files."""
    from ivr.reports.check import _take_cel

    found = Seen(CALL)
    for event in events(table):
        if event.source == "cel":
            extra = json.dumps(event.data["extra"])
            at_, ids = f"{event.at.timestamp():.6f}" if event.at else "", [str(event.channel_id), CALL]
            _take_cel(found, [event.kind, at_, *ids, event.data["channel"], "", "s", "", "", "", extra])
        elif event.source == "queue_log":
            found.queue.append(event.kind)
        else:
            found.flow.append((event.kind, event.data))
    return found


def row(table: str) -> Call:
    values = record(table)
    del values["recordings"]
    return Call(**values)


@pytest.mark.parametrize("table", [table for table, _ in SCENARIOS.values()], ids=SCENARIOS)
def test_the_independent_count_agrees(table: str) -> None:
    checked = compare({CALL: seen(table)}, {CALL: row(table)})
    assert checked.differences == [] and checked.agrees
    assert sum(checked.journal.values()) == record(table)["offered"]


@pytest.mark.parametrize("name", ["answers all", "busy", "wants a person and speaks with an agent"])
def test_the_independent_count_notices_a_survey_call_that_is_lost_or_has_another_outcome(name: str) -> None:
    table = SCENARIOS[name][0]
    assert not compare({CALL: seen(table)}, {}).agrees
    spoilt = row(table)
    spoilt.outcome = "surveyed" if spoilt.outcome != "surveyed" else "failed"
    assert not compare({CALL: seen(table)}, {CALL: spoilt}).agrees


def test_the_story_tells_it_in_words() -> None:
    call_id = attempt_call_id(CONTACT, 1)
    values = record(SCENARIOS["wants a person and speaks with an agent"][0])
    del values["recordings"]
    told = events(SCENARIOS["wants a person and speaks with an agent"][0])
    lines = [line.what for line in tell(CallRecord(**values | {"id": call_id}), _renamed(told, call_id), "en")]
    assert lines == [
        f"rings {NUMBER} for a survey",
        "the customer answers",
        "recording begins",
        "a person has answered",
        "it is the right person",
        "answers overall: 2",
        "the customer asks for a person",
        "the caller joins queue service",
        "agent 1001's phone rings",
        "agent 1001 answers",
        "hangs up",
    ]


def _renamed(told: list[Event], call_id: str) -> list[Event]:
    return [
        Event(e.source, e.kind, e.at, call_id, call_id if e.channel_id == CALL else e.channel_id, e.data) for e in told
    ]


@pytest.mark.standards("S10")
@pytest.mark.parametrize("queue", ["service", None])
def test_s10_whoever_was_cut_off_on_the_way_to_a_person_is_owed_a_callback_and_whoever_was_surveyed_is_rung_by_its_rule(
    store: Store, queue: str | None
) -> None:
    now = at(600)
    ours = {"direction": "outbound", "contact_id": CONTACT, "called": NUMBER, "caller": OUR_NUMBER}
    ended = {"started_at": at(0), "ended_at": at(60), "outcome": "failed", "hung_up_by": "system"}
    with store.write() as session:
        session.add(Call(id=attempt_call_id(CONTACT, 1), queue=queue, menu_path=[], **ours, **ended))
        session.flush()
        owed = find_owed(session, load_hotline(ROOT / "hotline.yaml"), now)
    assert [(one.number, one.queue, one.reason) for one in owed] == ([(NUMBER, "service", "cut_off")] if queue else [])
