"""What callers would have been told as they joined, by our estimate and by Asterisk's, and how long they waited."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ivr.calls.queue_log import parse_queue_line
from ivr.calls.talk_times import History
from ivr.calls.waiting import expected_wait


@dataclass(frozen=True)
class Told:
    """One answered caller who had to wait: seconds as they were, by us, and by Asterisk."""

    waited: float
    ours: float
    asterisk: float


@dataclass
class Replay:
    """A queue's state as its log tells it."""

    wrap_up: int = 0
    told: list[Told] = field(default_factory=list)
    _waiting: dict[str, float] = field(default_factory=dict)
    _guess: dict[str, tuple[float, float]] = field(default_factory=dict)
    _on_duty: set[str] = field(default_factory=set)
    _paused: set[str] = field(default_factory=set)
    _busy: dict[str, str] = field(default_factory=dict)
    _ready_at: dict[str, float] = field(default_factory=dict)
    _history: History = field(default_factory=History)
    _rang: dict[str, float] = field(default_factory=dict)
    _holdtime: int | None = None

    def read(self, lines: Iterable[str]) -> list[Told]:
        for line in lines:
            event = parse_queue_line(line.encode())
            if event.at is not None:
                self._take(event.at.timestamp(), event.kind, str(event.channel_id), event.data)
        return self.told

    def _take(self, at: float, kind: str, caller: str, data: dict[str, object]) -> None:
        agent, args = str(data.get("agent")), data.get("args", [])
        assert isinstance(args, list)
        match kind:
            case "ADDMEMBER":
                self._on_duty.add(agent)
            case "REMOVEMEMBER":
                self._on_duty.discard(agent)
            case "PAUSE":
                self._paused.add(agent)
            case "UNPAUSE":
                self._paused.discard(agent)
            case "ENTERQUEUE":
                self._join(at, caller)
            case "CONNECT":
                self._connect(at, caller, agent, float(args[2]))
            case "COMPLETEAGENT" | "COMPLETECALLER":
                self._history.talks.append(self._rang.pop(caller, 0.0) + float(args[1]))
                self._busy.pop(caller, None)
                self._ready_at[agent] = at + self.wrap_up
            case _ if kind in ("ABANDON", "EXITWITHTIMEOUT", "EXITWITHKEY"):
                joined = self._waiting.pop(caller, at)
                if kind == "ABANDON":
                    self._history.waits.append((at - joined, True))

    def _join(self, at: float, caller: str) -> None:
        working = self._on_duty - self._paused
        busy = len(set(self._busy.values()))
        wrapping = sum(self._ready_at.get(agent, 0) > at for agent in working - set(self._busy.values()))
        free = max(0, len(working) - busy - wrapping)
        pace = self._history.pace
        pace = None if pace is None else pace + self.wrap_up
        ours = expected_wait(len(self._waiting), free, busy + wrapping, pace, self._history.patience)
        self._waiting[caller] = at
        if ours and self._holdtime is not None:  # who is told nothing is not asked about
            self._guess[caller] = (ours, float(self._holdtime))

    def _connect(self, at: float, caller: str, agent: str, rang: float) -> None:
        joined = self._waiting.pop(caller, at)
        waited = at - joined
        self._history.waits.append((waited, False))
        # app_queue.c, recalc_holdtime.
        self._holdtime = int(waited) if self._holdtime is None else (self._holdtime * 3 + int(waited)) >> 2
        self._busy[caller] = agent
        self._rang[caller] = rang
        if caller in self._guess:
            ours, asterisk = self._guess.pop(caller)
            self.told.append(Told(waited, ours, asterisk))
