"""After the talk: asked for a rating, never forced, never without a goodbye (S9, S13, S28)."""

from collections.abc import Callable

import pytest

from tests.live.conftest import Running, listen

AfterTheTalk = Callable[[str], str]


@pytest.fixture
def after_the_talk(live: Running) -> AfterTheTalk:
    """A caller whose agent hangs up first, and who then presses these keys; gives the call's id when it is over."""

    def talk(keys: str, number: str = "13300000001") -> str:
        watch = live.watch()
        with live.agent_phone() as agent, live.caller_phone(number) as caller:
            caller.dial(live.number)
            caller.wait_for("CALL_ESTABLISHED")
            call_id = watch.call_from(number)
            caller.press("0")
            agent.wait_for("CALL_INCOMING", seconds=60)
            agent.answer()
            watch.wait_in(call_id, "BRIDGE_ENTER")
            listen(2.0)
            agent.hang_up()
            listen(2.0)
            for key in keys:
                caller.press(key)
                listen(3.0)
            caller.wait_for("CALL_CLOSED", seconds=60)
        return call_id

    return talk


@pytest.mark.standards("S28")
def test_s28_the_caller_rates_the_talk_after_the_agent_has_hung_up(live: Running, after_the_talk: AfterTheTalk) -> None:
    watch = live.watch()
    call_id = after_the_talk("2")
    assert watch.wait_in(call_id, "rating.given").data["score"] == 2
    said = [event.data["prompt"] for event in watch.events() if event.kind == "prompt.played"]
    assert said[-2:] == ["rating_ask", "rating_low_thanks"]
    record = live.record(call_id)
    assert (record.outcome, record.hung_up_by) == ("answered", "agent")


@pytest.mark.standards("S13")
def test_s13_whoever_does_not_rate_is_thanked_all_the_same(live: Running, after_the_talk: AfterTheTalk) -> None:
    watch = live.watch()
    call_id = after_the_talk("")
    watch.wait_in(call_id, "rating.skipped")
    said = [event.data["prompt"] for event in watch.events() if event.kind == "prompt.played"]
    assert said[-2:] == ["rating_ask", "thanks_bye"]


@pytest.mark.standards("S20")
def test_s20_without_flows_the_talk_ends_with_a_goodbye(live: Running, after_the_talk: AfterTheTalk) -> None:
    live.supervisor.stop_process("agi")
    try:
        call_id = after_the_talk("")
    finally:
        live.supervisor.start_process("agi")
    record = live.record(call_id)
    assert (record.outcome, record.hung_up_by) == ("answered", "agent")
