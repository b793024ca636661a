"""Callbacks after a visit on the real system (S26): what customers hear, press and notice, and what is known of it."""

import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.demo.callbacks.phones import CustomerPhones
from ivr.demo.ports import free_port
from ivr.demo.rtp import RtpLine
from ivr.demo.voices import CALLER, speak_ulaw
from ivr.demo.watch import JournalWatch
from ivr.store.surveys import DoNotCall
from tests.live.conftest import Running, free_everybody, hotline_up, listen, sample_business, until
from tests.live.customers import SURNAME, Customers
from tests.live.ears import Ears
from tests.live.readers import reader

NUMBERS = [f"138000000{number:02}" for number in range(100)]


def noon_somewhere() -> str:
    """A time zone in which it is about noon: surveys ring by day alone."""
    hours = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{'-' if hours > 0 else '+'}{abs(hours)}" if hours else "Etc/GMT"


@pytest.fixture(scope="module")
def port() -> int:
    """Where the carrier takes calls."""
    return free_port("127.0.0.1")


@pytest.fixture(scope="module")
def live(port: int) -> Iterator[Running]:
    business = sample_business()
    business["hotline"]["timezone"] = noon_somewhere()
    business["trunks"]["sample"]["port"] = port
    business["outbound"] |= {"ring_seconds": 10}
    with hotline_up(business) as running:
        yield running


@pytest.fixture(scope="module")
def customers(live: Running, port: int) -> Iterator[Customers]:
    with CustomerPhones(NUMBERS, live.server, port) as phones:
        yield Customers(live, phones)


@pytest.fixture
def watch(live: Running) -> JournalWatch:
    return live.watch()


def answer(watch: JournalWatch, line: RtpLine, call_id: str, **answers: str) -> None:
    """Press these keys, each when its question is asked."""
    for question, key in answers.items():
        watch.wait(
            f"{question} is asked",
            lambda event, question=question: (  # type: ignore[misc]
                event.call_id == call_id and event.kind == "survey.asking" and event.data["question"] == question
            ),
        )
        line.press(key)


def hear_out(line: RtpLine) -> None:
    """Listen until what is being said is over."""
    heard = line.loud_frames
    until(lambda: line.has_heard_out(heard), "something is said to the customer, and over")


def agree(watch: JournalWatch, line: RtpLine, call_id: str, *, patiently: bool = False) -> None:
    """It is me, said at once or when the question has been heard out; now is convenient."""
    watch.wait_in(call_id, "survey.heard")
    if patiently:
        hear_out(line)
    line.press("1")
    watch.wait_in(call_id, "survey.confirmed")
    line.press("1")


@pytest.mark.standards("S2", "S26")
def test_s26_a_customer_answers_all_and_it_is_one_call_with_its_sound(
    live: Running, customers: Customers, watch: JournalWatch
) -> None:
    number = NUMBERS[5]
    contact = customers.visited(number)
    call_id = customers.ring(contact, customer_id=1)
    line = customers.say_hello(number)
    agree(watch, line, call_id, patiently=True)
    answer(watch, line, call_id, overall="5", solved="1", recommend="4")
    customers.wait_noticed("is-released", number)

    done = customers.wait_for(contact, "completed")
    assert (done.state, done.attempts, done.asking) == ("completed", 1, None)
    assert done.reached_at is not None and done.ended_at is not None
    assert customers.answers(contact) == {"overall": "5", "solved": "1", "recommend": "4"}
    heard = watch.wait_in(call_id, "survey.heard")
    assert (heard.data["who"], heard.data["amd"]) == ("human", "HUMAN")

    record = live.record(call_id, lambda record: len(record.legs) == 2)
    assert (record.direction, record.outcome, record.contact_id) == ("outbound", "surveyed", contact)
    assert (record.caller, record.called, record.customer_id, record.offered) == (live.number, number, 1, False)
    heard_words = Ears.of_call(call_id, live.settings.paths)
    [hello], [name], [bye] = (heard_words.times(prompt) for prompt in ("survey_greeting", SURNAME, "survey_thanks_bye"))
    assert hello < name < bye


@pytest.mark.standards("S10", "S26")
@pytest.mark.parametrize(("digit", "result"), [("2", "busy"), ("3", "no_answer"), ("4", "rejected")])
def test_s26_whoever_does_not_answer_is_known_and_never_rung_twice_for_one_attempt(
    live: Running, customers: Customers, watch: JournalWatch, digit: str, result: str
) -> None:
    number = NUMBERS[10 + int(digit)]
    contact = customers.visited(number)
    call_id = customers.ring(contact)
    assert customers.wait_for(contact, result).state == "planned"
    customers.ring(contact)
    until(
        lambda: sum(e.kind == "SURVEY_RESULT" and e.call_id == call_id for e in watch.events()) == 2,
        "the second try of the attempt is refused",
    )
    assert customers.noticed("rings", number) == 1
    customers.wait_for(contact, result)
    assert live.record(call_id).outcome == ("timed_out" if result == "no_answer" else "failed")


