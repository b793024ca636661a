"""What an agent does at the phone: duty by keys, holding a caller, and what is said before a talk."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ivr.calls.own_agent import is_own_queue
from ivr.demo.call import prompt_seconds
from ivr.demo.phone import Phone
from ivr.demo.watch import JournalWatch
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.duty import control_client, read_members
from ivr.telephony.runtime import rx
from tests.live.conftest import Running, listen, until
from tests.live.talks import Talk, a_talk_each, dials, keys, loud_seconds, put_down, rings, talking
from tests.live.test_callers import known, operator

KNOWN = 13750000001
"""The first caller's number: 李女士, of the customer file."""
WHISPERED = ("surname_li3_female", "matter_main_2")


@contextmanager
def asterisk_has(live: Running, file: str, old: str, new: str, command: str) -> Iterator[None]:
    """Something else in one of Asterisk's files for a while."""
    path = live.settings.paths.asterisk / "etc" / file
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    try:
        rx(live.settings.paths.asterisk_conf, command)
        yield
    finally:
        path.write_text(before)
        rx(live.settings.paths.asterisk_conf, command)


@pytest.fixture(scope="module")
def customer(live: Running) -> None:
    operator(live, "customers", "add", "李芳", "--number", str(KNOWN), "--title", "女士")
    known(live, str(KNOWN), lambda facts: facts.surname == "李")


@pytest.fixture(scope="module")
def talks(request: pytest.FixtureRequest, live: Running, customer: None) -> Iterator[Iterator[Talk]]:
    with a_talk_each(request, live, KNOWN) as talks:
        yield talks


@pytest.fixture
def talk(talks: Iterator[Talk]) -> Iterator[Talk]:
    talk = next(talks)
    yield talk
    talk.over()


def queues_of(live: Running, agent: str) -> dict[str, str]:
    """The queues an agent is in, and at which desk, as Asterisk knows them."""
    with control_client(live.instance) as client:
        mine = [member for member in read_members(client) if member.agent == agent]
    return {member.queue: member.desk for member in mine if not is_own_queue(member.queue)}


def told(watch: JournalWatch, event: str, **facts: str) -> None:
    """Wait until the journal tells it."""
    watch.wait(event, lambda e: e.kind == event and all(e.data.get(name) == fact for name, fact in facts.items()))


def code(phone: Phone, number: str) -> None:
    """Dial one of the desk's keys and hear it out."""
    before = dials(phone, number)
    phone.wait_for("CALL_CLOSED", since=before)


@pytest.mark.standards("S1", "S2", "S5", "S8")
def test_s8_agent_hears_why_and_s1_caller_the_work_number_before_they_are_put_through(
    talk: Talk, tmp_path: Path
) -> None:
    """The caller is a customer with a surname (S2), and has chosen 维修进度."""
    answered, bridged = talk.wait_for_leg("ANSWER", talk.agent), talk.wait_for_leg("BRIDGE_ENTER", talk.agent)
    number = talk.wait("WORK_NUMBER", talk.work_number)
    assert talk.caller.user == str(KNOWN)
    assert answered.at and number.at and bridged.at
    whisper = (number.at - answered.at).total_seconds()
    said = sum(prompt_seconds(talk.live.settings.paths, talk.live.hotline, prompt) for prompt in WHISPERED)
    assert said <= whisper < 2.3, "who it is and what about, at most two seconds"
    assert (bridged.at - number.at).total_seconds() < 4
    talk.caller.hang_up()
    talk.agent.wait_for("CALL_CLOSED")
    assert loud_seconds(talk.agent.keep_heard(tmp_path / "agent.wav"), until=whisper) > said * 0.5


@pytest.mark.standards("S5")
def test_s5_the_telephone_system_knows_work_numbers_and_no_names(live: Running) -> None:
    names = [agent.name for number, agent in live.hotline.agents.items() if number.startswith("1")]
    written = "".join(file.read_text() for file in (live.settings.paths.asterisk / "etc").glob("*.conf"))
    assert names and "1001" in written
    assert not [name for name in names if name in written]


