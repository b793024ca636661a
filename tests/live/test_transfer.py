"""Handing a caller over: the other one hears who and why first, and a caller whom nobody takes comes back (S8)."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr.demo.phone import Phone
from tests.live.conftest import Running, listen
from tests.live.talks import Talk, keys, loud_seconds, put_down, rings, talking

pytestmark = pytest.mark.standards("S8")


def consulted(talk: Talk, number: str = "1002") -> Phone:
    """The agent consults 1002, whose phone answers."""
    other = talk.phone(number)
    talk.consult(talk.agent, number)
    talk.wait("CONSULT", f"1001>{number}")
    rings(other)
    other.answer()
    talk.watch.wait(
        "the two agents talk", lambda e: e.kind == "BRIDGE_ENTER" and f"PJSIP/{number}-" in e.data["channel"]
    )
    return other


def test_s8_warm_transfer_the_other_agent_hears_who_and_why_then_takes_the_caller_over(
    live: Running, tmp_path: Path
) -> None:
    with talking(live, "13760000001", key="2") as talk:
        other = talk.phone("1002")
        talk.consult(talk.agent, "1002")
        rings(other)
        other.answer()
        answered = talk.watch.wait("1002 answers", lambda e: e.kind == "ANSWER" and "PJSIP/1002-" in e.data["channel"])
        bridged = talk.watch.wait(
            "1002 talks", lambda e: e.kind == "BRIDGE_ENTER" and "PJSIP/1002-" in e.data["channel"]
        )
        assert answered.at and bridged.at
        told = (bridged.at - answered.at).total_seconds()
        assert 0.5 < told < 2.3, "the whisper lasts at most two seconds"
        listen(1.0)
        keys(talk.agent, "*2")
        talk.agent.wait_for("CALL_CLOSED")
        talk.until_together(other)
        talk.caller.hang_up()
        other.wait_for("CALL_CLOSED")
        assert loud_seconds(other.keep_heard(tmp_path / "other.wav"), until=told) > 0.4
        heard = talk.caller.keep_heard(tmp_path / "caller.wav")
    assert loud_seconds(heard) > 5, "greeting, work number, then words and music on hold"
    record = live.record(talk.call_id)
    assert (record.outcome, record.hung_up_by) == ("answered", "caller")


def test_s8_agent_goes_back_to_the_caller_when_the_other_one_cannot_help(live: Running) -> None:
    with talking(live, "13760000002") as talk:
        consulted(talk)
        keys(talk.agent, "*1")
        talk.until_together(talk.agent)


def test_s8_all_three_talk_then_the_first_agent_leaves(live: Running) -> None:
    with talking(live, "13760000003") as talk:
        other = consulted(talk)
        keys(talk.agent, "*3")
        talk.until_together(talk.agent, other)
        put_down(talk.agent)
        talk.until_together(other)


def test_s8_the_agent_who_consults_has_the_caller_again_when_nobody_answers(live: Running) -> None:
    with talking(live, "13760000004") as talk:
        other = talk.phone("1002")
        talk.consult(talk.agent, "1002")
        rings(other)
        other.hang_up()
        talk.wait("TRANSFER_RETURNED", "1001")
        talk.until_together(talk.agent)


def test_s8_a_caller_left_while_it_still_rings_comes_back_to_the_agent_when_nobody_answers(live: Running) -> None:
    with talking(live, "13760000005") as talk:
        other = talk.phone("1002")
        talk.consult(talk.agent, "1002")
        rings(other)
        before = put_down(talk.agent)
        listen(0.5)
        other.hang_up()
        talk.wait("TRANSFER_RETURNED", "1001")
        rings(talk.agent, since=before)
        talk.agent.answer()
        talk.until_together(talk.agent)
        keys(talk.agent, "*5")
        talk.wait("HOLD", "1001")
        keys(talk.agent, "#")
        talk.wait("UNHOLD", "1001")


def test_s8_a_caller_left_while_it_rings_and_taken_by_nobody_is_the_next_in_line(live: Running) -> None:
    with talking(live, "13760000006") as talk:
        other = talk.phone("1002")
        talk.consult(talk.agent, "1002")
        rings(other)
        before, seen = put_down(talk.agent), len(other.events)
        other.hang_up()
        rings(talk.agent, since=before)
        again = len(talk.agent.events)
        talk.agent.hang_up()
        talk.watch.wait_in(talk.call_id, "ENTERQUEUE", count=2)
        ringing = next_to_ring([(talk.agent, again), (other, seen)])
        ringing.answer()
        talk.until_together(ringing)


def next_to_ring(phones: list[tuple[Phone, int]], seconds: float = 30.0) -> Phone:
    """The phone that rings first after so many events of its own."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for phone, since in phones:
            if any(event.kind == "CALL_INCOMING" for event in phone.events[since:]):
                return phone
        time.sleep(0.1)
    raise AssertionError("no phone rings")


