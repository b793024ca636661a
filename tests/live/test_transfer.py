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
from tests.live.talks import Talk, a_talk_each, keys, loud_seconds, put_down, rings

pytestmark = pytest.mark.standards("S8")


@pytest.fixture(scope="module")
def talks(request: pytest.FixtureRequest, live: Running) -> Iterator[Iterator[Talk]]:
    with a_talk_each(request, live, 13760000001) as talks:
        yield talks


@pytest.fixture
def talk(talks: Iterator[Talk]) -> Iterator[Talk]:
    talk = next(talks)
    yield talk
    talk.over()


def consulted(talk: Talk, number: str = "1002") -> Phone:
    """The agent consults 1002, whose phone answers."""
    other = talk.phone(number)
    talk.consult(talk.agent, number)
    talk.wait("CONSULT", f"{talk.work_number}>{number}")
    rings(other)
    other.answer()
    talk.wait_for_leg("BRIDGE_ENTER", other)
    return other


def test_s8_warm_transfer_the_other_agent_hears_who_and_why_then_takes_the_caller_over(
    talk: Talk, tmp_path: Path
) -> None:
    other = talk.phone("1002")
    talk.consult(talk.agent, "1002")
    rings(other)
    other.answer()
    answered, bridged = talk.wait_for_leg("ANSWER", other), talk.wait_for_leg("BRIDGE_ENTER", other)
    assert answered.at and bridged.at
    told = (bridged.at - answered.at).total_seconds()
    assert 1.5 < told < 3.5, "that it is a transfer, and the matter"
    keys(talk.agent, "*2")
    talk.agent.wait_for("CALL_CLOSED")
    talk.until_together(other)
    talk.caller.hang_up()
    other.wait_for("CALL_CLOSED")
    assert loud_seconds(other.keep_heard(tmp_path / "other.wav"), until=told) > 1.0
    heard = talk.caller.keep_heard(tmp_path / "caller.wav")
    assert loud_seconds(heard) > 5, "greeting, work number, then words and music on hold"
    record = talk.live.record(talk.call_id)
    assert (record.outcome, record.hung_up_by) == ("answered", "caller")


def test_s8_agent_goes_back_to_the_caller_when_the_other_one_cannot_help(talk: Talk) -> None:
    consulted(talk)
    keys(talk.agent, "*1")
    talk.until_together(talk.agent)


def test_s8_all_three_talk_then_the_first_agent_leaves(talk: Talk) -> None:
    other = consulted(talk)
    keys(talk.agent, "*3")
    talk.until_together(talk.agent, other)
    put_down(talk.agent)
    talk.until_together(other)


def test_s8_the_agent_who_consults_has_the_caller_again_when_nobody_answers(talk: Talk) -> None:
    other = talk.phone("1002")
    talk.consult(talk.agent, "1002")
    rings(other)
    other.hang_up()
    talk.wait("TRANSFER_RETURNED", talk.work_number)
    talk.until_together(talk.agent)


def test_s8_a_caller_left_while_it_still_rings_comes_back_to_the_agent_when_nobody_answers(talk: Talk) -> None:
    other = talk.phone("1002")
    talk.consult(talk.agent, "1002")
    rings(other)
    before = put_down(talk.agent)
    listen(0.5)
    other.hang_up()
    talk.wait("TRANSFER_RETURNED", talk.work_number)
    rings(talk.agent, since=before)
    talk.agent.answer()
    talk.until_together(talk.agent)
    keys(talk.agent, "*5")
    talk.wait("HOLD", talk.work_number)
    keys(talk.agent, "#")
    talk.wait("UNHOLD", talk.work_number)


def test_s8_a_caller_left_while_it_rings_and_taken_by_nobody_is_the_next_in_line(talk: Talk) -> None:
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


def test_s8_blind_transfer_reaches_the_other_agent(talk: Talk) -> None:
    other = talk.phone("1002")
    blind(talk, "1002")
    rings(other)
    talk.agent.wait_for("CALL_CLOSED")
    other.answer()
    talk.until_together(other)


def test_s8_blind_transfer_returns_to_the_agent_when_nobody_answers(talk: Talk) -> None:
    other = talk.phone("1002")
    before = len(talk.agent.events)
    blind(talk, "1002")
    rings(other)
    other.hang_up()
    talk.wait("TRANSFER_RETURNED", talk.work_number)
    rings(talk.agent, since=before)
    talk.agent.answer()
    talk.until_together(talk.agent)


def blind(talk: Talk, number: str) -> None:
    keys(talk.agent, "*8")
    listen(0.6)
    keys(talk.agent, number)


def test_s8_blind_transfer_to_a_queue_waits_there_for_whoever_is_free(talk: Talk) -> None:
    other = talk.phone("1002")
    blind(talk, "02")
    talk.watch.wait_in(talk.call_id, "ENTERQUEUE", count=2)
    rings(other)
    other.answer()
    talk.until_together(other)
    assert [e.data["queue"] for e in talk.watch.events() if e.call_id == talk.call_id and e.kind == "ENTERQUEUE"] == [
        "service",
        "booking",
    ]


def test_s8_warm_transfer_to_a_queue_reaches_whoever_is_free_there(talk: Talk) -> None:
    other = talk.phone("1002")
    talk.consult(talk.agent, "02")
    talk.wait("CONSULT", f"{talk.work_number}>booking")
    rings(other)
    other.answer()
    talk.wait_for_leg("BRIDGE_ENTER", other)
    put_down(talk.agent)
    talk.watch.wait_in(talk.call_id, "ATTENDEDTRANSFER")
    listen(2.0)
    assert not [e for phone in (other, talk.caller) for e in phone.events if e.kind == "CALL_CLOSED"]


def test_s8_phone_with_a_transfer_key_of_its_own_does_the_same(talk: Talk) -> None:
    """REFER (RFC 3515), as most phones' own keys send it."""
    other = talk.phone("1002")
    host, port = talk.live.server
    talk.agent.command("transfer", f"sip:1002@{host}:{port}")
    rings(other)
    other.answer()
    talk.until_together(other)


@pytest.mark.standards("S20")
def test_s20_holding_and_transferring_need_no_python(talk: Talk) -> None:
    with python_is_dead(talk.live):
        keys(talk.agent, "*5")
        talk.wait("HOLD", talk.work_number)
        listen(1.0)
        keys(talk.agent, "*5")
        talk.wait("UNHOLD", talk.work_number)
        talk.until_together(talk.agent)
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
