"""A changed business file is in force for who is new, and nobody who is on the line notices."""

import datetime as dt
from typing import Any

import pytest
import yaml

from ivr.demo.phone import Phone, PhoneError
from ivr.demo.rtp import RtpLine, RtpLines
from ivr.telephony.runtime import rx
from tests.live.conftest import CROWD, Running, listen, until
from tests.live.test_callers import business, on_the_line
from tests.phones import Caller, calling, many_agents

NEW_AGENT = "2099"
CALLS = 12
TALKING = 6
"""So many callers talk with an agent while the business changes; the others are being greeted."""


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


def test_menu_hours_agents_and_prompts_change_under_load_and_every_caller_on_the_line_is_served(live: Running) -> None:
    """Nobody who is on the line notices; the next caller hears the new name and menu, and finds the queue closed."""
    secrets = {number: live.instance.agent_secrets[number] for number in CROWD}
    numbers = [f"1350001{place:04d}" for place in range(CALLS)]
    greeting = live.settings.paths.prompts / "zh-CN" / "greeting.ulaw"
    old_greeting, watch = greeting.read_bytes(), live.watch()
    with many_agents(live.server, secrets) as agents, RtpLines(CALLS) as lines:
        callers = [Caller(number, line) for number, line in zip(numbers, lines.lines, strict=True)]
        with calling(live.server, live.number, callers) as run:
            run.wait_for("answered", CALLS)
            for caller in callers[:TALKING]:
                caller.line.press("0")
            agents.wait_for("talks", TALKING)
            with business(live, _changed):
                assert knows_agent(live, NEW_AGENT)
                assert greeting.read_bytes() != old_greeting, "the new name is spoken"
                for caller in callers[TALKING:]:
                    caller.line.press("0")
                agents.wait_for("talks", CALLS)
                with on_the_line(live, "13500019999") as following:
                    following.wait("menu.entered")
                    following.press("4")
                    until(lambda: "closed" in following.heard, "the next caller comes to a queue that is closed now")
            listen(1.0)
            run.hang_up()
            result = run.result()
    assert (result.succeeded, result.failed) == (CALLS, 0), result.errors
    records = [live.record(watch.call_from(number)) for number in numbers]
    assert {(record.outcome, record.hung_up_by) for record in records} == {("answered", "caller")}
    assert live.record(following.call_id).menu_path == ["main:4"]


def _changed(data: dict[str, Any]) -> None:
    """Another name, a key more in the menu, a queue that is closed today, an agent more."""
    today = dt.datetime.now(dt.UTC).astimezone().date()
    data["company"]["name"]["zh-CN"] = "远航汽车售后服务中心"
    label = {"zh-CN": "配件", "en": "Parts"}
    data["menus"]["main"]["options"]["4"] = {"label": label, "queue": "parts"}
    agents = data["queues"][data["default_queue"]]["agents"]
    data["queues"]["parts"] = {"label": label, "hours": {"mon-sun": "09:00-12:00"}, "agents": agents[:1]}
    around = [today + dt.timedelta(days=day) for day in (-1, 0, 1)]
    data["calendar"] = {"exceptions": dict.fromkeys(around, "closed")}
    data["agents"][NEW_AGENT] = {"name": "新人"}
    agents.append(NEW_AGENT)
