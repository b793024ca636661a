"""Thirty callers on three agents: who they are, what they do, and what each of them saw of it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.sipp import SippError, SippRun
from ivr.demo.watch import JournalWatch, NotSeen
from tests.live.conftest import Running, listen
from tests.phones import SCENARIOS, Caller, calling

PATIENCE = 300.0
"""Seconds after which a caller who waits for somebody tells the test that nobody came."""

MIX = {"waits": 12, "gives up": 3, "asks for a callback": 3, "leaves a message": 1, "is blocked": 1, "only listens": 1}
OUTCOME = {
    "waits": "answered",
    "gives up": "abandoned",
    "asks for a callback": "callback",
    "leaves a message": "message",
    "is blocked": "blocked",
    "only listens": "ended_in_menu",
}
BLOCKED = [f"1389999{place:04d}" for place in range(200)]


@dataclass(frozen=True)
class Seen:
    """What a caller meant to do and saw happen; `outcome` is how the record must put it."""

    call_id: str
    number: str
    plot: str
    outcome: str


class Storm:
    """Callers who come one after the other on `lines` lines until the time is over."""

    def __init__(self, running: Running, lines: int, seconds: float, seed: int = 1) -> None:
        self._running = running
        self._lines = lines
        self._ends = time.monotonic() + seconds
        self._random = random.Random(seed)
        self._next = 0
        self._lock = threading.Lock()

    def rage(self) -> list[Seen]:
        """Let them call; gives what every one of them saw, in the order they hung up."""
        seen: list[Seen] = []
        with RtpLines(self._lines) as rtp, ThreadPoolExecutor(self._lines) as people:
            for told in [people.submit(self._one_line, line) for line in rtp.lines]:
                seen += told.result()
        return seen

    def _one_line(self, line: RtpLine) -> list[Seen]:
        seen = []
        while time.monotonic() < self._ends:
            plot, number, dice = self._cast()
            seen.append(self._call(line, plot, number, dice))
            line.fall_silent()
        return seen

    def _cast(self) -> tuple[str, str, random.Random]:
        with self._lock:
            self._next += 1
            first = list(MIX)[self._next - 1 : self._next]  # everybody comes at least once
            plot = first[0] if first else self._random.choices(list(MIX), list(MIX.values()))[0]
            # A customer whose number ends in 3 answers when called back, and puts the phone down soon.
            number = BLOCKED[self._next % len(BLOCKED)] if plot == "is blocked" else f"1370{self._next:06d}3"
            return plot, number, random.Random(self._random.random())

    def _call(self, line: RtpLine, plot: str, number: str, dice: random.Random) -> Seen:
        watch = self._running.watch()
        with calling(self._running.server, self._running.number, [Caller(number, line)]) as run:
            run.wait_for("answered")
            call_id = watch.call_from(number)
            outcome = PLOTS[plot](OnTheLine(call_id, line, run, watch, dice))
            with suppress(SippError):  # whom the hotline says goodbye to has no call left to hang up
                run.hang_up()
            with suppress(SippError):
                run.result()
        return Seen(call_id, number, plot, outcome)


@dataclass
class OnTheLine:
    """A caller's ear, thumb and patience."""

    call_id: str
    line: RtpLine
    run: SippRun
    watch: JournalWatch
    dice: random.Random

    def press(self, key: str) -> None:
        self.line.press(key)

    def notice(self, *kinds: str, count: int = 1) -> str:
        return self.watch.wait_in(self.call_id, *kinds, count=count, seconds=PATIENCE).kind

    def is_let_go(self, outcome: str) -> str:
        """The hotline says goodbye; where its flow was killed meanwhile, a person answers instead."""
        if self.notice("LINKEDID_END", "BRIDGE_ENTER") == "BRIDGE_ENTER":
            listen(1.0)
            return "answered"
        return outcome

    def reaches_the_menu(self) -> bool:
        """Where no flow is alive to say it, the dialplan takes the caller to the line without a key (S17)."""
        return self.notice("menu.entered", "ENTERQUEUE") == "menu.entered"

    def joins_the_line(self) -> None:
        if self.reaches_the_menu():
            self.press("0")
            self.notice("ENTERQUEUE")

    def soon_gives_up(self) -> str:
        """Unless somebody is quicker."""
        with suppress(NotSeen):
            self.watch.wait_in(self.call_id, "BRIDGE_ENTER", seconds=self.dice.uniform(2, 15))
            listen(1.0)
        return "abandoned"


def waits(caller: OnTheLine) -> str:
    caller.joins_the_line()
    caller.notice("BRIDGE_ENTER")
    listen(caller.dice.uniform(2, 6))
    return "answered"


def gives_up(caller: OnTheLine) -> str:
    caller.joins_the_line()
    return caller.soon_gives_up()


def asks_for_a_callback(caller: OnTheLine) -> str:
    """Unless an agent takes the call before the key is pressed."""
    caller.joins_the_line()
    listen(caller.dice.uniform(1, 3))
    caller.press("5")
    if caller.notice("EXITWITHKEY", "BRIDGE_ENTER") == "BRIDGE_ENTER":
        listen(1.0)
        return "answered"
    listen(1.0)
    caller.press("2")
    listen(2.0)
    caller.press("1")
    return caller.is_let_go("callback")


def leaves_a_message(caller: OnTheLine) -> str:
    caller.joins_the_line()
    listen(1.0)
    caller.press("5")
    if caller.notice("EXITWITHKEY", "BRIDGE_ENTER") == "BRIDGE_ENTER":
        listen(1.0)
        return "answered"
    listen(1.0)
    caller.press("3")
    caller.line.hum(40.0)
    listen(12.0)  # the words before the tone, and some of the message
    caller.press("1")
    caller.line.hum(0.0)
    return caller.is_let_go("message")


def is_blocked(caller: OnTheLine) -> str:
    return caller.is_let_go("blocked")


def only_listens(caller: OnTheLine) -> str:
    if not caller.reaches_the_menu():
        return caller.soon_gives_up()
    listen(caller.dice.uniform(0.5, 3))
    return "ended_in_menu"


PLOTS: dict[str, Callable[[OnTheLine], str]] = {
    "waits": waits,
    "gives up": gives_up,
    "asks for a callback": asks_for_a_callback,
    "leaves a message": leaves_a_message,
    "is blocked": is_blocked,
    "only listens": only_listens,
}


@contextmanager
def carrier(running: Running, port: int) -> Iterator[SippRun]:
    """The carrier's side: customers who are called back; its log is what they received."""
    scenario = SCENARIOS / "carrier.xml"
    with SippRun(scenario, running.server, "carrier", calls=5000, listen=port, limit_seconds=1800) as run:
        yield run


def rung(carrier_run: SippRun) -> Counter[str]:
    """How often every number was rung, as the carrier saw it."""
    lines = [line.split(" ") for line in carrier_run.happened() if line.startswith("rings ")]
    return Counter(words[1].rstrip("@") for words in lines)