def test_s8_blind_transfer_reaches_the_other_agent(live: Running) -> None:
    with talking(live, "13760000007") as talk:
        other = talk.phone("1002")
        blind(talk, "1002")
        rings(other)
        talk.agent.wait_for("CALL_CLOSED")
        other.answer()
        talk.until_together(other)


def test_s8_blind_transfer_returns_to_the_agent_when_nobody_answers(live: Running) -> None:
    with talking(live, "13760000008") as talk:
        other = talk.phone("1002")
        before = len(talk.agent.events)
        blind(talk, "1002")
        rings(other)
        other.hang_up()
        talk.wait("TRANSFER_RETURNED", "1001")
        rings(talk.agent, since=before)
        talk.agent.answer()
        talk.until_together(talk.agent)


def blind(talk: Talk, number: str) -> None:
    keys(talk.agent, "*8")
    listen(0.6)
    keys(talk.agent, number)


def test_s8_blind_transfer_to_a_queue_waits_there_for_whoever_is_free(live: Running) -> None:
    with talking(live, "13760000009") as talk:
        other = talk.phone("1002")
        blind(talk, "02")
        talk.watch.wait_in(talk.call_id, "ENTERQUEUE", count=2)
        rings(other)
        other.answer()
        talk.until_together(other)
    assert [e.data["queue"] for e in talk.watch.events() if e.kind == "ENTERQUEUE"] == ["service", "booking"]


def test_s8_warm_transfer_to_a_queue_reaches_whoever_is_free_there(live: Running) -> None:
    with talking(live, "13760000010") as talk:
        other = talk.phone("1002")
        talk.consult(talk.agent, "02")
        talk.wait("CONSULT", "1001>booking")
        rings(other)
        other.answer()
        talk.watch.wait("1002 talks", lambda e: e.kind == "BRIDGE_ENTER" and "PJSIP/1002-" in e.data["channel"])
        put_down(talk.agent)
        talk.watch.wait_in(talk.call_id, "ATTENDEDTRANSFER")
        listen(2.0)
        assert not [e for phone in (other, talk.caller) for e in phone.events if e.kind == "CALL_CLOSED"]


def test_s8_phone_with_a_transfer_key_of_its_own_does_the_same(live: Running) -> None:
    """REFER (RFC 3515), as most phones' own keys send it."""
    with talking(live, "13760000011") as talk:
        other = talk.phone("1002")
        talk.agent.command("transfer", f"sip:1002@{live.server[0]}:{live.server[1]}")
        rings(other)
        other.answer()
        talk.until_together(other)


@pytest.mark.standards("S20")
def test_s20_holding_and_transferring_need_no_python(live: Running) -> None:
    with python_is_dead(live), talking(live, "13760000012") as talk:
        keys(talk.agent, "*5")
        talk.wait("HOLD", "1001")
        listen(1.0)
        keys(talk.agent, "*5")
        talk.wait("UNHOLD", "1001")
        other = consulted(talk)
        keys(talk.agent, "*2")
        talk.agent.wait_for("CALL_CLOSED")
        talk.until_together(other)


@contextmanager
def python_is_dead(live: Running) -> Iterator[None]:
    """Every process but Asterisk and its keeper stands still: it answers nothing, writes nothing, starts nothing."""
    pids = [state.pid for state in live.supervisor.processes() if state.name != "asterisk" and state.pid]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
