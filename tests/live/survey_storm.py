"""Very many surveyed customers while everything is killed at random: who they are, what they do, what they received."""

import csv
import os
import random
import signal
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from ivr.calls.events import Event
from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.sipp import SippError, SippRun
from ivr.surveys.events import ASKING, CONFIRMED, HEARD
from ivr.surveys.ids import contact_id, read_call_id
from tests.live.conftest import Running
from tests.phones import SCENARIOS

SURVEY = "after_service"
BUSY, AWAY, NEVER, DECLINES, SHORT, ANSWERS, BREAKS_OFF, LATER = "12345678"
"""What a customer does, by the last digit of the number; see scenarios/quick_customers.xml and `Thumbs`."""
_MIX = SHORT * 7 + ANSWERS * 5 + BUSY * 2 + NEVER * 2 + AWAY + DECLINES + BREAKS_OFF + LATER
_HAVE_SOUND = frozenset((NEVER, ANSWERS, BREAKS_OFF, LATER))
_KEYS = {"overall": "5", "solved": "1", "recommend": "5"}
_ENDS = ("is-released", "hung-up", "is-busy", "declines", "gave-up")


@dataclass(frozen=True)
class Visited:
    """A customer's visit; `due` is when its survey may first ring."""

    external_id: str
    number: str
    due: datetime

    @property
    def contact(self) -> str:
        return contact_id(SURVEY, self.external_id)

    @property
    def habit(self) -> str:
        return self.number[-1]


def customers(count: int, first: datetime, spread: timedelta, dice: random.Random) -> list[Visited]:
    """So many visits, due one after the other; every tenth customer has had two."""
    numbers: list[str] = []
    for place in range(count):
        again = place % 10 == 9
        numbers.append(dice.choice(numbers) if again else f"138{place:07d}{_MIX[place % len(_MIX)]}")
    return [
        Visited(f"V{place}", number, (first + spread * place / count).replace(microsecond=0))
        for place, number in enumerate(numbers)
    ]


def write_visits(visits: Sequence[Visited], due_after: timedelta, file: Path) -> None:
    """The table of them that another program would have written."""
    with file.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["external_id", "number", "name", "title", "kind", "ended_at"])
        for one in visits:
            table.writerow([one.external_id, one.number, "王小明", "先生", "保养", (one.due - due_after).isoformat()])


# ---- the customers' side of the line -------------------------------------------------------------------------


@dataclass(frozen=True)
class Ring:
    """One INVITE as a customer's phone received it, and how it noticed the call's end; neither where nobody told it."""

    number: str
    sip_id: str
    at: datetime
    end: str | None = None
    ended_at: datetime | None = None


def rings(log: Sequence[str]) -> list[Ring]:
    """What the carrier's log says, in the order of time."""
    began: dict[str, tuple[str, datetime]] = {}
    ended: dict[str, tuple[str, datetime]] = {}
    for words in (line.split() for line in log):
        if words[0] == "rings":
            began[words[2]] = words[1], _moment(words)
        elif words[0] in _ENDS:
            ended.setdefault(words[2], (words[0], _moment(words)))
    found = [Ring(number, sip_id, at, *ended.get(sip_id, ())) for sip_id, (number, at) in began.items()]
    return sorted(found, key=lambda ring: ring.at)


def _moment(words: Sequence[str]) -> datetime:
    """SIPp's [timestamp]: a date, a time, and seconds since the epoch."""
    return datetime.fromtimestamp(float(words[-1]), UTC)


class Thumbs:
    """The keys that customers press, each when it counts; use it as a context manager."""

    def __init__(self, running: Running, run: SippRun, lines: dict[str, RtpLine], visits: Sequence[Visited]) -> None:
        self._server, self._run, self._lines = running.server, run, lines
        self._watch = running.watch()
        self._of = {one.contact: one for one in visits}
        self._asked: dict[str, list[str]] = defaultdict(list)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Thumbs":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        heard = seen = 0
        while not self._over.wait(0.05):
            log = self._run.happened()
            for line in log[heard:]:
                self._notice(line.split())
            heard = len(log)
            events = self._watch.events()
            for event in events[seen:]:
                self._react(event)
            seen = len(events)

    def _notice(self, words: list[str]) -> None:
        line = self._lines.get(words[1])
        if line is None:
            return
        if words[0] == "speaks-to":
            line.remote = (self._server[0], int(words[-1]))
        elif words[0] in _ENDS:
            line.fall_silent()

    def _react(self, event: Event) -> None:
        call = read_call_id(event.call_id)
        one = self._of.get(call[0]) if call else None
        if one is None or one.habit not in _HAVE_SOUND:
            return
        line, asked = self._lines[one.number], self._asked[one.contact]
        match event.kind:
            case kind if kind == HEARD:
                line.press("9" if one.habit == NEVER else "1")
            case kind if kind == CONFIRMED and not asked:
                line.press("21" if one.habit == LATER else "1")
            case kind if kind == ASKING:
                asked.append(str(event.call_id))
                if one.habit == BREAKS_OFF and len(asked) == 2 and len(set(asked)) == 1:
                    with suppress(SippError):  # the hotline died first
                        self._run.hang_up(one.number)
                else:
                    line.press(_KEYS[event.data["question"]])


