"""Callers and agents in the middle of a talk: how most stories about holding and transferring begin."""

import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ivr.calls.events import Event
from ivr.demo.phone import Phone, PhoneEvent
from ivr.demo.watch import JournalWatch
from tests.live.conftest import CROWD, Running, listen

_LOUD = 300
"""Root mean square of 20 ms, of 32768, above which something is heard."""
_FRAME = 160


@dataclass
class Talk:
    """A caller, bridged with an agent; more phones come by `phone`."""

    live: Running
    watch: JournalWatch
    call_id: str
    caller: Phone
    agent: Phone
    _stack: ExitStack

    @property
    def work_number(self) -> str:
        """The agent's."""
        return self.agent.user

    def phone(self, work_number: str) -> Phone:
        """Another agent's phone, registered from now on."""
        return self._stack.enter_context(self.live.agent_phone(work_number))

    def over(self) -> None:
        """The caller hangs up, if the call is not over; every phone is gone."""
        if self.caller.running and not any(event.kind == "CALL_CLOSED" for event in self.caller.events):
            self.caller.hang_up()
            self.caller.wait_for("CALL_CLOSED")
        self._stack.close()

    def wait(self, kind: str, extra: str, seconds: float = 15.0, count: int = 1) -> Event:
        """The `count`th user event of this call with this text, such as HOLD and 1001."""

        def is_it(event: Event) -> bool:
            return event.call_id == self.call_id and event.kind == kind and said(event) == extra

        def enough(event: Event) -> bool:
            return is_it(event) and sum(map(is_it, self.watch.events())) >= count

        return self.watch.wait(f"{kind} {extra}", enough, seconds)

    def wait_for_leg(self, kind: str, phone: Phone, seconds: float = 15.0) -> Event:
        """What happens first to this phone in this call, such as ANSWER or BRIDGE_ENTER."""

        def is_it(event: Event) -> bool:
            mine = event.call_id == self.call_id and event.kind == kind
            return mine and f"PJSIP/{phone.user}-" in event.data["channel"]

        return self.watch.wait(f"{kind} of phone {phone.user}", is_it, seconds)

    def consult(self, agent: Phone, number: str) -> None:
        """*7, and the number once the phone may be heard asking for it."""
        keys(agent, "*7")
        listen(0.6)
        keys(agent, number)

    def together(self, *phones: Phone) -> bool:
        """Whether exactly the caller and these agents' phones are in the caller's bridge now."""
        where: dict[str, str] = {}
        own = ""
        bridges = [event for event in self.watch.events() if event.call_id == self.call_id and event.source == "cel"]
        for event in bridges:
            channel = event.data["channel"]
            own = channel if event.channel_id == self.call_id else own
            if event.kind == "BRIDGE_ENTER":
                where[channel] = event.data["extra"]["bridge_id"]
            elif event.kind in ("BRIDGE_EXIT", "CHAN_END"):
                where.pop(channel, None)
        inside = {name for name, place in where.items() if place == where.get(own) and name != own}
        return inside != set() and {name.split("/")[1].split("-")[0] for name in inside} == {p.user for p in phones}

    def until_together(self, *phones: Phone, seconds: float = 15.0) -> None:
        ends = time.monotonic() + seconds
        while not self.together(*phones):
            assert time.monotonic() < ends, f"caller and {[phone.user for phone in phones]} do not talk"
            time.sleep(0.1)


def said(event: Event) -> str:
    """The text of a user event (CELGenUserEvent)."""
    return str(event.data["extra"].get("extra", ""))


@contextmanager
def talking(live: Running, number: str, *, agent: str = "1001", key: str = "0") -> Iterator[Talk]:
    """A caller who has pressed `key`, put through to the only agent whose phone is there."""
    with many_talking(live, [number], [agent], key=key) as talks:
        yield talks[0]


