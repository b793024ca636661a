"""What an agent does at the phone: duty by keys, holding a caller, and what is said before a talk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ivr.demo.phone import Phone
from ivr.demo.watch import JournalWatch
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.duty import control_client, read_members
from tests.live.conftest import Running, ivr, listen, until
from tests.live.talks import dials, keys, loud_seconds, put_down, rings, talking


@pytest.fixture(autouse=True)
def on_duty_again(live: Running) -> Iterator[None]:
    """Who logs out or pauses in a story is on duty at the own desk in the next one."""
    yield
    control = AsteriskControl(live.settings)
    for agent in ("1001", "1002"):
        control.log_in(agent)
        control.unpause(agent)
    control.close()


def queues_of(live: Running, agent: str) -> dict[str, str]:
    """The queues an agent is in, and at which desk, as Asterisk knows them."""
    with control_client(live.instance) as client:
        return {member.queue: member.desk for member in read_members(client) if member.agent == agent}


def told(watch: JournalWatch, event: str, **facts: str) -> None:
    """Wait until the journal tells it."""
    watch.wait(event, lambda e: e.kind == event and all(e.data.get(name) == fact for name, fact in facts.items()))


def code(phone: Phone, number: str) -> None:
    """Dial one of the desk's keys and hear it out."""
    before = dials(phone, number)
    phone.wait_for("CALL_CLOSED", since=before)


@pytest.mark.standards("S1", "S5", "S8")
def test_s8_agent_hears_why_and_s1_caller_the_work_number_before_they_are_put_through(
    live: Running, tmp_path: Path
) -> None:
    with talking(live, "13750000001", key="2") as talk:
        answered = talk.watch.wait("answer", lambda e: e.kind == "ANSWER" and "/1001-" in e.data["channel"])
        number = talk.wait("WORK_NUMBER", "1001")
        bridged = talk.watch.wait_in(talk.call_id, "BRIDGE_ENTER")
        assert answered.at and number.at and bridged.at
        whisper = (number.at - answered.at).total_seconds()
        assert 0.8 < whisper < 2.3, "queue and matter, at most two seconds"
        assert (bridged.at - number.at).total_seconds() < 4
        talk.caller.hang_up()
        talk.agent.wait_for("CALL_CLOSED")
        assert loud_seconds(talk.agent.keep_heard(tmp_path / "agent.wav"), until=whisper) > 0.5


@pytest.mark.standards("S5")
def test_s5_the_telephone_system_knows_work_numbers_and_no_names(live: Running) -> None:
    names = [agent.name for number, agent in live.hotline.agents.items() if number.startswith("1")]
    written = "".join(file.read_text() for file in (live.settings.paths.asterisk / "etc").glob("*.conf"))
    assert names and "1001" in written
    assert not [name for name in names if name in written]


def reload(live: Running) -> None:
    done = ivr(live.environment, "reload", "--state", str(live.settings.state_dir))
    assert done.returncode == 0, done.stderr


@pytest.fixture
def reminders_after_10_and_20_seconds(live: Running) -> Iterator[None]:
    before = live.settings.hotline_file.read_text()
    business = yaml.safe_load(before)
    business["standards"]["hold_reminder_seconds"] = [10, 20]
    live.settings.hotline_file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
    reload(live)
    yield
    live.settings.hotline_file.write_text(before)
    reload(live)


@pytest.mark.standards("S7")
@pytest.mark.usefixtures("reminders_after_10_and_20_seconds")
def test_s7_caller_on_hold_hears_words_and_music_and_the_agent_is_reminded(live: Running, tmp_path: Path) -> None:
    with talking(live, "13750000002") as talk:
        keys(talk.agent, "*5")
        held = talk.wait("HOLD", "1001")
        listen(24.0)
        keys(talk.agent, "*5")
        back = talk.wait("UNHOLD", "1001")
        talk.until_together(talk.agent)
        listen(1.0)
        talk.caller.hang_up()
        talk.agent.wait_for("CALL_CLOSED")
        start = talk.watch.wait("answer", lambda e: e.kind == "ANSWER" and "/1001-" in e.data["channel"])
        began = talk.watch.wait("answer", lambda e: e.kind == "ANSWER" and e.channel_id == talk.call_id)
        assert held.at and back.at and start.at and began.at
        agent, caller = talk.agent.keep_heard(tmp_path / "agent.wav"), talk.caller.keep_heard(tmp_path / "caller.wav")
        hold = (held.at - start.at).total_seconds()
        assert loud_seconds(agent, hold + 1, hold + 9) == 0
        assert loud_seconds(agent, hold + 9.5, hold + 14) > 1
        assert loud_seconds(agent, hold + 19, hold + 24) > 1
        hold = (held.at - began.at).total_seconds()
        assert loud_seconds(caller, hold, hold + 24) > 12


