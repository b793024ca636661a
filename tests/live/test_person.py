"""Reaching a person: waiting, ringing, talking, and who puts the phone down."""

from pathlib import Path

import pytest

from ivr.calls.record import CallRecord
from ivr.demo.rtp import RtpLine
from ivr.demo.voices import AGENT, CALLER, speak
from tests.live.conftest import Running, listen
from tests.phones import Caller, calling

AGENT_SAYS = "您好，请问有什么可以帮您？"
CALLER_SAYS = "您好，我想查一下我的车修好了没有。"


def both_heard(record: CallRecord) -> bool:
    return len(record.legs) == 2 and all(leg.state in ("done", "failed") for leg in record.legs)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What agent and caller say, as sound."""
    folder = tmp_path_factory.mktemp("spoken")
    return speak(AGENT_SAYS, AGENT, folder / "agent.wav"), speak(CALLER_SAYS, CALLER, folder / "caller.wav")


def test_sipp_pressing_0_is_answered_by_a_registered_phone_and_stands_in_the_list(live: Running, line: RtpLine) -> None:
    watch = live.watch()
    with live.agent_phone() as agent:
        with calling(live.server, live.number, [Caller("13700000001", line)]) as run:
            run.wait_for("answered")
            line.press("0")
            agent.wait_for("CALL_INCOMING", seconds=60)
            agent.answer()
            call_id = watch.call_from("13700000001")
            watch.wait_in(call_id, "BRIDGE_ENTER")
            listen(2.0)
            run.hang_up()
            result = run.result()
        agent.wait_for("CALL_CLOSED")
    assert (result.succeeded, result.failed) == (1, 0)
    live.record(call_id)
    [listed] = [call for call in live.ivr("calls") if call["id"] == call_id]
    assert listed["direction"] == "inbound" and listed["caller"] == "13700000001"
    assert (listed["outcome"], listed["queue"], listed["agent"]) == ("answered", "service", "1001")
    assert listed["menu_path"] == ["main:0"]
    assert listed["wait_seconds"] >= 0 and listed["talk_seconds"] > 0
    assert listed["started_at"] < listed["answered_at"] < listed["ended_at"]
    assert [leg["role"] for leg in listed["legs"]] == ["caller", "agent"]
    assert live.ivr("call", call_id)["id"] == call_id


def test_both_speak_and_their_words_are_written_down(live: Running, spoken: tuple[Path, Path]) -> None:
    watch = live.watch()
    with live.agent_phone() as agent, live.caller_phone("13700000002") as caller:
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from("13700000002")
        caller.press("0")
        agent.wait_for("CALL_INCOMING", seconds=60)
        agent.answer()
        watch.wait_in(call_id, "BRIDGE_ENTER")
        for phone, sound in zip((agent, caller), spoken, strict=True):
            listen(phone.say(sound) + 0.3)
        caller.hang_up()
        agent.wait_for("CALL_CLOSED")
    record = live.record(call_id, lambda record: both_heard(record) and record.score is not None)
    texts = {leg.role: leg.text for leg in record.legs}
    assert "请问" in texts["agent"] and "可以帮您" in texts["agent"], texts
    assert "我的车" in texts["caller"] and "修好" in texts["caller"], texts
    assert record.hung_up_by == "caller"
    agent_leg = record.leg("agent")
    assert agent_leg is not None and agent_leg.demonstration
    assert record.answered_at is not None and record.recorded_at is not None
    rang = (record.answered_at - record.recorded_at).total_seconds() - 5
    assert agent_leg.words[0]["start"] >= rang, "greeting and menu are no agent's words"


def test_caller_who_gives_up_waiting_is_an_abandon(live: Running) -> None:
    watch = live.watch()
    with live.caller_phone("13700000003") as caller:
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from("13700000003")
        caller.press("0")
        watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
        caller.hang_up()
    record = live.record(call_id)
    assert (record.outcome, record.queue, record.agent, record.hung_up_by) == ("abandoned", "service", None, "caller")
    assert record.wait_seconds is not None and record.talk_seconds is None


def test_caller_who_gives_up_while_it_rings_is_an_abandon_and_the_phone_falls_silent(live: Running) -> None:
    watch = live.watch()
    with live.agent_phone() as agent, live.caller_phone("13700000004") as caller:
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from("13700000004")
        caller.press("0")
        agent.wait_for("CALL_INCOMING", seconds=60)
        caller.hang_up()
        agent.wait_for("CALL_CLOSED")
    record = live.record(call_id)
    assert (record.outcome, record.agent, record.answered_at) == ("abandoned", None, None)


@pytest.mark.standards("S9")
def test_agent_who_puts_the_phone_down_first_is_written_down_as_such(live: Running) -> None:
    watch = live.watch()
    with live.agent_phone() as agent, live.caller_phone("13700000005") as caller:
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from("13700000005")
        caller.press("0")
        agent.wait_for("CALL_INCOMING", seconds=60)
        agent.answer()
        watch.wait_in(call_id, "BRIDGE_ENTER")
        # Within half a second of being put through, a caller is not let go but waits on.
        listen(2.0)
        agent.hang_up()
        caller.wait_for("CALL_CLOSED")
    record = live.record(call_id)
    assert (record.outcome, record.agent, record.hung_up_by) == ("answered", "1001", "agent")
