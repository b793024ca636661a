"""Callers of every kind, on real calls: who they are, what they hear, which keys they press, and when they call."""

import contextlib
import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.calls.caller_book import CallerBook, CallerFacts
from ivr.calls.events import Event
from ivr.demo.phone import Phone
from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.voices import CALLER, speak
from ivr.demo.watch import JournalWatch
from tests.live.conftest import Running, ivr, listen, until
from tests.phones import Caller, calling

THREE_RINGS = dt.timedelta(seconds=15)
S3_PAUSE = dt.timedelta(seconds=5)


class OnTheLine:
    """A caller with a phone in hand, and what the journal says of their call."""

    def __init__(self, live: Running, phone: Phone) -> None:
        self.phone = phone
        self.watch: JournalWatch = live.watch()
        phone.dial(live.number)
        phone.wait_for("CALL_ESTABLISHED")
        self.call_id = self.watch.call_from(phone.user)

    def wait(self, kind: str, count: int = 1, seconds: float = 60.0) -> Event:
        return self.watch.wait_in(self.call_id, kind, count=count, seconds=seconds)

    def press(self, keys: str) -> None:
        self.phone.press(keys)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event.data for event in self.watch.events() if event.call_id == self.call_id and event.kind == kind]

    @property
    def heard(self) -> list[str]:
        return [played["prompt"] for played in self.all("prompt.played")]

    def wait_until_let_go(self, seconds: float = 120.0) -> None:
        self.phone.wait_for("CALL_CLOSED", seconds=seconds)


@contextlib.contextmanager
def on_the_line(live: Running, number: str) -> Iterator[OnTheLine]:
    with live.caller_phone(number) as phone:
        yield OnTheLine(live, phone)