@pytest.mark.standards("S7")
def test_s7_agent_who_puts_the_phone_down_on_a_caller_on_hold_is_rung(live: Running) -> None:
    with talking(live, "13750000003") as talk:
        keys(talk.agent, "*5")
        talk.wait("HOLD", "1001")
        before = put_down(talk.agent)
        rings(talk.agent, since=before)
        talk.agent.answer()
        talk.wait("UNHOLD", "1001")
        talk.until_together(talk.agent)


@pytest.mark.standards("S7")
def test_s7_caller_held_and_forgotten_for_good_is_the_next_in_line(live: Running) -> None:
    with talking(live, "13750000004") as talk:
        other = talk.phone("1002")
        keys(talk.agent, "*5")
        talk.wait("HOLD", "1001")
        before = put_down(talk.agent)
        rings(talk.agent, since=before)
        talk.agent.close()
        rings(other, seconds=40)
        other.answer()
        talk.until_together(other)


@pytest.mark.standards("S7")
def test_s7_caller_who_hangs_up_on_hold_frees_the_agent(live: Running) -> None:
    with talking(live, "13750000005") as talk:
        keys(talk.agent, "*5")
        talk.wait("HOLD", "1001")
        talk.caller.hang_up()
        talk.agent.wait_for("CALL_CLOSED", seconds=5)
        talk.wait("UNHOLD", "1001")


@pytest.mark.standards("S11")
def test_s11_agent_who_logs_off_in_a_call_finishes_that_caller_first(live: Running) -> None:
    with talking(live, "13750000006") as talk:
        keys(talk.agent, "*9")
        until(lambda: queues_of(live, "1001") == {}, "1001 is off duty")
        listen(2.0)
        talk.until_together(talk.agent)
        talk.caller.hang_up()
        talk.agent.wait_for("CALL_CLOSED")
        assert queues_of(live, "1001") == {}


@pytest.mark.standards("S14")
def test_s14_agent_ends_the_wrap_up_at_the_phone(live: Running) -> None:
    watch = live.watch()
    with live.agent_phone("1001") as phone:
        code(phone, "*54")
        told(watch, "wrap_up.ended", agent="1001")
    assert queues_of(live, "1001") == {"on-duty": "1001", "service": "1001"}


def test_agent_logs_out_and_in_again_with_the_pin(live: Running) -> None:
    watch = live.watch()
    with live.agent_phone("1001") as phone:
        code(phone, "*51")
        told(watch, "agent.logged_out", agent="1001")
        assert queues_of(live, "1001") == {}
        before = dials(phone, "*50")
        listen(1.0)
        keys(phone, live.instance.agent_pins["1001"])
        told(watch, "agent.logged_in", agent="1001", desk="1001")
        phone.wait_for("CALL_CLOSED", since=before)
    assert queues_of(live, "1001") == {"on-duty": "1001", "service": "1001"}


def test_agent_logs_in_at_another_desk_and_is_announced_there_by_the_own_number(live: Running) -> None:
    watch = live.watch()
    with live.agent_phone("1002") as phone:
        dials(phone, "*501001")
        listen(1.0)
        keys(phone, live.instance.agent_pins["1001"])
        told(watch, "agent.logged_out", agent="1002")
        told(watch, "agent.logged_in", agent="1001", desk="1002")
    assert queues_of(live, "1001") == {"on-duty": "1002", "service": "1002"}
    assert queues_of(live, "1002") == {}
    with talking(live, "13750000007", agent="1002") as talk:
        talk.wait("WORK_NUMBER", "1001")


@pytest.mark.standards("S24")
def test_s24_wrong_pin_leads_nowhere(live: Running) -> None:
    pin = live.instance.agent_pins["1001"]
    wrong = f"{(int(pin) + 1) % 10**6:06d}"
    with live.agent_phone("1002") as phone:
        before = dials(phone, "*501001")
        for _ in range(3):
            listen(2.5)
            keys(phone, wrong)
        phone.wait_for("CALL_CLOSED", since=before, seconds=30)
    assert queues_of(live, "1001")["on-duty"] == "1001"


def test_agent_pauses_with_a_reason_and_is_ready_again(live: Running) -> None:
    watch = live.watch()
    with live.agent_phone("1001") as phone:
        code(phone, "*522")
        told(watch, "agent.paused", agent="1001", reason="2")
        paused = watch.wait("PAUSE", lambda e: e.kind == "PAUSE" and e.data["agent"] == "1001")
        assert "2" in paused.data["args"]
        code(phone, "*53")
        told(watch, "agent.unpaused", agent="1001")
        watch.wait("UNPAUSE", lambda e: e.kind == "UNPAUSE" and e.data["agent"] == "1001")


def test_agent_is_asked_for_the_reason_of_a_pause(live: Running) -> None:
    watch = live.watch()
    with live.agent_phone("1001") as phone:
        dials(phone, "*52")
        listen(2.0)
        phone.press("3")
        told(watch, "agent.paused", agent="1001", reason="3")
