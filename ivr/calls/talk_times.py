"""How long talks last, from the end of Asterisk's queue_log: what an expected wait is reckoned with."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from ivr.calls.queue_log import read_queue_log

_TAIL = 64 * 1024
"""Bytes at the end of the file that are looked at: some hundred calls."""
_TALKS = 30
"""The latest talks of a queue that count."""
_ENOUGH = 3
"""Fewer talks than these say nothing about the next one."""
_KEPT_SECONDS = 30.0

_COMPLETED = ("COMPLETEAGENT", "COMPLETECALLER")


def mean_talk_seconds(lines: bytes) -> dict[str, float]:
    """Mean seconds of the latest talks per queue, for queues with enough of them."""
    talks: dict[str, list[int]] = {}
    events, _ = read_queue_log(lines)
    for _, event in events:
        args = event.data.get("args", [])
        queue = event.data.get("queue")
        if event.kind in _COMPLETED and queue and len(args) > 1 and args[1].isdigit():
            talks.setdefault(queue, []).append(int(args[1]))
    latest = {queue: seconds[-_TALKS:] for queue, seconds in talks.items()}
    return {queue: sum(seconds) / len(seconds) for queue, seconds in latest.items() if len(seconds) >= _ENOUGH}


class TalkTimes:
    """Mean talk seconds per queue, read again at most twice a minute."""

    def __init__(self, queue_log: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = queue_log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_at: float | None = None
        self._means: dict[str, float] = {}

    def __call__(self, queue: str) -> float | None:
        """Mean talk of a queue in seconds; None when too few have been."""
        with self._lock:
            now = self._monotonic()
            if self._read_at is None or now - self._read_at >= _KEPT_SECONDS:
                self._read_at, self._means = now, mean_talk_seconds(self._tail())
            return self._means.get(queue)

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
