"""Many callers at once, each with a story of its own; twenty agents answer whoever gets through."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from ivr.calls.events import Event
from ivr.calls.record import CallRecord
from ivr.demo.call import prompt_seconds
from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.sipp import SippResult, SippRun
from ivr.demo.watch import JournalWatch
from tests.live.conftest import CROWD, Running, listen
from tests.phones import Caller, calling, is_refused, many_agents


@dataclass
class OnTheLine:
    """A caller who was answered: what they can do, and what they notice."""

    call_id: str
    line: RtpLine
    run: SippRun
    watch: JournalWatch

    def press(self, key: str) -> None:
        self.line.press(key)

    def notice(self, kind: str, count: int = 1) -> None:
        self.watch.wait_in(self.call_id, kind, count=count, seconds=90)

    def talk(self) -> None:
        """Be put through to an agent and stay for a moment."""
        self.notice("BRIDGE_ENTER")
        listen(2.0)


@dataclass(frozen=True)
class Story:
    """What became of one caller."""

    call: CallRecord
    result: SippResult
    events: list[Event]

    def happened(self, kind: str) -> list[dict[str, object]]:
        return [event.data for event in self.events if event.kind == kind]


Stories = dict[str, Story]
Plot = Callable[[OnTheLine], None]


class Plots:
    """What the callers do; each ends with the phone put down."""

    def __init__(self, live: Running) -> None:
        self._greeting, self._notice, self._menu = (
            prompt_seconds(live.settings.paths, live.hotline, prompt)
            for prompt in ("greeting", "recording_notice", "menu_main")
        )

    def says_nothing(self, caller: OnTheLine) -> None:
        """Somebody is there, as can be heard, but presses no key; a line without any sound is S3's."""
        caller.line.hum(1.0)
        caller.talk()

    def presses_wrong_keys(self, caller: OnTheLine) -> None:
        caller.press("7")
        caller.notice("menu.wrong_key")
        caller.press("8")
        caller.talk()

    def is_in_a_hurry(self, caller: OnTheLine) -> None:
        caller.notice("menu.entered")
        caller.press("1")
        caller.notice("menu.entered", count=2)
        caller.press("0")
        caller.talk()

    def listens_to_half_the_menu(self, caller: OnTheLine) -> None:
        caller.notice("menu.entered")
        listen(self._greeting + self._notice + self._menu / 2)
        caller.press("1")
        caller.notice("menu.entered", count=2)
        caller.press("0")
        caller.talk()

    def wants_english(self, caller: OnTheLine) -> None:
        caller.press("9")
        caller.notice("menu.entered", count=2)
        caller.press("0")
        caller.talk()

    def is_gone_in_the_greeting(self, caller: OnTheLine) -> None:
        caller.notice("menu.entered")
        listen(self._greeting / 2)

    def is_gone_in_the_menu(self, caller: OnTheLine) -> None:
        caller.notice("menu.entered")
        listen(self._greeting + self._notice + self._menu / 2)

    def wants_a_person(self, caller: OnTheLine) -> None:
        caller.press("0")
        caller.talk()


@dataclass(frozen=True)
class Part:
    """A caller to come: the number and the display name as they stand on the wire."""

    plot: Callable[[Plots, OnTheLine], None]
    number: str
    display_name: str = ""


CAST = {
    "silent": Part(Plots.says_nothing, "13800000001"),
    "wrong keys": Part(Plots.presses_wrong_keys, "13800000002"),
    "in a hurry": Part(Plots.is_in_a_hurry, "13800000003"),
    "half the menu": Part(Plots.listens_to_half_the_menu, "13800000004"),
    "English": Part(Plots.wants_english, "13800000005"),
    "gone in the greeting": Part(Plots.is_gone_in_the_greeting, "13800000006"),
    "gone in the menu": Part(Plots.is_gone_in_the_menu, "13800000007"),
    "withheld": Part(Plots.wants_a_person, "anonymous"),
    "abroad": Part(Plots.wants_a_person, "+4915112345678"),
    "endless number": Part(Plots.wants_a_person, "9" * 60),
    "injection": Part(
        Plots.wants_a_person,
        "1391%0D%0ASET%20VARIABLE%20IVR_NEXT%20hangup%22",
        r'"Eve\" \\nHANGUP ${SHELL(id)}, |&"',
    ),
}


@pytest.fixture(scope="module")
def rush(live: Running) -> Iterator[Stories]:
    """All of them dial within a second; what became of each is looked up when the last has gone."""
    secrets = {number: live.instance.agent_secrets[number] for number in CROWD}
    plots = Plots(live)
    with many_agents(live.server, secrets), RtpLines(len(CAST)) as lines, ExitStack() as stack:
        callers = {
            name: dial(live, part, line, stack) for (name, part), line in zip(CAST.items(), lines.lines, strict=True)
        }
        with ThreadPoolExecutor(len(CAST)) as people:
            told = {name: people.submit(play, live, plots, CAST[name], caller) for name, caller in callers.items()}
        yield {name: story.result() for name, story in told.items()}


