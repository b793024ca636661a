"""On duty, off duty, and what the live board shows of it: real Asterisk, real phones."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import yaml

from ivr import service
from ivr.calls.live_board import last_board
from ivr.demo.phone import Phone
from ivr.store.session import open_store
from ivr.telephony.asterisk_control import AsteriskControl, Channel, read_channels
from ivr.telephony.control import CommandRefused, ControlError
from ivr.telephony.duty import ROSTER, Member, control_client, read_members
from tests.live.conftest import CROWD, Business, Running, listen, until
from tests.live.talks import Talk, many_talking, put_down, rings

NEW_AGENT = "2098"
OTHER = "1002"


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


def on_the_line(live: Running) -> list[Channel]:
    with control_client(live.instance) as client:
        return read_channels(client)


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


@contextmanager
def other_business(live: Running, change: Callable[[Business], None]) -> Iterator[None]:
    """The business file with a change that Asterisk knows of, for as long as the block runs."""
    before = live.settings.hotline_file.read_text()
    business = yaml.safe_load(before)
    change(business)
    try:
        in_force(live, yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
        yield
    finally:
        in_force(live, before)


def in_force(live: Running, business: str) -> None:
    live.settings.hotline_file.write_text(business)
    service.reload(live.settings)  # what `ivr reload` does, without waiting for a Python to start


@contextmanager
def asks_for_a_person(live: Running, number: str) -> Iterator[Phone]:
    """A caller who has pressed 0; whoever is still on the line at the end hangs up."""
    watch = live.watch()
    with live.caller_phone(number) as caller:
        caller.dial(live.number)
        watch.wait_in(watch.call_from(number), "menu.entered")
        caller.press("0")
        yield caller
        if not any(event.kind == "CALL_CLOSED" for event in caller.events):
            put_down(caller)


def test_every_agent_with_a_phone_is_a_member_of_every_queue_right_after_the_start(live: Running) -> None:
    hotline = live.hotline
    there = {(member.queue, member.agent) for member in members(live)}
    assert {(name, agent) for name, queue in hotline.queues.items() for agent in queue.agents} <= there
    assert {(ROSTER, agent) for agent in hotline.agents} <= there


def test_a_reload_adds_and_removes_members_and_levels(live: Running) -> None:

    def somebody_new(business: Business) -> None:
        business["agents"][NEW_AGENT] = {"name": "新人"}
        queue = business["queues"][business["default_queue"]]
        queue["agents"] = dict.fromkeys(queue["agents"], 1) | {NEW_AGENT: 3}

    with other_business(live, somebody_new):
        until(lambda: NEW_AGENT in on_duty(live), "the new agent is on duty")
        until(
            lambda: [m.penalty for m in members(live) if m.agent == NEW_AGENT and m.queue == "service"] == [2],
            "the new agent has a level",
        )
    until(lambda: not any(m.agent == NEW_AGENT for m in members(live)), "the agent who left is in no queue")


def test_who_logged_out_stays_so_over_a_death_of_asterisk_and_is_not_rung(
    live: Running, control: AsteriskControl
) -> None:
    control.log_out("1001")
    control.pause("1003", "2")
    listen(2.0)  # Asterisk writes its database once a second
    live.kill("asterisk")
    until(lambda: "1002" in _on_duty_if_up(live), "Asterisk is back with its members")
    assert "1001" not in on_duty(live)
    assert {(m.paused, m.reason) for m in members(live) if m.agent == "1003"} == {(True, "2")}
    with live.agent_phone() as away, live.agent_phone(OTHER) as here:
        with asks_for_a_person(live, "13700000402"):
            rings(here, seconds=60)
            here.answer()
            shows(live, OTHER, "talking", caller="13700000402")
        assert not [event for event in away.events if event.kind == "CALL_INCOMING"]
    shows(live, "1001", "logged_out", reason=None)


def _on_duty_if_up(live: Running) -> set[str]:
    try:
        return on_duty(live)
    except ControlError:
        return set()


@pytest.mark.standards("S1")
def test_s1_who_lets_it_ring_twice_in_a_row_is_paused_and_the_caller_goes_to_the_next(
    live: Running, control: AsteriskControl
) -> None:
    def rings_briefly(business: Business) -> None:
        business["queues"]["service"]["ring_seconds"] = 5

    watch = live.watch()
    with other_business(live, rings_briefly), live.agent_phone() as deaf, live.agent_phone(OTHER) as other:
        control.pause(OTHER, "1")
        with asks_for_a_person(live, "13700000403"):
            call_id = watch.call_from("13700000403")
            rings(deaf, seconds=60)
            shows(live, "1001", "ringing")
            shows(live, "1001", "paused", reason="no-answer")
            assert {(m.paused, m.reason) for m in members(live) if m.agent == "1001"} == {(True, "no-answer")}
            rung = [event for event in deaf.events if event.kind == "CALL_INCOMING"]
            control.unpause(OTHER)
            rings(other, seconds=60)
            other.answer()
            shows(live, OTHER, "talking", call=call_id)
            watch.wait_in(call_id, "BRIDGE_ENTER", count=2)
            listen(1.0)
        assert [event for event in deaf.events if event.kind == "CALL_INCOMING"] == rung and len(rung) == 2
    assert live.record(call_id).agent == OTHER


@pytest.mark.standards("S14")
def test_s14_the_live_board_follows_a_call_and_its_wrap_up_may_be_ended_early(
    live: Running, control: AsteriskControl
) -> None:
    def long_wrap_up(business: Business) -> None:
        business["queues"]["service"]["wrap_up_seconds"] = 600

    shows(live, "1001", "logged_out", reason="unreachable")
    watch = live.watch()
    with other_business(live, long_wrap_up):
        control.end_wrap_up("1001")  # of the calls before
        with live.agent_phone() as agent:
            shows(live, "1001", "free", desk="1001")
            with asks_for_a_person(live, "13700000404"):
                call_id = watch.call_from("13700000404")
                rings(agent, seconds=60)
                shows(live, "1001", "ringing", call=call_id, caller="13700000404")
                agent.answer()
                shows(live, "1001", "talking", call=call_id, caller="13700000404", queue="service")
                began = dt.datetime.fromisoformat(line_of(live, "1001")["since"])
                watch.wait_in(call_id, "BRIDGE_ENTER", count=2)
                listen(1.0)
                assert dt.datetime.fromisoformat(line_of(live, "1001")["since"]) == began
                agent.command("hold")
                shows(live, "1001", "hold", call=call_id)
                listen(1.0)  # baresip hears no BYE while it still puts its sound right
            shows(live, "1001", "wrap_up", call=None)
            with asks_for_a_person(live, "13700000405"):
                watch.wait_in(watch.call_from("13700000405"), "ENTERQUEUE")
                seen = len(agent.events)
                listen(2.0)
                assert not [event for event in agent.events[seen:] if event.kind == "CALL_INCOMING"]
                control.end_wrap_up("1001")
                rings(agent, since=seen, seconds=60)  # the line may be saying the place just now
        shows(live, "1001", "logged_out", reason="unreachable")


def test_the_board_goes_on_after_its_process_was_killed(live: Running) -> None:
    live.kill("ingest")
    with live.agent_phone():
        shows(live, "1001", "free")
    shows(live, "1001", "logged_out", reason="unreachable")


# From here on everybody talks already; each story takes a talk of its own, or gives it back as it was.


@pytest.fixture(scope="module")
def talks(live: Running) -> Iterator[list[Talk]]:
    """Seven callers who talk with seven agents."""
    numbers = [f"1370000{number}" for number in range(4501, 4508)]
    with many_talking(live, numbers, ["1001", *CROWD[:6]]) as talks:
        yield talks


@pytest.fixture
def talk(live: Running, talks: list[Talk]) -> Iterator[Talk]:
    """One of them, over after the story."""
    talk = talks.pop()
    shows(live, talk.work_number, "talking", call=talk.call_id)
    yield talk
    talk.over()


@pytest.fixture
def lasting(live: Running, talks: list[Talk]) -> Talk:
    """One of them, which the next story has as well."""
    shows(live, talks[0].work_number, "talking", call=talks[0].call_id)
    return talks[0]


@pytest.fixture(scope="module")
def colleague(live: Running, talks: list[Talk]) -> Iterator[Phone]:
    """The phone of an agent who is free, while nobody waits."""
    with live.agent_phone(OTHER) as phone:
        yield phone


@pytest.fixture
def other(live: Running, colleague: Phone) -> Phone:
    shows(live, OTHER, "free")
    return colleague


def consulted(live: Running, control: AsteriskControl, talk: Talk, other: Phone) -> None:
    """The agent has asked the other one, who has answered and heard why."""
    before = len(other.events)
    control.consult(talk.work_number, OTHER)
    rings(other, since=before)
    other.answer()
    until(
        lambda: any(channel.name.startswith(f"PJSIP/{OTHER}-") and channel.bridge for channel in on_the_line(live)),
        "the two agents talk",
        seconds=15,
    )


@pytest.mark.standards("S7")
def test_s7_the_page_puts_a_caller_on_hold_and_takes_the_caller_back(
    live: Running, lasting: Talk, control: AsteriskControl
) -> None:
    control.hold(lasting.work_number)
    shows(live, lasting.work_number, "hold", call=lasting.call_id)
    lasting.wait("HOLD", lasting.work_number)
    control.unhold(lasting.work_number)
    lasting.wait("UNHOLD", lasting.work_number)
    shows(live, lasting.work_number, "talking", call=lasting.call_id)


@pytest.mark.standards("S7")
def test_s7_a_caller_forgotten_on_hold_by_the_phones_button_has_the_phone_ring(live: Running, talk: Talk) -> None:
    def soon(business: Business) -> None:
        business["standards"]["hold_reminder_seconds"] = [10, 12]

    with other_business(live, soon):
        seen = len(talk.agent.events)
        talk.agent.command("hold")
        shows(live, talk.work_number, "hold")
        rings(talk.agent, since=seen, seconds=30)
        shows(live, talk.work_number, "hold", call=talk.call_id)


@pytest.mark.standards("S24")
def test_s24_a_supervisor_listens_to_the_own_team_from_the_page(
    live: Running, lasting: Talk, control: AsteriskControl
) -> None:
    """1003 leads the team; 1002 does not, and hears nothing."""
    said_so = live.watch()
    with live.agent_phone("1003") as supervisor:
        control.supervise("1003", lasting.work_number, "listen")
        rings(supervisor)
        supervisor.answer()
        said_so.wait("SUPERVISE", lambda event: event.kind == "SUPERVISE")
        put_down(supervisor)
    with pytest.raises(CommandRefused):
        control.supervise(OTHER, lasting.work_number, "listen")


@pytest.mark.standards("S8")
def test_s8_the_page_takes_the_caller_back_from_a_consultation(
    live: Running, lasting: Talk, other: Phone, control: AsteriskControl
) -> None:
    seen = len(other.events)
    consulted(live, control, lasting, other)
    control.cancel_transfer(lasting.work_number)
    other.wait_for("CALL_CLOSED", since=seen)
    lasting.until_together(lasting.agent)
    shows(live, lasting.work_number, "talking", call=lasting.call_id)


@pytest.mark.standards("S8")
def test_s8_the_page_consults_another_agent_and_hands_the_caller_over(
    live: Running, talk: Talk, other: Phone, control: AsteriskControl
) -> None:
    consulted(live, control, talk, other)
    control.complete_transfer(talk.work_number)
    talk.agent.wait_for("CALL_CLOSED")
    shows(live, OTHER, "talking", call=talk.call_id)
    shows(live, talk.work_number, "free")
    talk.until_together(other)


@pytest.mark.standards("S8")
def test_s8_the_page_joins_all_three(live: Running, talk: Talk, other: Phone, control: AsteriskControl) -> None:
    consulted(live, control, talk, other)
    control.join(talk.work_number)
    shows(live, OTHER, "talking", call=talk.call_id)
    shows(live, talk.work_number, "talking", call=talk.call_id)
    talk.until_together(talk.agent, other)


@pytest.mark.standards("S8")
def test_s8_the_page_sends_a_caller_on_without_asking(
    live: Running, talk: Talk, other: Phone, control: AsteriskControl
) -> None:
    seen = len(other.events)
    control.blind_transfer(talk.work_number, OTHER)
    talk.agent.wait_for("CALL_CLOSED")
    rings(other, since=seen)
    other.answer()
    shows(live, OTHER, "talking", call=talk.call_id)
    talk.until_together(other)


def test_the_page_puts_the_agents_phone_down(live: Running, talk: Talk, control: AsteriskControl) -> None:
    control.hang_up(talk.work_number)
    talk.agent.wait_for("CALL_CLOSED")
    shows(live, talk.work_number, "free")
    talk.watch.wait_in(talk.call_id, "COMPLETEAGENT")
    talk.over()
    assert live.record(talk.call_id).hung_up_by == "agent"


@pytest.mark.standards("S11")
def test_s11_logging_off_during_a_call_lets_that_caller_finish_first(
    live: Running, talk: Talk, control: AsteriskControl
) -> None:
    control.log_out(talk.work_number)
    try:
        shows(live, talk.work_number, "talking", call=talk.call_id, leaving=True)
        assert talk.work_number not in on_duty(live)
        assert talk.together(talk.agent)
        talk.agent.hang_up()
        shows(live, talk.work_number, "logged_out")
        talk.over()
        assert live.record(talk.call_id).agent == talk.work_number
    finally:
        control.log_in(talk.work_number)
