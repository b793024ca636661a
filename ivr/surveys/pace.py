"""So many calls a second, evenly: a token bucket that holds one token, and keeps the fraction of the next."""

BURST_SECONDS = 3.0
"""What a late look left undone is made up for, at most so many seconds' worth …"""
_CATCHING_UP = 2
"""… at so many times the rate."""


class Pace:
    """When the next call may begin. Moments are seconds of any one clock; the rate is calls a second.

    Kept as the moment from which on the next one is due (the virtual scheduling of ITU-T I.371): nothing is lost to
    rounding, however seldom anybody looks.
    """

    def __init__(self) -> None:
        self._due: float | None = None
        self._last = 0.0

    def wait(self, now: float, rate: float) -> float:
        """Seconds until a call may begin; 0 when it may now."""
        if self._due is None:
            return 0.0
        soonest = max(self._due, self._last + 1 / (_CATCHING_UP * rate))
        return min(max(0.0, soonest - now), 1 / rate)  # never longer: the clock may have been set back

    def take(self, now: float, rate: float) -> None:
        """A call begins now."""
        due = now if self._due is None else min(max(self._due, now - BURST_SECONDS), now)
        self._due, self._last = due + 1 / rate, now

    def idle(self, now: float) -> None:
        """Nobody has been waiting until now: idle time is not saved up for a burst."""
        if self._due is not None:
            self._due = max(self._due, now)
