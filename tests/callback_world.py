"""A telephone system for callbacks that behaves: keeps its journal, guards its line as the dialplan does, and dies."""

import contextlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from ivr.callbacks.attempts import attempt_call_id
from ivr.callbacks.dialler import Dialler
from ivr.callbacks.line import Place
from ivr.callbacks.projection import apply
from ivr.calls.ingest import Ingestor
from ivr.calls.journal import Journal
from ivr.hotline import Hotline
from ivr.settings import StatePaths
from ivr.store.session import Store
from ivr.telephony.control import AsteriskUnreachable


class Killed(BaseException):
    """kill -9: no except clause of the killed program sees it."""


class World:
    """One hotline's telephone system, its clock, its journal, and the customers' phones."""

    def __init__(self, paths: StatePaths, store: Store, hotline: Hotline, now: datetime) -> None:
        paths.create()
        self.paths, self.store, self.hotline, self.now = paths, store, hotline, now
        self.places: dict[str, Place] = {}
        self.placed: dict[str, int] = {}
        """What Asterisk's own database remembers of each callback: the last attempt; it outlives a crash."""
        self.answered: set[str] = set()
        self.rung: list[tuple[str, str, datetime]] = []
        """What the customers' side noticed: (callback, number, when)."""
        self.kill: Callable[[str], None] = lambda point: None
        self.unreachable = False
        self.journal = Journal(paths.journal / "flow.jsonl", now=lambda: self.now)
        self.start_programs()
        self.queue_log("NONE|NONE|NONE|QUEUESTART|")

    def start_programs(self) -> None:
        """Ingestion and the dialler as they are after a start: with nothing in memory."""
        self.ingestor = Ingestor(self.paths, self.store, lambda: self.now, followers=[apply])
        clock = {"now": lambda: self.now, "sleep": lambda seconds: None}
        self.dialler = Dialler(self.paths, self.store, self, lambda: self.hotline, self.journal, **clock)

    # ---- time and programs -----------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def tick(self, *, ingest: bool = True) -> None:
        """A second of everybody's work."""
        self.pass_time(1)
        if ingest:
            self.ingestor.once()
        self.dialler.tick()
        if ingest:
            self.ingestor.once()

    def tick_and_die(self, point: str) -> None:
        """The dialler is killed at `point` (before or after Asterisk hears of the place), and started again."""

        def kill(reached: str) -> None:
            if reached == point:
                raise Killed

        self.kill = kill
        with contextlib.suppress(Killed):
            self.tick()
        self.kill = lambda reached: None
        self.start_programs()

    # ---- what the dialler asks of Asterisk -------------------------------------------------------------------

    def take(self, place: Place) -> None:
        self.kill("before")
        if self.unreachable:
            raise AsteriskUnreachable("Asterisk does not answer.")
        call_id = attempt_call_id(place.callback_id, place.attempt)
        stands = any(other.callback_id == place.callback_id for other in self.places.values())
        if stands or self.placed.get(place.callback_id, 0) >= place.attempt or place.callback_id in self.answered:
            if call_id not in self.places:
                self._cel("CALLBACK_RESULT", call_id, f"{place.callback_id}/{place.attempt}/REFUSED")
                self._cel("LINKEDID_END", call_id)
            return
        self.placed[place.callback_id] = place.attempt
        self.places[call_id] = place
        self._cel("CHAN_START", call_id)
        self._cel("CALLBACK_PLACE", call_id, f"{place.callback_id}/{place.attempt}")
        self.kill("after")

    def standing(self) -> set[str]:
        if self.unreachable:
            raise AsteriskUnreachable("Asterisk does not answer.")
        return set(self.places)

    def withdraw(self, call_id: str) -> None:
        if self.places.pop(call_id, None) is not None:
            self._cel("LINKEDID_END", call_id)

    # ---- what happens in it ----------------------------------------------------------------------------------

    def next_in_line(self) -> str | None:
        """The call of the place that the next free agent gets."""
        ordered = sorted(self.places, key=lambda one: (-self.places[one].priority, self.places[one].joined_at))
        return ordered[0] if ordered else None

    def agent_is_free(self, status: str) -> Place | None:
        """An agent takes the next place and hears who it is; the customer is dialled, and this becomes of it."""
        call_id = self.next_in_line()
        if call_id is None:
            return None
        place = self.places.pop(call_id)
        self._cel("CALLBACK_DIALLED", call_id, f"{place.callback_id}/{place.attempt}")
        self.rung.append((place.callback_id, place.number, self.now))
        if status == "ANSWER":
            self.answered.add(place.callback_id)
        if status != "CRASH":
            self._cel("CALLBACK_RESULT", call_id, f"{place.callback_id}/{place.attempt}/{status}")
            self.pass_time(1)
            self._cel("LINKEDID_END", call_id)
        else:
            self.crash()
        return place

    def crash(self) -> None:
        """Asterisk dies and starts again."""
        self.places.clear()
        self.pass_time(1)
        self.queue_log("NONE|NONE|NONE|QUEUESTART|")

    def call(self, call_id: str, number: str) -> None:
        """Somebody calls the hotline."""
        self._cel("CHAN_START", call_id, number=number, channel="PJSIP/trunk-sample-1")
        self._cel("ANSWER", call_id, number=number, channel="PJSIP/trunk-sample-1")

    def request(self, call_id: str, number: str, **facts: object) -> None:
        """They have a callback noted and put the phone down."""
        self.call(call_id, number)
        usual = {"queue": "service", "language": "zh-CN", "reason": "requested", "matter": "投诉建议", "priority": 0}
        joined = {"joined_at": int(self.now.timestamp())}
        self.journal.write(call_id, "callback.requested", **{"number": number, **usual, **joined, **facts})
        self.end(call_id)

    def answer(self, call_id: str, number: str) -> None:
        """An agent takes a caller who waits on the phone."""
        self.queue_log(f"{call_id}|service|NONE|ENTERQUEUE||{number}|1")
        self.queue_log(f"{call_id}|service|1001|CONNECT|3|{call_id}9|1")

    def end(self, call_id: str) -> None:
        self._cel("HANGUP", call_id, channel="PJSIP/trunk-sample-1")
        self._cel("LINKEDID_END", call_id)

    def queue_log(self, line: str) -> None:
        self._append("queue_log", f"{int(self.now.timestamp())}|{line}\n")

    def _cel(self, kind: str, call_id: str, told: str = "", *, number: str = "", channel: str = "Local/s@x;1") -> None:
        extra = json.dumps({"extra": told}).replace('"', '""') if told else ""
        fields = (kind, f"{self.now.timestamp():.6f}", call_id, call_id, channel, number, "s", "x", "", "", extra)
        self._append("cel-custom/cel.csv", ",".join(f'"{field}"' for field in fields) + "\n")

    def _append(self, name: str, text: str) -> None:
        file: Path = self.paths.journal / name
        with file.open("a") as out:
            out.write(text)

    def rings_of(self, callback_id: str) -> int:
        return sum(rung == callback_id for rung, _, _ in self.rung)

    def run(self, statuses: Iterable[str], ticks: int = 200) -> None:
        """Let agents be free again and again, with these answers of the customers, until nothing is left to do."""
        answers = iter(statuses)
        for _ in range(ticks):
            self.tick()
            if self.places:
                self.agent_is_free(next(answers, "ANSWER"))
            else:
                self.pass_time(60)
