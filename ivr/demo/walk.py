"""Calling every way through the menus on a real hotline: does it lead where it should, and how soon."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ivr.calls.events import Event
from ivr.calls.talk import work_number
from ivr.demo.phone import Phone
from ivr.demo.watch import JournalWatch, NotSeen
from ivr.hotline import Hotline, Language
from ivr.hotline.lint import MAX_SECONDS
from ivr.hotline.tree import MenuPath
from ivr.instance import Instance
from ivr.service import Progress, start
from ivr.settings import Settings
from ivr.supervise import Supervisor

AT_ONCE = 3
"""Walkers on the line at the same time."""

PERSON_KEYS, PERSON_SECONDS = 1, 8.0
"""So many keys and seconds at most until a person (S16)."""

CALLER = 19900000000
"""The walkers' numbers count up from here: an area of its own, so that they are known in the record."""

_PATIENCE = 60.0


@dataclass(frozen=True)
class Walked:
    """One way, called: where it led, and how many seconds after the call's arrival; None when it led nowhere."""

    path: MenuPath
    led_to: str
    seconds: float | None

    @property
    def keys(self) -> int:
        return len(self.path.keys)


@dataclass(frozen=True)
class WalkReport:
    """All ways of a menu, called, and how long the main menu is heard in each language, seconds."""

    walked: list[Walked]
    menu_seconds: dict[str, float]

    @property
    def person(self) -> Walked | None:
        """The shortest way to a person."""
        reached = [way for way in self.walked if way.led_to.startswith("queue")]
        return min(reached, key=lambda way: (way.keys, way.seconds or 0.0), default=None)

    @property
    def good(self) -> bool:
        """Whether every way leads somewhere, a person is near, and the main menu short (S15, S16)."""
        person = self.person
        near = person is not None and person.keys <= PERSON_KEYS and (person.seconds or 0.0) <= PERSON_SECONDS
        short = max(self.menu_seconds.values(), default=0.0) <= MAX_SECONDS
        return near and short and all(way.seconds is not None for way in self.walked)

    def rows(self, language: Language) -> list[dict[str, object]]:
        return [
            {
                "keys": way.path.keys,
                "labels": " › ".join(label.get(language, "") for label in way.path.labels),
                "meant": f"{way.path.kind} {way.path.target}",
                "led_to": way.led_to,
                "seconds": None if way.seconds is None else round(way.seconds, 1),
            }
            for way in self.walked
        ]

    def summary(self) -> list[str]:
        person = self.person
        lines = [f"main menu {code}: {heard:.1f} s" for code, heard in self.menu_seconds.items()]
        if person is None:
            return ["no way leads to a person", *lines]
        return [f"a person within {person.keys} key and {person.seconds or 0.0:.1f} s", *lines]

    def to_json(self, language: Language) -> dict[str, object]:
        person = self.person
        return {
            "ways": self.rows(language),
            "person": person and {"keys": person.keys, "seconds": round(person.seconds or 0.0, 1)},
            "main_menu_seconds": {code: round(heard, 1) for code, heard in self.menu_seconds.items()},
        }


@contextmanager
def twin(settings: Settings, hotline: Hotline, say: Progress) -> Iterator[Settings]:
    """A second instance with the same business file, for as long as the block runs: no call of it is counted.

    A few of its agents have phones, which ring and are not answered.
    """
    with TemporaryDirectory(prefix="ivr-walk-") as folder, ExitStack() as phones:
        own = settings.model_copy(update={"state_dir": Path(folder) / "state", "database_url": None})
        instance = start(own, say).instance
        phones.callback(Supervisor(own).stop)
        for number in _agents(hotline):
            secret = instance.agent_secrets[number]
            phones.enter_context(Phone(number, (instance.host, instance.sip), password=secret))
        yield own


def _agents(hotline: Hotline) -> list[str]:
    """AT_ONCE agents of every queue, so that a phone is free for every walker."""
    wanted = {number: None for queue in hotline.queues.values() for number in list(queue.agents)[:AT_ONCE]}
    return list(wanted)


def walk_all(settings: Settings, hotline: Hotline, ways: list[MenuPath], say: Progress) -> list[Walked]:
    """Call every way, a few at a time, pressing each key as soon as its menu begins."""
    instance = Instance.load(settings.paths)
    server, number = (instance.host, instance.sip), hotline.hotline.number
    walked: list[Walked] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [pool.submit(_walk, settings, server, number, str(CALLER + n), way) for n, way in enumerate(ways)]
        for done, call in enumerate(calls, start=1):
            walked.append(call.result())
            say(f"ways {done}/{len(ways)}")
    return walked


def _walk(settings: Settings, server: tuple[str, int], number: str, caller: str, way: MenuPath) -> Walked:
    watch = JournalWatch(settings.paths)
    with Phone(caller, server) as phone:
        phone.dial(number)
        call_id = watch.call_from(caller)
        began = time.monotonic()
        try:
            for menus, key in enumerate(way.keys, start=1):
                watch.wait_in(call_id, "menu.entered", count=menus, seconds=_PATIENCE)
                phone.press(key)
            end = _end_of(watch, call_id, way)
        except NotSeen:
            return Walked(way, "nowhere", None)
        seconds = time.monotonic() - began
        phone.hang_up()
    return Walked(way, end, seconds)


def _end_of(watch: JournalWatch, call_id: str, way: MenuPath) -> str:
    """Where the call is: an agent's phone rings, or a message, what was asked for, or a goodbye is heard."""

    def heard(event: Event) -> bool:
        said = str(event.data.get("prompt")) if event.kind == "prompt.played" else ""
        return said == way.target if way.kind == "say" else way.kind == "message" and said.startswith("message")

    def rings(event: Event) -> bool:
        return event.kind == "CHAN_START" and work_number(str(event.data.get("channel", ""))) is not None

    def is_end(event: Event) -> bool:
        return event.call_id == call_id and (rings(event) or event.kind == "call.closed" or heard(event))

    event = watch.wait("the end of the way", is_end, _PATIENCE)
    if rings(event):
        queue = watch.wait_in(call_id, "ENTERQUEUE").data["queue"]
        return f"queue {queue}"
    if event.kind == "call.closed":
        return str(event.data.get("outcome"))
    return f"{way.kind} {way.target}"
