"""A phone that was told to forward its calls: nobody is sent away with it, and nobody waits for it."""

from contextlib import closing

import pytest

from ivr.demo.rtp import RtpLine
from ivr.telephony.asterisk_control import AsteriskControl
from tests.live.conftest import Running, until
from tests.phones import Caller, calling, many_agents

FORWARDING, FREE = "1001", "1002"


@pytest.mark.standards("S1")
def test_s1_a_phone_that_forwards_its_calls_is_paused_and_the_caller_reaches_the_next(
    live: Running, line: RtpLine
) -> None:
    """app_queue itself would ring the one that refused again and again, as it has been without a call for longest."""
    watch, secret = live.watch(), live.instance.agent_secrets[FORWARDING]
    with many_agents(live.server, {FORWARDING: secret}, scenario="forwards.xml") as forwarding:
        until(lambda: state(live, FORWARDING) == ("free", None), "the phone that forwards is taken for free")
        with calling(live.server, live.number, [Caller("13700000071", line)]) as run:
            run.wait_for("answered")
            line.press("0")
            forwarding.wait_for("rings")
            with live.agent_phone(FREE) as agent:
                agent.wait_for("CALL_INCOMING", seconds=60)
                agent.answer()
                call_id = watch.call_from("13700000071")
                watch.wait_in(call_id, "BRIDGE_ENTER")
                assert state(live, FORWARDING) == ("paused", "forwarding")
                run.hang_up()
                assert run.result().succeeded == 1
        assert forwarding.happened().count(f"rings sip:{FORWARDING}") == 1
    record = live.record(call_id)
    assert (record.outcome, record.agent) == ("answered", FREE)
    with live.agent_phone(FORWARDING), closing(AsteriskControl(live.settings)) as control:
        control.unpause(FORWARDING)
        until(lambda: state(live, FORWARDING) == ("free", None), "whoever has seen to the phone is ready again")


def state(live: Running, agent: str) -> tuple[str, str | None]:
    """What the agent does, and why they are paused."""
    [found] = [row for row in live.ivr("agents", "list") if row["work_number"] == agent]
    return found["state"], found["reason"]