@pytest.mark.standards("S7")
def test_s7_caller_on_hold_hears_words_and_music_and_the_agent_is_reminded(talk: Talk, tmp_path: Path) -> None:
    soon = "HOLD_REMINDERS=4-8"
    with asterisk_has(talk.live, "extensions.conf", "HOLD_REMINDERS=60-180", soon, "dialplan reload"):
        keys(talk.agent, "*5")
        held = talk.wait("HOLD", talk.work_number)
        listen(12.5)
        keys(talk.agent, "*5")
        talk.wait("UNHOLD", talk.work_number)
    talk.until_together(talk.agent)
    talk.caller.hang_up()
    talk.agent.wait_for("CALL_CLOSED")
    start = talk.wait_for_leg("ANSWER", talk.agent)
    began = talk.watch.wait("answer", lambda e: e.kind == "ANSWER" and e.channel_id == talk.call_id)
    assert held.at and start.at and began.at
    agent, caller = talk.agent.keep_heard(tmp_path / "agent.wav"), talk.caller.keep_heard(tmp_path / "caller.wav")
    hold = (held.at - start.at).total_seconds()
    first = prompt_seconds(talk.live.settings.paths, talk.live.hotline, "hold_reminder_first")
    assert loud_seconds(agent, hold + 1, hold + 2.8) == 0
    assert loud_seconds(agent, hold + 4, hold + 8) > 1
    assert loud_seconds(agent, hold + 5.1 + first, hold + 12.5) > 1, "the second one, the first being over"
    hold = (held.at - began.at).total_seconds()
    assert loud_seconds(caller, hold, hold + 12) > 7


@pytest.mark.standards("S7")
def test_s7_agent_who_puts_the_phone_down_on_a_caller_on_hold_is_rung(talk: Talk) -> None:
    keys(talk.agent, "*5")
    talk.wait("HOLD", talk.work_number)
    before = put_down(talk.agent)
    rings(talk.agent, since=before)
    talk.agent.answer()
    talk.wait("UNHOLD", talk.work_number)
    talk.until_together(talk.agent)


@pytest.mark.standards("S7")
def test_s7_caller_held_and_forgotten_for_good_is_the_next_in_line(talk: Talk) -> None:
    other = talk.phone("1002")
    keys(talk.agent, "*5")
    talk.wait("HOLD", talk.work_number)
    before = put_down(talk.agent)
    rings(talk.agent, since=before)
    talk.agent.close()
    rings(other, seconds=40)
    other.answer()
    talk.until_together(other)


@pytest.mark.standards("S7")
def test_s7_caller_who_hangs_up_on_hold_frees_the_agent(talk: Talk) -> None:
    keys(talk.agent, "*5")
    talk.wait("HOLD", talk.work_number)
    talk.caller.hang_up()
    talk.agent.wait_for("CALL_CLOSED", seconds=5)
    talk.wait("UNHOLD", talk.work_number)


@pytest.mark.standards("S11")
def test_s11_agent_who_logs_off_in_a_call_finishes_that_caller_first(talk: Talk) -> None:
    keys(talk.agent, "*9")
    until(lambda: queues_of(talk.live, talk.work_number) == {}, "the agent is off duty")
    listen(2.0)
    talk.until_together(talk.agent)
    talk.caller.hang_up()
    talk.agent.wait_for("CALL_CLOSED")
    assert queues_of(talk.live, talk.work_number) == {}
    with closing(AsteriskControl(talk.live.settings)) as control:
        control.log_in(talk.work_number)


@pytest.mark.standards("S14")
def test_s14_agent_ends_the_wrap_up_at_the_phone(talk: Talk) -> None:
    """A minute to wrap up: nobody is put through, until the agent says that it is over."""
    before = len(talk.agent.events)
    with (
        asterisk_has(talk.live, "queues.conf", "wrapuptime = 0", "wrapuptime = 60", "queue reload parameters"),
        talk.live.caller_phone("13750000099") as caller,
    ):
        caller.dial(talk.live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = talk.watch.call_from(caller.user)
        caller.press("0")
        talk.watch.wait_in(call_id, "ENTERQUEUE")
        talk.caller.hang_up()
        talk.agent.wait_for("CALL_CLOSED", since=before)
        listen(3.0)
        assert "CALL_INCOMING" not in [event.kind for event in talk.agent.events[before:]]
        code(talk.agent, "*54")
        told(talk.watch, "wrap_up.ended", agent=talk.work_number)
        rings(talk.agent, since=before)


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
    with talking(live, "13750000098", agent="1002") as talk:
        talk.wait("WORK_NUMBER", "1001")


@pytest.mark.standards("S24")
def test_s24_wrong_pin_leads_nowhere(live: Running) -> None:
    pin = live.instance.agent_pins["1001"]
    wrong = f"{(int(pin) + 1) % 10**6:06d}"
    with live.agent_phone("1002") as phone:
        before = dials(phone, "*501001")
        for _ in range(3):
            listen(1.0)
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
