"""On duty, off duty, and what the live board shows of it: real Asterisk, real phones."""

import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import yaml

from ivr.calls.live_board import last_board
from ivr.demo.phone import Phone
from ivr.demo.rtp import RtpLine
from ivr.store.session import open_store
from ivr.telephony.asterisk_control import AsteriskControl, Channel, read_channels
from ivr.telephony.control import CommandRefused, ControlError
from ivr.telephony.duty import ROSTER, Member, control_client, read_members
from tests.live.conftest import Running, listen, until
from tests.phones import Caller, calling

NEW_AGENT = "2098"


@pytest.fixture
def control(live: Running) -> Iterator[AsteriskControl]:
    """Commands as the page gives them."""
    with closing(AsteriskControl(live.settings)) as control:
        yield control


def members(live: Running) -> list[Member]:
    with control_client(live.instance) as client:
        return read_members(client)


def on_duty(live: Running) -> set[str]:
    return {member.agent for member in members(live) if member.queue == ROSTER}


def line_of(live: Running, agent: str) -> dict[str, Any]:
    """What the live board says of an agent."""
    with closing(open_store(live.settings.store_url)) as store, store.read() as session:
        line: dict[str, Any] = last_board(session).get("agents", {}).get(agent, {})
        return line


def shows(live: Running, agent: str, state: str, **facts: object) -> None:
    """Wait until the live board shows an agent so."""

    def there() -> bool:
        line = line_of(live, agent)
        return line.get("state") == state and all(line.get(name) == value for name, value in facts.items())

    until(there, lambda: f"{agent} is {state} {facts}, not {line_of(live, agent)}", seconds=30)


NUMBERS = (f"1370000{number}" for number in itertools.count(4501))


@pytest.fixture
def talk(live: Running, line: RtpLine, control: AsteriskControl) -> Iterator[tuple[Phone, str]]:
    """1001 talks with a caller: the phone, and the call's id."""
    watch, number = live.watch(), next(NUMBERS)
    with live.agent_phone() as agent:
        shows(live, "1001", "free")
        with calling(live.server, live.number, [Caller(number, line)]) as run:
            run.wait_for("answered")
            line.press("0")
            agent.wait_for("CALL_INCOMING", seconds=60)
            agent.answer()
            call_id = watch.call_from(number)
            watch.wait_in(call_id, "BRIDGE_ENTER", seconds=60)
            shows(live, "1001", "talking", call=call_id)
            yield agent, call_id
            run.hang_up()
            run.result()
        until(lambda: not on_the_line(live), "everybody has hung up")


def on_the_line(live: Running) -> list[Channel]:
    with control_client(live.instance) as client:
        return read_channels(client)


def test_every_agent_with_a_phone_is_a_member_of_every_queue_right_after_the_start(live: Running) -> None:
    hotline = live.hotline
    there = {(member.queue, member.agent) for member in members(live)}
    assert {(name, agent) for name, queue in hotline.queues.items() for agent in queue.agents} <= there
    assert {(ROSTER, agent) for agent in hotline.agents} <= there


def test_a_reload_adds_and_removes_members_and_levels(live: Running) -> None:
    before = live.settings.hotline_file.read_text()
    business = yaml.safe_load(before)
    business["agents"][NEW_AGENT] = {"name": "新人"}
    queue = business["queues"][business["default_queue"]]
    queue["agents"] = dict.fromkeys(queue["agents"], 1) | {NEW_AGENT: 3}
    try:
        live.settings.hotline_file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
        until(lambda: NEW_AGENT in on_duty(live), "the new agent is on duty")
        until(
            lambda: [m.penalty for m in members(live) if m.agent == NEW_AGENT and m.queue == "service"] == [2],
            "the new agent has a level",
        )
    finally:
        live.settings.hotline_file.write_text(before)
    until(lambda: not any(m.agent == NEW_AGENT for m in members(live)), "the agent who left is in no queue")


def test_who_logged_out_stays_so_over_a_death_of_asterisk_and_is_not_rung(
    live: Running, control: AsteriskControl, line: RtpLine
) -> None:
    control.log_out("1001")
    control.pause("1003", "2")
    listen(2.0)  # Asterisk writes its database once a second
    live.kill("asterisk")
    until(lambda: "1002" in _on_duty_if_up(live), "Asterisk is back with its members")
    assert "1001" not in on_duty(live)
    assert {(m.paused, m.reason) for m in members(live) if m.agent == "1003"} == {(True, "2")}
    watch = live.watch()
    with live.agent_phone() as away, live.agent_phone("1002") as here:
        with calling(live.server, live.number, [Caller("13700000402", line)]) as run:
            run.wait_for("answered")
            line.press("0")
            here.wait_for("CALL_INCOMING", seconds=60)
            here.answer()
            call_id = watch.call_from("13700000402")
            watch.wait_in(call_id, "BRIDGE_ENTER")
            listen(1.0)
            run.hang_up()
            run.result()
        assert not [event for event in away.events if event.kind == "CALL_INCOMING"]
    shows(live, "1001", "logged_out", reason=None)