@contextmanager
def many_talking(live: Running, numbers: Sequence[str], agents: Sequence[str], key: str = "0") -> Iterator[list[Talk]]:
    """Callers who have pressed `key`, all at once, each put through to one of as many agents.

    A story takes a talk, and by `Talk.over` its phones are gone; those left over go at the end.
    """
    watches = {number: live.watch() for number in numbers}
    with ExitStack() as stack, ThreadPoolExecutor(max_workers=len(numbers)) as hands:
        stacks = {number: stack.enter_context(ExitStack()) for number in numbers}
        of_agents = stack.enter_context(ExitStack())
        started = hands.map(lambda agent: of_agents.enter_context(live.agent_phone(agent)), agents)
        phones = {phone.user: phone for phone in started}
        callers = list(hands.map(lambda number: stacks[number].enter_context(live.caller_phone(number)), numbers))
        calls = list(hands.map(lambda caller: _ask_for_a_person(live, watches[caller.user], caller, key), callers))
        list(hands.map(_answer, phones.values()))
        talks = []
        for caller, call_id in zip(callers, calls, strict=True):
            watch, own = watches[caller.user], stacks[caller.user]
            agent = _put_through(watch, call_id, phones)
            watch.wait_in(call_id, "BRIDGE_ENTER", count=2)
            own.callback(agent.close)
            talks.append(Talk(live, watch, call_id, caller, agent, own))
        listen(0.7)
        yield talks
        for talk in talks:
            talk.over()


@contextmanager
def a_talk_each(request: pytest.FixtureRequest, live: Running, first_number: int) -> Iterator[Iterator[Talk]]:
    """One talk for each of the module's tests that asks for the fixture `talk`, all begun at once.

    Callers have chosen 维修进度; their agents are of the crowd, so that 1001, 1002 and 1003 are free.
    """
    takers = [item for item in request.session.items if item.path == request.path]
    count = sum("talk" in getattr(item, "fixturenames", ()) for item in takers)
    if not count:
        yield iter(())
        return
    numbers = [str(first_number + place) for place in range(count)]
    with many_talking(live, numbers, CROWD[:count], key="2") as talks:
        yield iter(talks)


def _ask_for_a_person(live: Running, watch: JournalWatch, caller: Phone, key: str) -> str:
    caller.dial(live.number)
    caller.wait_for("CALL_ESTABLISHED")
    call_id = watch.call_from(caller.user)
    watch.wait_in(call_id, "menu.entered")
    caller.press(key)
    return call_id


def _put_through(watch: JournalWatch, call_id: str, phones: Mapping[str, Phone]) -> Phone:
    """The phone with which the call has been bridged; who sits there is another matter."""

    def desk(event: Event) -> str:
        return str(event.data.get("channel", "")).removeprefix("PJSIP/").partition("-")[0]

    entered = watch.wait(
        "a talk", lambda e: e.call_id == call_id and e.kind == "BRIDGE_ENTER" and desk(e) in phones, seconds=30
    )
    return phones[desk(entered)]


def _answer(phone: Phone) -> None:
    rings(phone, seconds=60)
    phone.answer()


def rings(phone: Phone, since: int = 0, seconds: float = 20.0) -> PhoneEvent:
    return phone.wait_for("CALL_INCOMING", since=since, seconds=seconds)


def keys(phone: Phone, pressed: str) -> None:
    """Keys as a hand presses them, one after the other."""
    for key in pressed:
        phone.press(key)
        time.sleep(0.15)


def dials(phone: Phone, number: str) -> int:
    """Dial from an idle phone; gives the number of events the phone had before."""
    before = len(phone.events)
    phone.dial(number)
    phone.wait_for("CALL_ESTABLISHED", since=before)
    return before


def put_down(phone: Phone) -> int:
    """Hang up, and wait until the phone is idle; gives the number of events the phone had before."""
    before = len(phone.events)
    phone.hang_up()
    phone.wait_for("CALL_CLOSED", since=before)
    return before


def loud_seconds(sound: Path, since: float = 0.0, until: float | None = None) -> float:
    """Seconds with something to hear in a part of a recording (mono WAV, 16 bit, 8 kHz)."""
    with wave.open(str(sound), "rb") as source:
        samples = np.frombuffer(source.readframes(source.getnframes()), dtype="<i2").astype(np.float64)
    part = samples[int(since * 8000) : None if until is None else int(until * 8000)]
    frames = part[: len(part) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return float((np.sqrt((frames**2).mean(axis=1)) > _LOUD).sum() * _FRAME / 8000) if len(frames) else 0.0
