"""Slows password guessing down: a limited number of attempts per key in a sliding window."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

_MAX_KEYS = 10_000
"""Attempts under made-up names must not fill the memory."""


class Throttle:
    """Counts attempts per key; `limit` attempts in `window` seconds, then the key waits."""

    def __init__(self, limit: int, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.window = window
        self._clock = clock
        self._attempts: dict[str, deque[float]] = {}
        self._lock = Lock()

    def attempt(self, key: str) -> float:
        """Note an attempt before it is tried, so that parallel ones count too; returns seconds to wait, 0 = go."""
        with self._lock:
            now = self._clock()
            recent = self._recent(key, now)
            if len(recent) >= self.limit:
                return recent[0] + self.window - now
            recent.append(now)
            return 0.0

    def forgive(self, key: str) -> None:
        """Take the attempt back that has just turned out to be right."""
        with self._lock:
            recent = self._recent(key, self._clock())
            if recent:
                recent.pop()
            if not recent:
                self._attempts.pop(key, None)

    def _recent(self, key: str, now: float) -> deque[float]:
        if key not in self._attempts and len(self._attempts) >= _MAX_KEYS:
            self._forget_old(now)
        recent = self._attempts.setdefault(key, deque())
        while recent and recent[0] <= now - self.window:
            recent.popleft()
        return recent

    def _forget_old(self, now: float) -> None:
        fresh = {key: times for key, times in self._attempts.items() if times and times[-1] > now - self.window}
        if len(fresh) >= _MAX_KEYS:
            fresh = dict(sorted(fresh.items(), key=lambda item: item[1][-1])[_MAX_KEYS // 2 :])
        self._attempts = fresh