def _on_duty_if_up(live: Running) -> set[str]:
    try:
        return on_duty(live)
    except ControlError:
        return set()


@pytest.mark.standards("S1")
def test_s1_who_lets_it_ring_twice_in_a_row_is_paused_and_the_caller_goes_to_the_next(
    live: Running, control: AsteriskControl, line: RtpLine
) -> None:
    control.pause("1002", "1")
    watch = live.watch()
    with (
        live.agent_phone() as deaf,
        live.agent_phone("1002") as other,
        calling(live.server, live.number, [Caller("13700000403", line)]) as run,
    ):
        run.wait_for("answered")
        line.press("0")
        deaf.wait_for("CALL_INCOMING", seconds=60)
        shows(live, "1001", "ringing")
        until(
            lambda: any(m.agent == "1001" and m.paused and m.reason == "no-answer" for m in members(live)),
            "1001 is paused after two unanswered rings",
            seconds=90,
        )
        shows(live, "1001", "paused", reason="no-answer")
        control.unpause("1002")
        other.wait_for("CALL_INCOMING", seconds=60)
        other.answer()
        call_id = watch.call_from("13700000403")
        watch.wait_in(call_id, "BRIDGE_ENTER", seconds=60)
        listen(1.0)
        run.hang_up()
        run.result()
    assert live.record(call_id).agent == "1002"


def test_the_live_board_follows_a_call(live: Running, control: AsteriskControl, line: RtpLine) -> None:
    shows(live, "1001", "logged_out", reason="unreachable")
    watch = live.watch()
    with live.agent_phone() as agent:
        shows(live, "1001", "free", desk="1001")
        with calling(live.server, live.number, [Caller("13700000404", line)]) as run:
            run.wait_for("answered")
            line.press("0")
            agent.wait_for("CALL_INCOMING", seconds=60)
            call_id = watch.call_from("13700000404")
            shows(live, "1001", "ringing", call=call_id, caller="13700000404")
            agent.answer()
            shows(live, "1001", "talking", call=call_id, caller="13700000404", queue="service")
            began = dt.datetime.fromisoformat(line_of(live, "1001")["since"])
            listen(3.0)
            assert dt.datetime.fromisoformat(line_of(live, "1001")["since"]) == began
            agent.command("hold")
            shows(live, "1001", "hold", call=call_id)
            run.hang_up()
            run.result()
        shows(live, "1001", "free", call=None)


@pytest.mark.standards("S11")
def test_s11_logging_off_during_a_call_lets_that_caller_finish_first(
    live: Running, talk: tuple[Phone, str], control: AsteriskControl
) -> None:
    agent, call_id = talk
    control.log_out("1001")
    shows(live, "1001", "talking", call=call_id, leaving=True)
    assert "1001" not in on_duty(live)
    listen(2.0)
    agent.hang_up()
    shows(live, "1001", "logged_out")
    assert live.record(call_id).agent == "1001"


@pytest.mark.standards("S14")
def test_s14_the_wrap_up_is_shown_and_may_be_ended_early(
    live: Running, control: AsteriskControl, line: RtpLine
) -> None:
    before = live.settings.hotline_file.read_text()
    business = yaml.safe_load(before)
    business["queues"]["service"]["wrap_up_seconds"] = 600
    try:
        live.settings.hotline_file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
        until(lambda: live.hotline.queues["service"].wrap_up_seconds == 600, "the wrap-up time is in force")
        listen(3.0)
        control.end_wrap_up("1001")  # of the calls before
        watch = live.watch()
        with live.agent_phone() as agent:
            with calling(live.server, live.number, [Caller("13700000405", line)]) as run:
                run.wait_for("answered")
                line.press("0")
                agent.wait_for("CALL_INCOMING", seconds=60)
                agent.answer()
                watch.wait_in(watch.call_from("13700000405"), "BRIDGE_ENTER")
                listen(2.0)
                run.hang_up()
                run.result()
            shows(live, "1001", "wrap_up")
            control.end_wrap_up("1001")
            shows(live, "1001", "free")
            seen = len(agent.events)
            with live.caller_phone("13700000406") as caller:
                caller.dial(live.number)
                caller.wait_for("CALL_ESTABLISHED")
                caller.press("0")
                agent.wait_for("CALL_INCOMING", seconds=60, since=seen)
                caller.hang_up()
    finally:
        live.settings.hotline_file.write_text(before)
        until(lambda: live.hotline.queues["service"].wrap_up_seconds == 0, "the wrap-up time is as before")