def dial(live: Running, part: Part, line: RtpLine, stack: ExitStack) -> OnTheLine:
    """Nobody else dials meanwhile: the call that arrives is this one, whatever number it shows."""
    watch = live.watch()
    run = stack.enter_context(calling(live.server, live.number, [Caller(part.number, line, part.display_name)]))
    arrived = watch.wait("the call", lambda event: event.kind == "CHAN_START" and event.channel_id == event.call_id)
    run.wait_for("answered")
    return OnTheLine(str(arrived.call_id), line, run, watch)


def play(live: Running, plots: Plots, part: Part, caller: OnTheLine) -> Story:
    part.plot(plots, caller)
    caller.run.hang_up()
    result = caller.run.result()
    record = live.record(caller.call_id)
    return Story(record, result, [event for event in caller.watch.events() if event.call_id == caller.call_id])


def test_no_call_drops(rush: Stories) -> None:
    failed = {name: story.result for name, story in rush.items() if story.result.failed}
    assert failed == {}


def test_caller_who_says_nothing_is_asked_twice_then_taken_to_a_person(rush: Stories) -> None:
    silent = rush["silent"]
    assert len(silent.happened("menu.silent")) == 2
    assert silent.call.outcome == "answered"
    assert silent.call.menu_path == []
    played = [data["prompt"] for data in silent.happened("prompt.played")]
    assert played.count("menu_main") == 2 and "sorry_person" in played


def test_caller_who_presses_wrong_keys_is_taken_to_a_person(rush: Stories) -> None:
    wrong = rush["wrong keys"]
    assert [data["key"] for data in wrong.happened("menu.wrong_key")] == ["7", "8"]
    assert wrong.call.outcome == "answered"


def test_keys_during_the_greeting_are_taken_and_the_recording_notice_is_still_heard(rush: Stories) -> None:
    hurried = rush["in a hurry"]
    assert hurried.call.menu_path == ["main:1", "booking:0"]
    assert hurried.call.outcome == "answered"
    heard = [data["prompt"] for data in hurried.happened("prompt.played") if not data.get("cut")]
    assert "recording_notice_short" in heard and "greeting" not in heard


def test_a_key_during_the_menu_stops_it(rush: Stories) -> None:
    caller = rush["half the menu"]
    assert caller.call.menu_path == ["main:1", "booking:0"]
    assert [data.get("cut") for data in caller.happened("prompt.played") if data["prompt"] == "menu_main"] == [True]


def test_caller_who_wants_english_hears_english(rush: Stories) -> None:
    english = rush["English"]
    assert english.call.menu_path == ["main:9", "main:0"]
    assert {data["language"] for data in english.happened("prompt.played")} == {"zh-CN", "en"}
    assert english.call.outcome == "answered"


@pytest.mark.parametrize("name", ["gone in the greeting", "gone in the menu"])
def test_caller_who_hangs_up_before_asking_for_a_person_ended_in_the_menu(rush: Stories, name: str) -> None:
    call = rush[name].call
    assert (call.outcome, call.hung_up_by) == ("ended_in_menu", "caller")
    assert call.queue is None and call.agent is None and call.wait_seconds is None


def test_a_withheld_number_is_nobodys(rush: Stories) -> None:
    call = rush["withheld"].call
    assert not call.caller
    assert call.outcome == "answered"


@pytest.mark.parametrize(
    ("name", "number"), [("abroad", "+4915112345678"), ("endless number", "9" * 32), ("injection", "1391")]
)
def test_odd_numbers_and_names_are_served_like_any_other(rush: Stories, name: str, number: str) -> None:
    story = rush[name]
    assert story.call.outcome == "answered"
    assert story.call.menu_path == ["main:0"]
    assert story.call.caller == number
    [started] = story.happened("call.started")
    assert started["caller"] == number


def test_every_answered_caller_has_an_agent_a_wait_a_talk_and_both_legs(live: Running, rush: Stories) -> None:
    answered = [story.call for story in rush.values() if story.call.outcome == "answered"]
    assert len({call.agent for call in answered}) == len(answered), "one caller an agent"
    for call in answered:
        assert call.agent in CROWD and call.wait_seconds is not None and (call.talk_seconds or 0) > 0
        assert [leg.role for leg in call.legs] == ["caller", "agent"]
        assert all((live.settings.paths.recordings / leg.recording).stat().st_size > 44 for leg in call.legs)


def test_a_number_that_is_not_ours_is_refused(live: Running) -> None:
    with RtpLines(1) as lines:
        assert is_refused(live.server, "4009999999", Caller("13800000020", lines.lines[0]))
        assert is_refused(live.server, "1001", Caller("13800000021", lines.lines[0])), (
            "agents are not dialled from outside"
        )
        assert is_refused(live.server, "00441632960000", Caller("13800000022", lines.lines[0])), "nothing outbound"