@pytest.mark.standards("S10", "S26")
def test_s10_a_customer_who_is_cut_off_is_rung_again_and_goes_on(
    live: Running, customers: Customers, watch: JournalWatch
) -> None:
    number = NUMBERS[25]
    contact = customers.visited(number)
    call_id = customers.ring(contact)
    line = customers.say_hello(number)
    agree(watch, line, call_id)
    answer(watch, line, call_id, overall="4")
    watch.wait_in(call_id, "survey.asking", count=2)
    customers.phones.hang_up(number)
    broken = customers.wait_for(contact, "broken_off")
    assert (broken.state, broken.asking, customers.answers(contact)) == ("planned", "solved", {"overall": "4"})

    again = customers.ring(contact, 2, asking="solved", answers=(("overall", "4"),))
    customers.say_hello(number, times=2)
    watch.wait_in(again, "survey.heard")
    line.press("1")
    hear_out(line)
    answer(watch, line, again, solved="1", recommend="5")
    customers.wait_for(contact, "broken_off", "completed")
    assert customers.answers(contact) == {"overall": "4", "solved": "1", "recommend": "5"}
    asked = [e.data["question"] for e in watch.events() if e.kind == "survey.asking" and e.call_id == again]
    assert asked == ["solved", "recommend"]
    assert Ears.of_call(again, live.settings.paths).times("survey_go_on")


def test_s26_9_is_never_again(live: Running, customers: Customers, watch: JournalWatch) -> None:
    number = NUMBERS[35]
    contact = customers.visited(number)
    call_id = customers.ring(contact)
    line = customers.say_hello(number)
    watch.wait_in(call_id, "survey.heard")
    line.press("19")
    assert customers.wait_for(contact, "do_not_call").state == "do_not_call"
    with customers.reading() as session:
        assert session.get_one(DoNotCall, number).call_id == call_id


@pytest.mark.standards("S8", "S26")
def test_s26_0_leads_to_an_agent_who_hears_who_it_is_and_why_and_may_hold_and_be_rated(
    live: Running, customers: Customers, watch: JournalWatch, tmp_path: Path
) -> None:
    free_everybody(live)
    number = NUMBERS[45]
    contact = customers.visited(number)
    with live.agent_phone("1001") as agent:
        call_id = customers.ring(contact, customer_id=1)
        line = customers.say_hello(number)
        agree(watch, line, call_id)
        answer(watch, line, call_id, overall="2")
        watch.wait_in(call_id, "survey.asking", count=2)
        line.press("0")
        agent.wait_for("CALL_INCOMING", seconds=60)
        agent.answer()
        watch.wait_in(call_id, "BRIDGE_ENTER", count=2, seconds=60)
        line.hum(1.0)
        listen(2.0)
        agent.hang_up()
        watch.wait_in(call_id, "prompt.played", seconds=60)
        customers.wait_noticed("is-released", number)
        whisper = Ears(agent, live.settings.paths, tmp_path)
        assert whisper.times(SURNAME) and whisper.times("matter_survey")
    assert customers.wait_for(contact, "person").state == "person"
    record = live.record(call_id)
    assert (record.outcome, record.agent, record.queue, record.offered) == ("answered", "1001", "service", True)
    assert (record.called, record.direction) == (number, "outbound")
    assert live.ivr("calls", "check")["agrees"]


@pytest.mark.standards("S26")
def test_s26_a_voicemail_gets_no_message(live: Running, customers: Customers, watch: JournalWatch) -> None:
    number = NUMBERS[55]
    contact = customers.visited(number)
    call_id = customers.ring(contact)
    customers.pick_up(number).hum(7.0)
    assert customers.wait_for(contact, "machine").state == "planned"
    assert watch.wait_in(call_id, "survey.heard").data["who"] == "machine"
    record = live.record(call_id, lambda record: len(record.legs) == 2)
    assert record.outcome == "timed_out"
    [said] = live.settings.paths.recordings.rglob(f"{call_id}-agent.wav")
    samples, _ = soundfile.read(said)
    assert np.max(np.abs(samples), initial=0.0) < 0.01, "nothing was said to it"