@pytest.mark.standards("S7")
def test_s7_the_page_puts_a_caller_on_hold_and_takes_the_caller_back(
    live: Running, talk: tuple[Phone, str], control: AsteriskControl
) -> None:
    _, call_id = talk
    listen(1.0)
    control.hold("1001")
    shows(live, "1001", "hold", call=call_id)
    control.unhold("1001")
    shows(live, "1001", "talking", call=call_id)


@pytest.mark.standards("S7")
def test_s7_a_caller_forgotten_on_hold_by_the_phones_button_has_the_phone_ring(
    live: Running, talk: tuple[Phone, str]
) -> None:
    agent, _ = talk
    before = live.settings.hotline_file.read_text()
    business = yaml.safe_load(before)
    business["standards"]["hold_reminder_seconds"] = [10, 12]
    try:
        live.settings.hotline_file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
        until(lambda: live.hotline.standards.hold_reminder_seconds == [10, 12], "the reminders are in force")
        listen(1.0)
        agent.command("hold")
        shows(live, "1001", "hold")
        agent.wait_for("CALL_INCOMING", seconds=30, since=len(agent.events))
    finally:
        live.settings.hotline_file.write_text(before)
        until(lambda: live.hotline.standards.hold_reminder_seconds == [60, 180], "the reminders are as before")


@pytest.mark.standards("S8")
def test_s8_the_page_consults_another_agent_and_hands_the_caller_over(
    live: Running, talk: tuple[Phone, str], control: AsteriskControl
) -> None:
    agent, call_id = talk
    with live.agent_phone("1002") as other:
        shows(live, "1002", "free")
        listen(1.0)
        control.consult("1001", "1002")
        other.wait_for("CALL_INCOMING", seconds=30)
        other.answer()
        listen(4.0)
        control.complete_transfer("1001")
        agent.wait_for("CALL_CLOSED", seconds=30)
        shows(live, "1002", "talking", call=call_id)
        shows(live, "1001", "free")
        other.hang_up()


@pytest.mark.standards("S8")
def test_s8_the_page_takes_the_caller_back_from_a_consultation(
    live: Running, talk: tuple[Phone, str], control: AsteriskControl
) -> None:
    _, call_id = talk
    with live.agent_phone("1002") as other:
        shows(live, "1002", "free")
        listen(1.0)
        control.consult("1001", "1002")
        other.wait_for("CALL_INCOMING", seconds=30)
        other.answer()
        listen(4.0)
        control.cancel_transfer("1001")
        other.wait_for("CALL_CLOSED", seconds=30)
        shows(live, "1001", "talking", call=call_id)


@pytest.mark.standards("S8")
def test_s8_the_page_joins_all_three(live: Running, talk: tuple[Phone, str], control: AsteriskControl) -> None:
    _, call_id = talk
    with live.agent_phone("1002") as other:
        shows(live, "1002", "free")
        listen(1.0)
        control.consult("1001", "1002")
        other.wait_for("CALL_INCOMING", seconds=30)
        other.answer()
        listen(4.0)
        control.join("1001")
        shows(live, "1002", "talking", call=call_id)
        shows(live, "1001", "talking", call=call_id)


@pytest.mark.standards("S8")
def test_s8_the_page_sends_a_caller_on_without_asking(
    live: Running, talk: tuple[Phone, str], control: AsteriskControl
) -> None:
    agent, call_id = talk
    with live.agent_phone("1002") as other:
        shows(live, "1002", "free")
        listen(1.0)
        control.blind_transfer("1001", "1002")
        agent.wait_for("CALL_CLOSED", seconds=30)
        other.wait_for("CALL_INCOMING", seconds=30)
        other.answer()
        shows(live, "1002", "talking", call=call_id)


@pytest.mark.standards("S24")
def test_s24_a_supervisor_listens_to_the_own_team_from_the_page(
    live: Running, talk: tuple[Phone, str], control: AsteriskControl
) -> None:
    with live.agent_phone("1003") as supervisor:
        control.supervise("1003", "1001", "listen")
        supervisor.wait_for("CALL_INCOMING", seconds=30)
        supervisor.answer()
        supervisor.wait_for("CALL_ESTABLISHED", seconds=30)
        listen(1.0)
        supervisor.hang_up()
    with pytest.raises(CommandRefused):
        control.supervise("1001", "1003", "listen")


def test_the_page_puts_the_agents_phone_down(live: Running, talk: tuple[Phone, str], control: AsteriskControl) -> None:
    agent, call_id = talk
    listen(2.0)
    control.hang_up("1001")
    agent.wait_for("CALL_CLOSED", seconds=30)
    assert live.record(call_id).hung_up_by == "agent"


def test_the_board_goes_on_after_its_process_was_killed(live: Running) -> None:
    live.kill("ingest")
    with live.agent_phone():
        shows(live, "1001", "free")
    shows(live, "1001", "logged_out", reason="unreachable")
