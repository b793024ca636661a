"""Waiting for a person: what a caller is told, what is offered, and who is served first (S7, S10, S18, S20)."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest

from ivr.demo.phone import Phone
from ivr.demo.rtp import RtpLines
from ivr.telephony import runtime
from ivr.telephony.asterisk_control import AsteriskControl
from tests.live.asked import Asked
from tests.live.conftest import Running, hotline_up, listen, sample_business, until
from tests.live.ears import Ears
from tests.phones import Caller, calling

PYTHON = ("agi", "ingest", "scheduler", "worker", "web")


@pytest.fixture(scope="module")
def small() -> Iterator[Running]:
    """A small business with little patience: few agents, and short times."""
    business = sample_business()
    business["queues"]["service"] |= {"agents": ["1001", "1003"]}
    business["queues"]["booking"] |= {"agents": ["1002"], "hours": "always", "overflow_after_seconds": 30}
    business["waiting"] = {"announce_seconds": 15, "choice_after_seconds": 30}
    business["rating"] = {"ask": False}
    with hotline_up(business) as running:
        yield running


class Scene:
    """Phones, and the line they wait in; use it as a context manager."""

    def __init__(self, hotline: Running) -> None:
        self.hotline, self.watch = hotline, hotline.watch()
        self._stack = ExitStack()
        self.asked = self._stack.enter_context(Asked(hotline))

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *_: object) -> None:
        # SIPp ends without a word: whoever is left on the line would still wait in the next scene.
        self.asterisk("channel request hangup all")
        self._stack.close()

    def asterisk(self, command: str) -> str:
        return runtime.rx(self.hotline.settings.paths.asterisk_conf, command)

    def agent(self, work_number: str) -> Phone:
        return self._stack.enter_context(self.hotline.agent_phone(work_number))

    def ring_up(self, number: str, keys: str = "0") -> "Guest":
        """A caller with a phone of their own, as far as the line or the choice before it."""
        phone = self._stack.enter_context(self.hotline.caller_phone(number))
        phone.dial(self.hotline.number)
        phone.wait_for("CALL_ESTABLISHED")
        guest = Guest(self, phone, self.watch.call_from(number))
        for menu, key in enumerate(keys, start=1):
            self.watch.wait_in(guest.call_id, "menu.entered", count=menu)
            self.asked.question(guest.call_id, "menu_booking" if keys == "11" and menu == 2 else "menu_main")
            phone.press(key)
        return guest

    def join(self, number: str, keys: str = "0") -> "Guest":
        """A caller with a phone of their own, in line."""
        guest = self.ring_up(number, keys)
        guest.event("ENTERQUEUE")
        return guest

    def crowd(self, number: str, keys: str = "0") -> str:
        """A caller who only waits, in line; gives the call's id."""
        line = self._stack.enter_context(RtpLines(1)).lines[0]
        run = self._stack.enter_context(calling(self.hotline.server, self.hotline.number, [Caller(number, line)]))
        run.wait_for("answered")
        call_id = self.watch.call_from(number)
        for menu, key in enumerate(keys, start=1):
            self.watch.wait_in(call_id, "menu.entered", count=menu)
            self.asked.question(call_id, "menu_booking" if menu == 2 else "menu_main")
            line.press(key)
        self.watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
        return call_id

    def take(self, agent: Phone, call_id: str, since: int = 0) -> None:
        """The agent answers, and it is this caller."""
        before = self.happened(call_id, "BRIDGE_ENTER")
        agent.wait_for("CALL_INCOMING", seconds=60, since=since)
        agent.answer()
        self.watch.wait_in(call_id, "BRIDGE_ENTER", count=before + 1, seconds=60)

    def next(self, agent: Phone, call_id: str) -> None:
        """The agent ends the talk and takes the next caller."""
        # Within half a second of being put through, a caller is not let go but waits on.
        listen(1.0)
        since = len(agent.events)
        agent.hang_up()
        self.take(agent, call_id, since)

    def happened(self, call_id: str, kind: str) -> int:
        return sum(event.call_id == call_id and event.kind == kind for event in self.watch.events())


