"""What became of the calls: one outcome each, so that the sums add up; connection rate (S32), service level (S33)."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calls.outcome import OFFERED
from ivr.hotline.model import ServiceLevel
from ivr.store.followup import Callback, Message
from ivr.store.models import OUTCOMES, Call, Outcome

_ASKED: tuple[Outcome, ...] = ("answered", "abandoned", "callback", "message", "timed_out")
"""Calls that asked for an agent while the queue was open: the denominator of S32."""


@dataclass(frozen=True)
class Share:
    """`count` of `of`; `percent` is None when there is nothing to divide by."""

    count: int
    of: int

    @property
    def percent(self) -> float | None:
        return round(100 * self.count / self.of, 2) if self.of else None

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "of": self.of, "percent": self.percent}


@dataclass
class Sums:
    """The calls of one queue, or of all. `outcomes` of every ended call, `offered` those that asked for a person.

    `reached`: callbacks whose customer answered. `in_time`, `judged`: numerator and denominator of S33, which counts
    answered calls, those given up after the short-abandon limit, and those that waited to the end in vain.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    offered: int = 0
    running: int = 0
    callbacks: Counter[str] = field(default_factory=Counter)
    in_time: int = 0
    judged: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether every offered call has exactly one of the outcomes an offered call may have."""
        return self.offered == sum(self.outcomes[outcome] for outcome in OFFERED)

    @property
    def connection_rate(self) -> Share:
        """S32: answered, also by a callback, of all that asked for an agent while the queue was open."""
        asked = sum(self.outcomes[outcome] for outcome in _ASKED)
        return Share(self.outcomes["answered"] + self.callbacks["answered"], asked)

    @property
    def service_level(self) -> Share:
        return Share(self.in_time, self.judged)

    def to_json(self) -> dict[str, Any]:
        return {
            "offered": self.offered,
            "adds_up": self.adds_up,
            "outcomes": {outcome: self.outcomes[outcome] for outcome in OUTCOMES},
            "running": self.running,
            "callbacks": dict(sorted(self.callbacks.items())),
            "connection_rate": self.connection_rate.to_json(),
            "service_level": self.service_level.to_json(),
        }


@dataclass(frozen=True)
class Counted:
    """What is counted of one call; `outcome` None: it runs."""

    queue: str | None
    outcome: Outcome | None
    offered: bool
    wait_seconds: float | None
    callback: str | None = None
    """The state of the callback that it asked for."""


@dataclass(frozen=True)
class Report:
    """All calls of a time, and those of each queue (None: asked for no queue)."""

    total: Sums
    queues: dict[str | None, Sums]
    level: ServiceLevel

    def to_json(self) -> dict[str, Any]:
        level = {"percent": self.level.percent, "seconds": self.level.seconds}
        return {
            "service_level_target": level | {"short_abandon_seconds": self.level.short_abandon_seconds},
            "total": self.total.to_json(),
            "queues": {queue or "": sums.to_json() for queue, sums in self.queues.items()},
        }


def report(
    session: Session, level: ServiceLevel, since: datetime | None = None, until: datetime | None = None
) -> Report:
    """The sums of the calls that began from `since` on and before `until`."""
    asked = (
        select(Call, Message.queue, Callback.queue, Callback.state)
        .outerjoin(Message, Message.call_id == Call.id)
        .outerjoin(Callback, Callback.id == Call.id)
        .where(Call.callback_of.is_(None))
    )
    if since is not None:
        asked = asked.where(Call.started_at >= since)
    if until is not None:
        asked = asked.where(Call.started_at < until)
    calls = [
        Counted(call.queue or message or callback, call.outcome, call.offered, call.wait_seconds, state)
        for call, message, callback, state in session.execute(asked)
        if call.direction == "inbound" or call.offered  # what agents dial among themselves is nobody's call to us
    ]
    return count(calls, level)


def count(calls: Iterable[Counted], level: ServiceLevel) -> Report:
    """The same from what is known of each call: pure."""
    total, queues = Sums(), defaultdict[str | None, Sums](Sums)
    for call in calls:
        for sums in (total, queues[call.queue]):
            _add(sums, call, level)
    return Report(total, dict(sorted(queues.items(), key=lambda item: item[0] or "")), level)


def _add(sums: Sums, call: Counted, level: ServiceLevel) -> None:
    if call.outcome is None:
        sums.running += 1
        return
    sums.outcomes[call.outcome] += 1
    sums.offered += call.offered
    if call.outcome == "callback":
        sums.callbacks[call.callback or "waiting"] += 1
    waited = call.wait_seconds or 0.0
    short = call.outcome == "abandoned" and waited < level.short_abandon_seconds
    if call.offered and call.outcome in ("answered", "abandoned", "timed_out") and not short:
        sums.judged += 1
        sums.in_time += call.outcome == "answered" and waited <= level.seconds
