"""Callers and agents in the middle of a talk: how most stories about holding and transferring begin."""

import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivr.calls.events import Event
from ivr.demo.phone import Phone, PhoneEvent
from ivr.demo.watch import JournalWatch
from tests.live.conftest import Running, listen

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

    def phone(self, work_number: str) -> Phone:
        """Another agent's phone, registered from now on."""
        return self._stack.enter_context(self.live.agent_phone(work_number))

    def wait(self, kind: str, extra: str, seconds: float = 15.0, count: int = 1) -> Event:
        """The `count`th user event of this call with this text, such as HOLD and 1001."""

        def is_it(event: Event) -> bool:
            return event.call_id == self.call_id and event.kind == kind and said(event) == extra

        def enough(event: Event) -> bool:
            return is_it(event) and sum(map(is_it, self.watch.events())) >= count

        return self.watch.wait(f"{kind} {extra}", enough, seconds)

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
    watch = live.watch()
    with ExitStack() as stack:
        phone = stack.enter_context(live.agent_phone(agent))
        caller = stack.enter_context(live.caller_phone(number))
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from(number)
        caller.press(key)
        rings(phone, seconds=60)
        phone.answer()
        watch.wait_in(call_id, "BRIDGE_ENTER", count=2)
        listen(0.7)
        yield Talk(live, watch, call_id, caller, phone, stack)
        if not any(event.kind == "CALL_CLOSED" for event in caller.events):
            caller.hang_up()
            caller.wait_for("CALL_CLOSED")


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
