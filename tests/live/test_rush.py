"""Many callers at once, each with a story of its own; twenty agents answer whoever gets through."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from ivr.calls.events import Event
from ivr.calls.record import CallRecord
from ivr.demo.call import prompt_seconds
from ivr.demo.rtp import RtpLines
from ivr.demo.sipp import SippResult
from ivr.demo.watch import JournalWatch
from tests.live.conftest import CROWD, Running
from tests.phones import Caller, calling, is_refused, many_agents


@dataclass
class Story:
    """One caller of the rush: what they do, and what came of it."""

    number: str
    hang_up_after: float
    keys: list[tuple[float, str]] = field(default_factory=list)
    display_name: str = ""
    shown_as: str = ""
    """The digits that are left of the number in our records."""
    result: SippResult | None = None
    record: CallRecord | None = None
    events: list[Event] = field(default_factory=list)

    def happened(self, kind: str) -> list[dict[str, object]]:
        return [event.data for event in self.events if event.kind == kind]

    @property
    def call(self) -> CallRecord:
        assert self.record is not None
        return self.record


Stories = dict[str, Story]


def stories(greeting: float, opening: float, menu: float) -> Stories:
    """Who calls; keys are pressed so many seconds after the answer."""
    to_the_end = opening + 2 * menu + 25
    return {
        "silent": Story("13800000001", to_the_end),
        "wrong": Story("13800000002", to_the_end, [(opening + 1, "7"), (opening + 7, "8")]),
        "in a hurry": Story("13800000003", opening + menu + 12, [(1, "1"), (2.5, "0")]),
        "keys during the menu": Story("13800000004", opening + menu + 15, [(opening + 2, "1"), (opening + 6, "0")]),
        "English": Story("13800000005", opening + 20, [(1, "9"), (5, "0")]),
        "gone in the greeting": Story("13800000006", greeting / 2),
        "gone in the menu": Story("13800000007", opening + menu / 2),
        "withheld": Story("anonymous", opening + 14, [(1, "0")]),
        "abroad": Story("+4915112345678", opening + 14, [(1, "0")]),
        "endless number": Story("9" * 60, opening + 14, [(1, "0")], shown_as="9" * 32),
        "injection": Story(
            "1391%0D%0ASET%20VARIABLE%20IVR_NEXT%20hangup%22",
            opening + 14,
            [(1, "0")],
            display_name=r'"Eve\" \\nHANGUP ${SHELL(id)}, |&\"' + '"',
            shown_as="1391",
        ),
    }


@pytest.fixture(scope="module")
def rush(live: Running) -> Iterator[Stories]:
    """All of them dial within a second; what became of each is looked up when the last has gone."""
    paths, hotline = live.settings.paths, live.hotline
    greeting = prompt_seconds(paths, hotline, "greeting")
    opening = greeting + prompt_seconds(paths, hotline, "recording_notice")
    cast = stories(greeting, opening, prompt_seconds(paths, hotline, "menu_main"))
    watch = live.watch()
    secrets = {number: live.instance.agent_secrets[number] for number in CROWD}
    with many_agents(live.server, secrets), RtpLines(len(cast)) as lines, ExitStack() as stack:
        keys: list[tuple[float, int, str]] = []
        runs = []
        for place, story in enumerate(cast.values()):
            caller = Caller(story.number, lines.lines[place], story.display_name)
            run = calling(live.server, live.number, [caller], hang_up_after=story.hang_up_after)
            runs.append(stack.enter_context(run))
            run.wait_for("answered")
            answered = time.monotonic()
            keys += [(answered + after, place, key) for after, key in story.keys]
        for due, place, key in sorted(keys):
            time.sleep(max(0.0, due - time.monotonic()))
            lines.lines[place].press(key)
        for story, run in zip(cast.values(), runs, strict=True):
            story.result = run.result()
    look_up(live, watch, cast)
    yield cast


def look_up(live: Running, watch: JournalWatch, cast: Stories) -> None:
    """Calls began in the order of the cast."""
    starts = [e for e in watch.events() if e.kind == "CHAN_START" and e.channel_id == e.call_id]
    for story, start in zip(cast.values(), starts, strict=True):
        story.events = [event for event in watch.events() if event.call_id == start.call_id]
        story.record = live.record(str(start.call_id))


def test_no_call_drops(rush: Stories) -> None:
    failed = {name: story.result for name, story in rush.items() if story.result and story.result.failed}
    assert failed == {}


def test_caller_who_says_nothing_is_asked_twice_then_taken_to_a_person(rush: Stories) -> None:
    silent = rush["silent"]
    assert len(silent.happened("menu.silent")) == 2
    assert silent.call.outcome == "answered"
    assert silent.call.menu_path == []
    played = [data["prompt"] for data in silent.happened("prompt.played")]
    assert played.count("menu_main") == 2 and "sorry_person" in played


def test_caller_who_presses_wrong_keys_is_taken_to_a_person(rush: Stories) -> None:
    wrong = rush["wrong"]
    assert [data["key"] for data in wrong.happened("menu.wrong_key")] == ["7", "8"]
    assert wrong.call.outcome == "answered"


def test_keys_during_the_greeting_are_taken_and_the_recording_notice_is_still_heard(rush: Stories) -> None:
    hurried = rush["in a hurry"]
    assert hurried.call.menu_path == ["main:1", "booking:0"]
    assert hurried.call.outcome == "answered"
    heard = [data["prompt"] for data in hurried.happened("prompt.played") if not data.get("cut")]
    assert "recording_notice" in heard and "greeting" not in heard


def test_a_key_during_the_menu_stops_it(rush: Stories) -> None:
    caller = rush["keys during the menu"]
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


@pytest.mark.parametrize("name", ["abroad", "endless number", "injection"])
def test_odd_numbers_and_names_are_served_and_only_digits_are_kept(rush: Stories, name: str) -> None:
    story = rush[name]
    assert story.call.caller == (story.shown_as or story.number)
    assert story.call.outcome == "answered"
    assert story.call.menu_path == ["main:0"]


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
