"""How long callers keep agents, from the end of Asterisk's queue_log: what an expected wait is reckoned with."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ivr.calls.queue_log import read_queue_log

_TAIL = 64 * 1024
"""Bytes at the end of the file that are looked at: some hundred calls."""
TALKS = 30
"""The latest talks of a queue that count."""
WAITS = 60
"""The latest waits that tell how patient callers are."""
_ENOUGH = 3
"""Fewer talks than these say nothing about the next one."""
_KEPT_SECONDS = 30.0


@dataclass
class History:
    """A queue's latest calls. `talks`: seconds of ring and talk; `waits`: seconds waited, and whether given up."""

    talks: deque[float] = field(default_factory=lambda: deque(maxlen=TALKS))
    waits: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=WAITS))

    @property
    def pace(self) -> float | None:
        """Seconds a caller keeps an agent; None when too few talks have been."""
        return sum(self.talks) / len(self.talks) if len(self.talks) >= _ENOUGH else None

    @property
    def patience(self) -> float | None:
        """Seconds of waiting for each caller who gave up: how long callers wait on average; None when nobody has."""
        given_up = sum(gone for _, gone in self.waits)
        return sum(seconds for seconds, _ in self.waits) / given_up if given_up >= _ENOUGH else None


def histories(lines: bytes) -> dict[str, History]:
    """The latest calls of each queue in a queue_log."""
    found: dict[str, History] = {}
    rang: dict[str | None, float] = {}
    events, _ = read_queue_log(lines)
    for _, event in events:
        queue, args = event.data.get("queue"), event.data.get("args", [])
        if not queue:
            continue
        history = found.setdefault(queue, History())
        match event.kind, [float(arg) if arg.isdecimal() else None for arg in args]:
            case "CONNECT", [float(waited), _, float(ring), *_]:
                rang[event.channel_id] = ring
                history.waits.append((waited, False))
            case "COMPLETEAGENT" | "COMPLETECALLER", [_, float(talk), *_]:
                history.talks.append(rang.pop(event.channel_id, 0.0) + talk)
            case "ABANDON", [_, _, float(waited), *_]:
                history.waits.append((waited, True))
    return found


class TalkTimes:
    """What queues' latest calls tell, read again at most twice a minute."""

    def __init__(self, queue_log: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = queue_log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._histories: dict[str, History] = {}

    def __call__(self, queue: str) -> float | None:
        """Ring and talk of a queue's calls in seconds; None when too few have been."""
        return self._history(queue).pace

    def patience(self, queue: str) -> float | None:
        """Seconds a queue's callers wait before giving up, on average; None when hardly anybody gives up."""
        return self._history(queue).patience

    def _history(self, queue: str) -> History:
        with self._lock:
            now = self._monotonic()
            if self._read_at is None or now - self._read_at >= _KEPT_SECONDS:
                self._read_at, self._histories = now, histories(self._tail())
            return self._histories.get(queue, History())

    def _tail(self) -> bytes:
        try:
            with self._file.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _TAIL))
                tail = file.read()
        except OSError:
            return b""
        # A line that begins before the tail is torn.
        return tail if size <= _TAIL else tail.partition(b"\n")[2]
