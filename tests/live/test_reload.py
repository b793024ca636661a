"""A changed business file is in force for who is new, and nobody who is on the line notices."""

import pytest
import yaml

from ivr.demo.phone import Phone, PhoneError
from ivr.demo.rtp import RtpLine
from ivr.telephony.runtime import rx
from tests.live.conftest import Running, listen, until
from tests.phones import Caller, calling

NEW_AGENT = "2099"


def knows_agent(live: Running, work_number: str) -> bool:
    return f"Endpoint:  {work_number}" in rx(live.settings.paths.asterisk_conf, f"pjsip show endpoint {work_number}")


def test_a_caller_who_waits_is_answered_by_an_agent_who_joined_meanwhile(live: Running, line: RtpLine) -> None:
    file = live.settings.hotline_file
    before = file.read_text()
    business = yaml.safe_load(before)
    business["agents"][NEW_AGENT] = {"name": "新人"}
    business["queues"][business["default_queue"]]["agents"].append(NEW_AGENT)
    watch = live.watch()
    try:
        with calling(live.server, live.number, [Caller("13900000099", line)]) as run:
            run.wait_for("answered")
            line.press("0")
            call_id = watch.call_from("13900000099")
            watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
            file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
            until(lambda: knows_agent(live, NEW_AGENT), "the new agent is known")
            secret = live.instance.agent_secrets[NEW_AGENT]
            with Phone(NEW_AGENT, live.server, password=secret) as agent:
                agent.wait_for("CALL_INCOMING", seconds=60)
                agent.answer()
                watch.wait_in(call_id, "BRIDGE_ENTER", seconds=60)
                file.write_text(before)
                until(lambda: not knows_agent(live, NEW_AGENT), "the agent who left is forgotten")
                listen(1.0)
                run.hang_up()
                assert run.result().succeeded == 1
        record = live.record(call_id)
        assert (record.outcome, record.agent, record.hung_up_by) == ("answered", NEW_AGENT, "caller")
    finally:
        file.write_text(before)
        until(lambda: not knows_agent(live, NEW_AGENT), "the business is as before")
    with pytest.raises(PhoneError), Phone(NEW_AGENT, live.server, password=secret):
        pytest.fail("an agent who was taken out could still log in")