@dataclass
class Guest:
    """A caller with a phone of their own."""

    scene: Scene
    phone: Phone
    call_id: str

    def event(self, kind: str, count: int = 1) -> None:
        self.scene.watch.wait_in(self.call_id, kind, count=count, seconds=90)

    def said(self) -> list[tuple[str, str]]:
        """The prompts that flows have said, with their languages."""
        played = [e.data for e in self.scene.watch.events() if e.call_id == self.call_id and e.kind == "prompt.played"]
        return [(str(data["prompt"]), str(data["language"])) for data in played]

    def ears(self) -> Ears:
        return Ears.of_call(self.call_id, self.scene.hotline.settings.paths)

    def heard(self, prompt: str, language: str, times: int) -> None:
        """Wait until something has been heard so often."""

        def enough() -> bool:
            if len(self.ears().times(prompt, language)) >= times:
                return True
            listen(1.0)
            return False

        until(enough, f"{self.phone.user} hears {prompt} in {language} {times} times", seconds=90)


@dataclass(frozen=True)
class Afternoon:
    """One agent, and four callers after each other: a first one for whom nobody was there, one who waits in English and
    presses a key, one who waits in Chinese, one in English. While they waited, every Python process was dead."""

    scene: Scene
    first: Guest
    english: Guest
    chinese: Guest
    last: Guest
    python_dead: tuple[Ears, Ears, Ears]
    """What the three who waited had heard when Python came back."""
    came_later: int
    """How many of those who came after `english` were connected before."""
    left_the_line: int
    """How often those who pressed no key, and had been told of the choice at once, had to leave the line."""


@pytest.fixture(scope="module")
def afternoon(small: Running) -> Afternoon:
    with Scene(small) as scene:
        first = scene.join("13500000001")
        agent = scene.agent("1001")
        scene.take(agent, first.call_id)
        english = scene.join("13500000002", "90")
        # As the first flow writes them that knows how long talks last, and that hardly anybody gives up.
        scene.asterisk("database put patience service 1000000")
        scene.asterisk("database put pace service 100")
        chinese, last = scene.join("13500000003"), scene.join("13500000004", "90")
        for process in PYTHON:
            small.supervisor.stop_process(process)
        try:
            for piece, times in (("wait_position_one", 2), ("wait_minutes", 2), ("num_4", 1), ("wait_offer", 1)):
                chinese.heard(piece, "zh-CN", times)
            for piece, times in (("wait_position", 2), ("wait_minutes", 2), ("num_2", 1), ("num_5", 1)):
                last.heard(piece, "en", times)
            english.heard("wait_offer", "en", 1)
            python_dead = english.ears(), chinese.ears(), last.ears()
        finally:
            for process in PYTHON:
                small.supervisor.start_process(process)
        left_the_line = sum(scene.happened(guest.call_id, "ENTERQUEUE") - 1 for guest in (chinese, last))
        until(lambda: answers(small), "flows are there again")
        stayed = scene.happened(english.call_id, "ENTERQUEUE")
        english.phone.press("5")
        scene.asked.question(english.call_id, "choice_wait")
        english.phone.press("1")
        english.event("ENTERQUEUE", stayed + 1)
        scene.next(agent, english.call_id)
        came_later = sum(scene.happened(guest.call_id, "CONNECT") for guest in (chinese, last))
        return Afternoon(scene, first, english, chinese, last, python_dead, came_later, left_the_line)