@pytest.mark.standards("S26")
def test_s26_a_phone_menu_that_talks_on_is_let_go(live: Running, customers: Customers, watch: JournalWatch) -> None:
    number = NUMBERS[65]
    contact = customers.visited(number)
    call_id = customers.ring(contact)
    line = customers.pick_up(number)
    line.hum(60.0)
    customers.wait_for(contact, "phone_menu")
    line.hum(0.0)
    assert watch.wait_in(call_id, "survey.heard").data["who"] == "phone_menu"
    assert customers.noticed("is-released", number) == 1


@pytest.mark.standards("S10", "S20")
def test_s20_with_every_flow_dead_a_customer_hears_a_kind_word_and_is_rung_again(
    live: Running, customers: Customers, watch: JournalWatch
) -> None:
    number = NUMBERS[75]
    contact = customers.visited(number)
    flows = live.pid("agi")
    assert flows is not None
    os.kill(flows, signal.SIGSTOP)
    try:
        call_id = customers.ring(contact)
        customers.say_hello(number)
        customers.wait_noticed("is-released", number)
    finally:
        os.kill(flows, signal.SIGCONT)
    assert customers.wait_for(contact, "broken_off").state == "planned"
    words = Ears.of_call(call_id, live.settings.paths)
    assert words.times("survey_greeting") and words.times("survey_sorry_bye")


@pytest.mark.standards("S26")
def test_s26_the_emergency_stop_rings_nobody_further_and_whoever_has_answered_is_talked_to(
    live: Running, customers: Customers, watch: JournalWatch
) -> None:
    talking, ringing, following = NUMBERS[85], NUMBERS[83], NUMBERS[86]
    talks, rings, follows = map(customers.visited, (talking, ringing, following))
    talk, ring = customers.ring(talks), customers.ring(rings)
    line = customers.say_hello(talking)
    watch.wait_in(talk, "survey.heard")
    customers.wait_noticed("rings", ringing)
    assert {talk, ring} <= customers.asterisk.up()

    live.settings.paths.outbound_stopped.touch()
    try:
        for call_id in (talk, ring):
            customers.asterisk.hang_up(call_id)
        customers.ring(follows)
        assert customers.wait_for(follows, "refused").state == "planned"
        customers.wait_for(rings, "failed")
        line.press("2")
        assert customers.wait_for(talks, "wrong_person").state == "wrong_person"
    finally:
        live.settings.paths.outbound_stopped.unlink()
    assert customers.noticed("gave-up", ringing) == 1
    assert customers.noticed("rings", following) == 0
    until(lambda: not {talk, ring} & customers.asterisk.up(), "all calls are over")
    customers.asterisk.hang_up(ring)  # gone already: nothing
    assert customers.asterisk.waiting_callers() == 0


@pytest.mark.standards("S26")
def test_s26_a_customer_says_when_to_call_and_is_rung_when_somebody_has_settled_the_time(
    live: Running, customers: Customers, watch: JournalWatch
) -> None:
    number = NUMBERS[95]
    contact = customers.visited(number)
    call_id = customers.ring(contact)
    line = customers.say_hello(number)
    watch.wait_in(call_id, "survey.heard")
    line.press("1")
    watch.wait_in(call_id, "survey.confirmed")
    line.press("25")
    until(lambda: list(live.settings.paths.recordings.rglob(f"{call_id}-comment-later*")), "the customer may speak")
    line.say(speak_ulaw("明天下午三点", CALLER, live.settings.runtime_dir))
    listen(3.0)
    line.press("#")
    customers.wait_noticed("is-released", number)

    waiting = customers.wait_for(contact, "later")
    assert (waiting.state, waiting.time_said_in, waiting.agreed_at) == ("planned", call_id, None)
    assert Ears.of_call(call_id, live.settings.paths).times("survey_later_said")
    until(lambda: cases_of(live, contact), "a person is asked to listen: the demonstration model is never sure")
    assert cases_of(live, contact) == [("survey_time", "明天下午三点？")]

    page = f"/contacts/{contact}"
    with reader(live, "settler", "supervisor") as supervisor:
        meant = re.search(r'name="at"[^>]* value="([^"]+)"', supervisor.get(page).text)
        assert meant is not None and meant.group(1).endswith("T15:00")
        assert supervisor.get(f"{page}/time/audio").content[:4] == b"RIFF"
        supervisor.send(page, f"{page}/time", at=meant.group(1))
    until(lambda: customers.contact(contact).agreed_at is not None, "the time is settled")
    settled = customers.contact(contact).agreed_at
    assert settled and settled.astimezone(live.hotline.zone).strftime("%H:%M") == "15:00"


def cases_of(live: Running, contact: str) -> list[tuple[str, str]]:
    return [(case["kind"], case["matter"]) for case in live.ivr("cases", "list") if case["contact_id"] == contact]