@contextmanager
def at_their_phones(running: Running, port: int, visits: Sequence[Visited]) -> Iterator[SippRun]:
    """The customers' phones behind the carrier; its log is what they received."""
    numbers = dict.fromkeys(one.number for one in visits)
    speaking = [number for number in numbers if number[-1] in _HAVE_SOUND]
    with ExitStack() as stack:
        sound = stack.enter_context(RtpLines(len(speaking) + 1)).lines
        lines = dict(zip(speaking, sound[1:], strict=True))
        rows: list[list[str | int]] = [["nobody", sound[0].port]]
        rows += [[number, lines.get(number, sound[0]).port] for number in numbers]
        run = stack.enter_context(
            SippRun(
                SCENARIOS / "quick_customers.xml",
                running.server,
                "customers",
                rows,
                calls=100_000,
                listen=port,
                limit_seconds=3600,
                more=["-infindex", "calls.csv", "0"],
            )
        )
        stack.enter_context(Thumbs(running, run, lines, visits))
        yield run


# ---- what is killed ------------------------------------------------------------------------------------------

PROCESSES = ("scheduler", "agi", "ingest", "asterisk")
DATABASE = "database"
_NONE_RINGS_SECONDS = 15.0
"""So long after the last death comes another one, where no phone rings."""


@dataclass
class Killed:
    """Who was killed when; a process until it runs again."""

    what: str
    at: datetime
    again_at: datetime | None = None


@dataclass
class Killer:
    """kill -9 of one after the other, in random order, until the block ends; use it as a context manager.

    However slow the machine is, `every` phones ring between two deaths, unless none may for a while.
    """

    running: Running
    dice: random.Random
    rung: Callable[[], int]
    every: int
    killed: list[Killed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._hand = ThreadPoolExecutor(1)

    def __enter__(self) -> list[Killed]:
        self._done = self._hand.submit(self._run)
        return self.killed

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._hand.shutdown()
        self._done.result()

    def _run(self) -> None:
        """Everybody once, in random order, and again."""
        left: list[str] = []
        while self._lets_live(self.dice.uniform(1, 4)):
            left = left or self.dice.sample([*PROCESSES, DATABASE], len(PROCESSES) + 1)
            what = left.pop()
            if what == DATABASE:
                self._break_database()
            else:
                self._kill(what)

    def _lets_live(self, seconds: float) -> bool:
        """Let everything work for so long at least; False when the time is over."""
        begun, ends = self.rung(), time.monotonic() + _NONE_RINGS_SECONDS
        while not self._over.wait(seconds):
            if self.rung() >= begun + self.every or time.monotonic() > ends:
                return True
            seconds = 0.2
        return False

    def _kill(self, process: str) -> None:
        before = self.running.pid(process)
        if before is None:  # still starting after its last death
            return
        with suppress(ProcessLookupError):  # it has just died by itself
            os.kill(before, signal.SIGKILL)
        one = Killed(process, datetime.now(UTC))
        self.killed.append(one)
        while not self._over.is_set() and self.running.pid(process) in (None, before):
            time.sleep(0.1)
        one.again_at = datetime.now(UTC)

    def _break_database(self) -> None:
        url = self.running.settings.store_url
        self.killed.append(Killed(DATABASE, datetime.now(UTC)))
        if url.startswith("sqlite"):
            self._hold(Path(url.removeprefix("sqlite:///")), self.dice.uniform(1, 7))
        else:
            _end_connections(url)
        self.killed[-1].again_at = datetime.now(UTC)

    def _hold(self, file: Path, seconds: float) -> None:
        """Nobody else can write for so long."""
        connection = sqlite3.connect(file, isolation_level=None, timeout=10)
        try:
            with suppress(sqlite3.OperationalError):  # never got it: others write all the time
                connection.execute("BEGIN EXCLUSIVE")
                self._over.wait(seconds)
                connection.execute("ROLLBACK")
        finally:
            connection.close()


def _end_connections(url: str) -> None:
    """Every connection of everybody else breaks, in the middle of what it does."""
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def deaths(killed: Sequence[Killed]) -> list[datetime]:
    """When Asterisk was killed."""
    return [one.at for one in killed if one.what == "asterisk"]


def died_between(killed: Sequence[Killed], began: datetime, ended: datetime) -> bool:
    """Whether Asterisk was dead at some moment between."""
    return any(one.at <= ended and (one.again_at or one.at) >= began for one in killed if one.what == "asterisk")