def began(played: dict[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(played["began"])


def lasts(live: Running, played: dict[str, Any]) -> dt.timedelta:
    """How long a prompt's sound is; µ-law has 8,000 bytes a second."""
    sound = live.settings.paths.prompts / played["language"] / f"{played['prompt']}.ulaw"
    return dt.timedelta(seconds=sound.stat().st_size / 8000)


def operator(live: Running, *args: str) -> None:
    """A command of the operator's."""
    done = ivr(live.environment, *args, "--state", str(live.settings.state_dir))
    assert done.returncode == 0, done.stderr


def known(live: Running, number: str, true: Callable[[CallerFacts], bool]) -> None:
    """Wait until the callers' book says of a number what it should."""
    book = CallerBook(live.settings.paths.state / "callers.db")
    until(lambda: true(book.look_up(number)), f"the callers' book knows {number}", seconds=120)


@contextlib.contextmanager
def business(live: Running, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Another business for a while, put in force as a supervisor does: by writing the file."""
    file, in_force = live.settings.hotline_file, live.settings.paths.hotline_in_force
    before = file.read_text()
    data = yaml.safe_load(before)
    change(data)
    try:
        file.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))
        until(lambda: in_force.read_text() == file.read_text(), "the changed business is in force")
        listen(2.0)  # the flows look at it once a second
        yield
    finally:
        file.write_text(before)
        until(lambda: in_force.read_text() == before, "the business is as before")
        listen(2.0)


# Answering


@pytest.mark.standards("S1")
def test_s1_caller_is_greeted_with_the_company_within_three_rings(live: Running) -> None:
    with on_the_line(live, "13500000001") as caller:
        caller.wait("menu.entered")
        caller.press("0")
        caller.wait("ENTERQUEUE")
    start = next(e.at for e in caller.watch.events() if e.kind == "CHAN_START" and e.call_id == caller.call_id)
    greeting, *_ = caller.all("prompt.played")
    assert greeting["prompt"] == "greeting"
    assert began(greeting) - start < THREE_RINGS


@pytest.mark.standards("S3")
def test_s3_silent_line_is_greeted_twice_told_so_and_never_just_hung_up(live: Running) -> None:
    with on_the_line(live, "13500000003") as caller:
        caller.wait_until_let_go()
    assert caller.heard == [
        "greeting", "recording_notice", "menu_main", "silent_again", "silent_line", "silent_bye",
    ]  # fmt: skip
    said = caller.all("prompt.played")[2:]
    pauses = [began(after) - began(before) - lasts(live, before) for before, after in itertools.pairwise(said)]
    assert len(pauses) == 3 and all(pause >= S3_PAUSE for pause in pauses)
    assert live.record(caller.call_id).outcome == "silent"


@pytest.mark.standards("S3")
def test_s3_caller_who_speaks_but_presses_nothing_reaches_a_person(live: Running, tmp_path: Path) -> None:
    words = speak("您好，您好，请问有人吗？", CALLER, tmp_path / "hello.wav")
    with on_the_line(live, "13500000004") as caller:
        caller.phone.say(words)
        caller.wait("ENTERQUEUE", seconds=90)
    assert "silent_line" not in caller.heard
    assert len(caller.all("menu.silent")) == 2


# The menu


@pytest.mark.standards("S15", "S17")
def test_s15_s17_the_caller_hears_company_recording_and_menu_and_no_advertising_before_it(live: Running) -> None:
    with on_the_line(live, "13500000015") as caller:
        caller.wait("menu.entered")
        listen(8.0)
        caller.press("2")
        caller.wait("ENTERQUEUE")
    assert caller.heard[:3] == ["greeting", "recording_notice", "menu_main"]
    assert caller.all("queue.joined")[0]["reason"] == "维修进度"


@pytest.mark.standards("S16")
@pytest.mark.parametrize("way", ["0", "10", "1#0", "*0", "90", "70"])
def test_s16_a_person_is_reached_from_every_point_of_the_menu(live: Running, way: str) -> None:
    with on_the_line(live, f"135000016{sum(map(ord, way)):02d}"[:11]) as caller:
        for count, key in enumerate(way, start=1):
            caller.wait("menu.entered", count=count)
            caller.press(key)
            if caller.all("queue.joined"):
                break
        caller.wait("ENTERQUEUE")
    assert caller.all("queue.joined")[0]["queue"] == live.hotline.default_queue


@pytest.mark.standards("S16")
def test_s16_two_wrong_keys_lead_to_a_person_with_an_apology_and_without_blame(live: Running) -> None:
    with on_the_line(live, "13500000017") as caller:
        for count in (1, 2):
            caller.wait("menu.entered", count=count)
            caller.press("7")
        caller.wait("ENTERQUEUE")
    assert "wrong_key" in caller.heard and "sorry_person" in caller.heard


@pytest.mark.standards("S15")
def test_s15_keys_pressed_ahead_in_the_greeting_lead_through_both_menus(live: Running) -> None:
    with on_the_line(live, "13500000018") as caller:
        caller.wait("menu.entered")
        caller.press("12")
        caller.wait("ENTERQUEUE")
    assert [key["key"] for key in caller.all("menu.key")] == ["1", "2"]
    assert caller.all("queue.joined")[0]["reason"] == "预约 维修"
    assert "recording_notice_short" in caller.heard, "who skips the greeting still hears of the recording"


# When they call


@pytest.mark.standards("S18", "S12")
def test_s18_on_a_day_of_its_own_the_business_is_closed_and_says_when_it_is_open_again(live: Running) -> None:
    today = dt.datetime.now(live.hotline.zone).date()

    def close(data: dict[str, Any]) -> None:
        for queue in data["queues"].values():
            queue["hours"] = {"mon-sun": "08:30-20:00"}
        days = (today, today + dt.timedelta(days=1))
        data["calendar"] = {"holidays": "none", "exceptions": dict.fromkeys(days, "closed")}

    with business(live, close), on_the_line(live, "13500000020") as caller:
        caller.wait("menu.entered")
        caller.press("0")
        caller.wait_until_let_go()
    told = caller.heard[caller.heard.index("closed") :]
    assert told[:2] == ["closed", "opens_at"] and told[2].startswith("weekday_")
    assert told[3:8] == ["daypart_morning", "num_8", "unit_oclock", "time_half", "opens_at_end"]
    assert {"closed_key", "closed_key_message", "closed_key_callback", "closed_bye"} & set(told)
    assert live.record(caller.call_id).outcome == "closed"


@pytest.mark.standards("S18")
def test_s18_the_one_number_is_answered_round_the_clock_by_the_queue_that_takes_over(live: Running) -> None:
    def close(data: dict[str, Any]) -> None:
        data["queues"]["booking"]["hours"] = {"mon-sun": "08:00-20:00"}
        today = dt.datetime.now(live.hotline.zone).date()
        days = (today, today + dt.timedelta(days=1))
        data["calendar"] = {"exceptions": dict.fromkeys(days, "closed")}

    with business(live, close), on_the_line(live, "13500000021") as caller:
        caller.wait("menu.entered")
        caller.press("11")
        caller.wait("ENTERQUEUE")
    assert caller.all("queue.joined")[0] | {"reason": ""} == {"queue": "service", "reason": ""}


@pytest.mark.standards("S20")
def test_s20_a_notice_comes_before_the_menu_with_and_without_python_and_goes_again(live: Running) -> None:
    operator(live, "notice", "on", "今天因台风提前下班，敬请谅解。")
    try:
        listen(2.0)
        with on_the_line(live, "13500000022") as caller:
            listen(14.0)
            caller.press("0")
            caller.wait("ENTERQUEUE")
        assert caller.heard[:3] == ["greeting", "notice", "recording_notice"]
        assert caller.all("notice.played")[0]["text"] == "今天因台风提前下班，敬请谅解。"
        with_notice = seconds_heard_without_python(live, "13500000023")
    finally:
        operator(live, "notice", "off")
    assert with_notice > seconds_heard_without_python(live, "13500000024") + 2.0
    listen(2.0)
    with on_the_line(live, "13500000025") as caller:
        caller.wait("menu.entered")
        caller.press("0")
        caller.wait("ENTERQUEUE")
    assert "notice" not in caller.heard


def seconds_heard_without_python(live: Running, number: str) -> float:
    """How long the dialplan alone speaks before the caller stands in the line."""
    watch = live.watch()
    live.supervisor.stop_process("agi")
    try:
        with RtpLines(1) as lines, calling(live.server, live.number, [Caller(number, lines.lines[0])]) as run:
            run.wait_for("answered")
            call_id = watch.call_from(number)
            watch.wait_in(call_id, "ENTERQUEUE", seconds=90)
            heard = lines.lines[0].heard_seconds
            run.hang_up()
            assert run.result().succeeded == 1
    finally:
        live.supervisor.start_process("agi")
    return heard


# Who calls


@pytest.mark.standards("S22")
def test_s22_key_customer_is_recognised_by_number_and_overtakes_who_came_before(live: Running) -> None:
    operator(live, "customers", "add", "王建国", "--number", "13500000030", "--title", "先生", "--key")
    known(live, "13500000030", lambda facts: facts.key)
    with on_the_line(live, "13500000031") as stranger, on_the_line(live, "+8613500000030") as key:
        stranger.wait("menu.entered")
        stranger.press("0")
        stranger.wait("ENTERQUEUE")
        key.wait("menu.entered")
        assert key.all("caller.known")[0]["key"] is True
        key.press("0")
        key.wait("ENTERQUEUE")
        with live.agent_phone() as agent:
            agent.wait_for("CALL_INCOMING", seconds=90)
            agent.answer()
            key.wait("BRIDGE_ENTER")
            assert not stranger.all("BRIDGE_ENTER")
            key.phone.hang_up()
            agent.wait_for("CALL_CLOSED")
    assert "key_customer" in key.heard


@pytest.mark.standards("S22")
def test_s22_key_customer_reaches_the_agent_of_their_own_without_a_menu(live: Running) -> None:
    operator(live, "customers", "add", "李敏", "--number", "13500000032", "--title", "女士", "--key", "--agent", "1002")
    known(live, "13500000032", lambda facts: facts.agent == "1002")
    with live.agent_phone("1001"), live.agent_phone("1002") as own, on_the_line(live, "13500000032") as caller:
        own.wait_for("CALL_INCOMING", seconds=90)
        own.answer()
        caller.wait("BRIDGE_ENTER")
        listen(1.0)
        caller.phone.hang_up()
        own.wait_for("CALL_CLOSED")
    assert caller.heard[:3] == ["greeting", "recording_notice", "key_customer"]
    assert live.record(caller.call_id).agent == "1002"


@pytest.mark.standards("S16")
def test_a_caller_over_65_reaches_a_person_without_a_menu(live: Running) -> None:
    operator(live, "customers", "add", "赵德明", "--number", "13500000033", "--title", "先生", "--birth-year", "1940")
    known(live, "13500000033", lambda facts: facts.elder)
    with on_the_line(live, "13500000033") as caller:
        caller.wait("ENTERQUEUE")
    assert not caller.all("menu.entered")
    assert caller.heard[:2] == ["greeting", "recording_notice"]


def test_a_blocked_number_hears_a_polite_line_and_reaches_nobody(live: Running) -> None:
    operator(live, "customers", "add", "钱某", "--number", "13500000034", "--blocked")
    known(live, "13500000034", lambda facts: facts.blocked)
    with on_the_line(live, "13500000034") as caller:
        caller.wait_until_let_go()
    assert caller.heard == ["greeting", "blocked"]
    assert not caller.all("ENTERQUEUE")
    assert live.record(caller.call_id).outcome == "blocked"


@pytest.mark.parametrize("number", ["anonymous", "12345678901234567890123"])
def test_a_withheld_or_malformed_number_is_served_like_any_other(live: Running, line: RtpLine, number: str) -> None:
    watch = live.watch()
    with calling(live.server, live.number, [Caller(number, line)]) as run:
        run.wait_for("answered")
        started = watch.wait("the call's beginning", lambda event: event.kind == "call.started")
        line.press("0")
        watch.wait_in(str(started.call_id), "ENTERQUEUE", seconds=60)
        run.hang_up()
        assert run.result().succeeded == 1
    assert started.data["caller"] == ("" if number == "anonymous" else number)
    assert live.record(str(started.call_id)).outcome == "abandoned"


@pytest.mark.standards("S19")
def test_s19_language_is_asked_once_and_remembered_and_a_returning_caller_hears_less(live: Running) -> None:
    with on_the_line(live, "13500000035") as first:
        first.wait("menu.entered")
        first.press("9")
        first.wait("menu.entered", count=2)
        listen(4.0)
        first.press("0")
        first.wait("ENTERQUEUE")
    live.record(first.call_id)
    known(live, "13500000035", lambda facts: facts.speaks == "en" and facts.last_call_at is not None)
    with on_the_line(live, "13500000035") as second:
        listen(8.0)
        second.press("0")
        second.wait("ENTERQUEUE")
    assert {played["language"] for played in second.all("prompt.played")} == {"en"}
    assert second.heard[:3] == ["greeting", "recording_notice_short", "menu_main_short"]
