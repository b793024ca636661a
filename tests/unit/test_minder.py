"""Minding agents: who lets it ring twice is paused, and nobody on hold is forgotten."""

import datetime as dt

import pytest

from ivr.calls.cel import read_cel
from ivr.calls.minder import Holds, Reminders, Ringing
from ivr.calls.queue_log import read_queue_log

NOW = dt.datetime(2026, 3, 2, 10, 0, 0, tzinfo=dt.UTC)


def after(log: str) -> list[str]:
    """Who is to be paused after these lines of queue_log: `agent EVENT`, one a line."""
    rings = Ringing()
    lines = [line.split() for line in log.strip().splitlines()]
    text = "".join(f"1772445600|ivr-1.1|service|{agent}|{kind}|15000\n" for agent, kind in lines)
    rings.take([event for _, event in read_queue_log(text.encode())[0]])
    return rings.to_pause(["1001", "1002"])


@pytest.mark.standards("S1")
@pytest.mark.parametrize(
    ("log", "paused"),
    [
        ("1001 RINGNOANSWER", []),
        ("1001 RINGNOANSWER\n1001 RINGNOANSWER", ["1001"]),
        ("1001 RINGNOANSWER\n1002 RINGNOANSWER\n1001 RINGNOANSWER", ["1001"]),
        ("1001 RINGNOANSWER\n1001 CONNECT\n1001 RINGNOANSWER", []),
        ("1001 RINGNOANSWER\n1001 RINGNOANSWER\n1001 PAUSE", []),
        ("1001 RINGNOANSWER\n1001 PAUSE\n1001 UNPAUSE\n1001 RINGNOANSWER", []),
        ("1001 RINGNOANSWER\n1001 RINGCANCELED\n1001 RINGNOANSWER", ["1001"]),
        ("1001 RINGNOANSWER\nNONE QUEUESTART\n1001 RINGNOANSWER", []),
        ("1003 RINGNOANSWER\n1003 RINGNOANSWER", []),
    ],
    ids=[
        "once",
        "twice",
        "twice with another between",
        "took one between",
        "paused already",
        "back from a pause",
        "a caller who gave up says nothing about the agent",
        "Asterisk was started anew",
        "not on duty any more",
    ],
)
def test_s1_who_lets_it_ring_twice_in_a_row_is_paused(log: str, paused: list[str]) -> None:
    assert after(log) == paused


def test_the_queue_of_a_call_and_of_an_agents_last_call_are_remembered() -> None:
    rings = Ringing()
    rings.take([e for _, e in read_queue_log(b"1772445600|ivr-1.1|booking|1002|CONNECT|3|ivr-1.2|2\n")[0]])
    assert rings.queues == {"ivr-1.1": "booking"} and rings.last_queue == {"1002": "booking"}


def cel(kind: str, agent: str, call: str) -> bytes:
    fields = [kind, "1772445600.5", call, call, "PJSIP/x-1", "138", "s", "hold", "", "", f'{{""extra"":""{agent}""}}']
    return (",".join(f'"{field}"' for field in fields) + "\n").encode()


def test_an_agent_holds_a_caller_until_taken_back_or_gone() -> None:
    holds = Holds()
    holds.take([e for _, e in read_cel(cel("HOLD", "1001", "ivr-1.1") + cel("HOLD", "1002", "ivr-1.9"))[0]])
    assert holds.held(["ivr-1.1", "ivr-1.9"]) == {"1001", "1002"}
    assert holds.held(["ivr-1.1"]) == {"1001"}, "the other call has ended"
    holds.take([e for _, e in read_cel(cel("UNHOLD", "1001", "ivr-1.1"))[0]])
    assert holds.held(["ivr-1.1"]) == set()


@pytest.mark.standards("S7")
def test_s7_a_hold_by_the_phones_button_rings_back_once_after_the_last_reminder() -> None:
    reminders = Reminders()

    def due(seconds: int, *holding: str) -> list[str]:
        return reminders.due(holding, [60, 180], NOW + dt.timedelta(seconds=seconds))

    assert due(0, "1001") == [] and due(179, "1001") == []
    assert due(180, "1001") == ["1001"]
    assert due(190, "1001") == [], "once"
    assert due(200) == [] and due(210, "1001") == [], "another hold counts from its own begin"
    assert due(390, "1001") == ["1001"]