def answers(hotline: Running) -> bool:
    try:
        socket.create_connection((hotline.instance.host, hotline.instance.agi), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.standards("S7", "S18")
def test_s18_where_nobody_is_there_the_caller_hears_so_and_may_choose_and_is_served_when_somebody_comes(
    afternoon: Afternoon,
) -> None:
    said = [prompt for prompt, _ in afternoon.first.said()]
    assert {"choice_nobody", "choice_wait", "choice_message", "choice_kept"} <= set(said)
    assert afternoon.scene.happened(afternoon.first.call_id, "CONNECT") == 1


@pytest.mark.standards("S7", "S20")
def test_s7_place_and_minutes_are_said_again_and_again_in_line_even_without_any_python(afternoon: Afternoon) -> None:
    """Nobody leaves the line to hear them, so nobody is overtaken."""
    _, chinese, _ = afternoon.python_dead
    assert len(chinese.times("wait_position_one")) >= 2, "one customer is before this one"
    assert len(chinese.times("wait_minutes")) >= 2
    assert chinese.times("num_4"), "two places of 100 s with one agent are four minutes"
    assert chinese.times("wait_offer"), "the expected wait is long: what else there is, is said at once"
    places, offers = chinese.times("wait_position_one"), chinese.times("wait_offer")
    assert any(0 < offer - place < 12 for offer in offers for place in places), "place, minutes, offer: one sentence"
    assert afternoon.left_the_line == 0


@pytest.mark.standards("S7", "S19")
def test_s19_who_waits_in_english_hears_place_and_minutes_in_english(afternoon: Afternoon) -> None:
    _, _, last = afternoon.python_dead
    assert len(last.times("wait_position", "en")) >= 2 and len(last.times("wait_minutes", "en")) >= 2
    assert last.times("num_2", "en"), "two customers before this one"
    assert last.times("num_5", "en"), "three places of 100 s with one agent are five minutes"
    assert not last.times("wait_minutes", "zh-CN")


@pytest.mark.standards("S7", "S19")
def test_s7_whoever_is_next_hears_so_and_after_long_is_offered_something_else(afternoon: Afternoon) -> None:
    english, _, _ = afternoon.python_dead
    assert english.times("wait_next", "en") and english.times("wait_key", "en")
    assert english.times("wait_offer", "en")[0] - english.times("wait_next", "en")[0] > 10, "after the set seconds"
    assert not english.times("wait_next", "zh-CN")


@pytest.mark.standards("S7", "S19")
def test_s7_any_key_leads_to_the_choice_and_whoever_waits_on_keeps_the_place(afternoon: Afternoon) -> None:
    english = afternoon.english
    assert afternoon.scene.happened(english.call_id, "EXITWITHKEY") == 1
    assert afternoon.scene.happened(english.call_id, "wait.choice") == 1
    assert ("choice_kept", "en") in english.said()
    assert afternoon.scene.happened(english.call_id, "CONNECT") == 1
    assert afternoon.came_later == 0


@dataclass(frozen=True)
class Mishap:
    """The agent's phone vanishes in a talk; meanwhile a caller of the other queue is moved to this one. `served`: for
    each talk after it, who had been connected by then."""

    cut: str
    moved: str
    waiting: str
    served: list[set[str]]
    apology: list[float]
    entered: list[str]
    """The queues that the moved caller came to."""


@pytest.fixture(scope="module")
def mishap(small: Running, tmp_path_factory: pytest.TempPathFactory) -> Mishap:
    folder = tmp_path_factory.mktemp("heard")
    with closing(AsteriskControl(small.settings)) as control, Scene(small) as scene:
        # Somebody is there for service, so that callers may be moved to it, but nobody who could take them.
        control.pause("1003", "meal")
        scene.agent("1003")
        booking = scene.agent("1002")
        scene.take(booking, scene.crowd("13500000011", "11"))
        cut = scene.join("13500000012")
        agent = scene.agent("1001")
        scene.take(agent, cut.call_id)
        moved = scene.crowd("13500000013", "11")
        waiting = scene.crowd("13500000014")
        agent.pull_the_plug()
        again = scene.agent("1001")
        control.pause("1001", "meal")
        scene.watch.wait(
            "the other queue",
            lambda e: e.kind == "ENTERQUEUE" and e.call_id == moved and e.data["queue"] == "service",
            seconds=60,
        )
        cut.event("CUT_OFF")
        cut.event("ENTERQUEUE", 2)
        until(lambda: bool(Ears(cut.phone, small.settings.paths, folder).times("cut_off")), "the apology is heard")
        talks = {cut.call_id: 1, moved: 0, waiting: 0}
        served: list[set[str]] = []
        control.unpause("1001")
        scene.take(again, cut.call_id)
        served.append({call for call, before in talks.items() if scene.happened(call, "CONNECT") > before})
        scene.next(again, moved)
        served.append({call for call, before in talks.items() if scene.happened(call, "CONNECT") > before})
        cut.phone.wait_for("CALL_CLOSED", seconds=60)
        apology = Ears(cut.phone, small.settings.paths, folder).times("cut_off")
        entered = [e.data["queue"] for e in scene.watch.events() if e.call_id == moved and e.kind == "ENTERQUEUE"]
        return Mishap(cut.call_id, moved, waiting, served, apology, entered)


@pytest.mark.standards("S10")
def test_s10_whose_agents_phone_vanishes_hears_an_apology_and_is_first_in_line(mishap: Mishap) -> None:
    assert mishap.apology
    assert mishap.served[0] == {mishap.cut}, "two were there before, but nobody cut them off"


@pytest.mark.standards("S7")
def test_s7_after_the_settings_seconds_another_queue_takes_over_with_the_same_place(mishap: Mishap) -> None:
    assert mishap.entered == ["booking", "service"]
    assert mishap.served[1] == {mishap.cut, mishap.moved}, "before whoever joined later, though in that queue before"
