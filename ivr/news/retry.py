"""Whether and when something that did not arrive is sent again: a rule that only reckons."""

import datetime as dt
from dataclasses import dataclass

WAITS_MINUTES = (1, 5, 15, 60, 240, 720)
"""After each failed attempt; when they are used up, it is given up (after some 17 hours)."""

LONGEST_HOURS = 24
"""No receiver may put us off longer."""


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed; `final`: another one would fail too; `again_after`: seconds the receiver asked for."""

    reason: str
    final: bool = False
    again_after: float | None = None


@dataclass(frozen=True)
class Decision:
    """When it is sent again, None: never; and why."""

    next_at: dt.datetime | None
    why: str


def after(failure: Failure, attempts: int, now: dt.datetime) -> Decision:
    """What to do after the `attempts`-th attempt failed."""
    if failure.final:
        return Decision(None, f"{failure.reason} (final)")
    if attempts > len(WAITS_MINUTES):
        return Decision(None, f"{failure.reason} (given up after {attempts} attempts)")
    wait = max(WAITS_MINUTES[attempts - 1] * 60.0, failure.again_after or 0.0)
    return Decision(now + dt.timedelta(seconds=min(wait, LONGEST_HOURS * 3600.0)), failure.reason)
