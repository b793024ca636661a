"""The rules of fair callbacks, as pure functions that say why: who is next, and what to do with one now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ivr.callbacks.attempts import ANSWERED, Attempt
from ivr.hotline import Hours

Step = Literal["place", "wait", "give_up"]

MAX_DIALS = 5
"""A number rings at most so often for one callback, whoever's fault it was (a large platform's rule for a day)."""
KEPT = timedelta(days=10)
"""Longer than any public holiday; then a person has to look into it."""
OUR_FAULT = ("CANCEL", "UNKNOWN")
"""Dialled, but not the customer's choice: our agent or our system was gone. It counts for MAX_DIALS only."""

_SOON = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True)
class Decision:
    """What to do with a callback now, and why; `at`: when it is worth looking again (None: at any time)."""

    step: Step
    reason: str
    at: datetime | None = None


@dataclass(frozen=True)
class Circumstances:
    """What counts beside the attempts: the queue's doors, the allowed hours, and whether they are calling us now.

    `being_rung`: by a survey. `do_not_call`, `capped_until`: for those who did not ask for a call; whoever asked, or
    was cut off by us, waits for us and is called (ivr.callbacks.caps).
    """

    now: datetime
    requested_at: datetime
    queue_open: bool
    on_the_line: bool
    window: str
    zone: ZoneInfo
    retry_minutes: Sequence[float]
    being_rung: bool = False
    do_not_call: bool = False
    capped_until: datetime | None = None


def line_order(priority: int, joined_at: datetime, callback_id: str) -> tuple[int, datetime, str]:
    """The key that sorts callbacks as the line does: class first, then who joined first."""
    return -priority, joined_at, callback_id


def decide(attempts: Sequence[Attempt], here: Circumstances) -> Decision:
    """The next step of a callback none of whose attempts is under way."""
    dialled = [attempt for attempt in attempts if attempt.dialled_at is not None]
    if any(attempt.result == ANSWERED for attempt in attempts):
        return Decision("wait", "answered")
    if here.do_not_call:
        return Decision("give_up", "the number is on the do-not-call list")
    given_up = _given_up(dialled, here)
    if given_up:
        return Decision("give_up", given_up)
    due = _due(attempts, dialled, here)
    if due is not None and due > here.now:
        return Decision("wait", "pause after the last attempt", due)
    if here.on_the_line:
        return Decision("wait", "the customer is calling us")
    if here.being_rung:
        return Decision("wait", "the customer's phone rings for a survey")
    if here.capped_until is not None and here.capped_until > here.now:
        return Decision("wait", "the number was dialled often enough", here.capped_until)
    if not in_window(here.window, here.zone, here.now):
        return Decision("wait", f"outside {here.window}", next_opening(here.window, here.zone, here.now))
    if not here.queue_open:
        return Decision("wait", "the queue is closed")
    return Decision("place", "the place in line is free to be taken")


def in_window(window: str, zone: ZoneInfo, now: datetime) -> bool:
    """Whether customers may be dialled now, in the business's wall clock."""
    return Hours.parse({"mon-sun": window}).is_open(now.astimezone(zone))


def next_opening(window: str, zone: ZoneInfo, now: datetime) -> datetime:
    """When the window opens next."""
    local = now.astimezone(zone)
    hour, minute = map(int, window.partition("-")[0].split(":"))
    opens = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return opens if opens > local else opens + timedelta(days=1)


def _given_up(dialled: Sequence[Attempt], here: Circumstances) -> str | None:
    missed = [attempt for attempt in dialled if attempt.result not in OUR_FAULT]
    if len(missed) > len(here.retry_minutes):
        return "every attempt missed the customer"
    if len(dialled) >= MAX_DIALS:
        return "dialled too often"
    if here.now - here.requested_at > KEPT:
        return "too old"
    return None


def _due(attempts: Sequence[Attempt], dialled: Sequence[Attempt], here: Circumstances) -> datetime | None:
    """When the pause after the last attempt is over."""
    last = attempts[-1] if attempts else None
    if last is None or last.ended_at is None:
        return None
    rung = dialled[-1] if dialled else None
    after = [attempt for attempt in attempts if rung is None or attempt.number > rung.number]
    # Places that came to nothing: the customer noticed nothing, so soon again, but never in a tight circle.
    soon = last.ended_at + min(_LONGEST_PAUSE, timedelta(seconds=2 ** min(len(after), 20))) if after else None
    if rung is None or rung.ended_at is None:
        return soon
    missed = [attempt for attempt in dialled if attempt.result not in OUR_FAULT]
    pause = _SOON if rung.result in OUR_FAULT or not missed else timedelta(minutes=here.retry_minutes[len(missed) - 1])
    return max(rung.ended_at + pause, soon or rung.ended_at)
