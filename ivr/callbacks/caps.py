"""How often one number may ring because of us, whatever for: by surveys, queue callbacks and return calls together.

Callers who asked to be called back, and those whom we cut off (S10), are called whatever the caps and the do-not-call
list say, for they wait for us; MAX_DIALS of their own rule holds. Their dials count all the same, so that no survey
rings them beside. Whoever gave up waiting asked for nothing: they are rung within the caps, and not against their wish.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ivr.callbacks.attempts import AGENT_GONE, LOST, REFUSED
from ivr.cases.return_calls import calls_to
from ivr.hotline import Outbound
from ivr.store.among import among
from ivr.store.followup import Callback, CallbackAttempt
from ivr.store.surveys import ContactAttempt, DoNotCall

Cap = Literal["per_day", "per_5min"]

_SPANS: dict[Cap, timedelta] = {"per_day": timedelta(hours=24), "per_5min": timedelta(minutes=5)}
_MOST: dict[Cap, int] = {"per_day": 5, "per_5min": 3}
"""Whatever the business file says (a large platform's rule)."""
_CLAIMED_BEFORE = timedelta(hours=1)
"""An attempt is dialled, or lost, long before so much has passed since its claim."""
_NOBODY_RUNG = (LOST, REFUSED, AGENT_GONE)


@dataclass(frozen=True)
class Caps:
    """At most `per_day` dials to a number in 24 hours, and `per_5min` in five minutes."""

    per_day: int = _MOST["per_day"]
    per_5min: int = _MOST["per_5min"]

    @classmethod
    def of(cls, outbound: Outbound) -> "Caps":
        return cls(outbound.per_day, outbound.per_5min)

    def free_at(self, dials: Iterable[datetime]) -> tuple[datetime, Cap] | None:
        """From when on one more dial breaks no cap, and which of them has to be waited for; None: at any time."""
        latest = sorted(dials, reverse=True)
        waits: list[tuple[datetime, Cap]] = []
        wanted: dict[Cap, int] = {"per_day": self.per_day, "per_5min": self.per_5min}
        for cap, allowed in wanted.items():
            most = max(1, min(allowed, _MOST[cap]))
            if len(latest) >= most:
                waits.append((latest[most - 1] + _SPANS[cap], cap))
        return max(waits, default=None)


@dataclass(frozen=True)
class Dial:
    """Once that a number rang, at the latest then; `contact_id` None: for no survey."""

    at: datetime
    contact_id: str | None


def dials_to(session: Session, numbers: Collection[str], now: datetime) -> dict[str, list[Dial]]:
    """Every dial to each of these numbers in the last 24 hours. What may have been dialled counts as dialled: an
    Asterisk that dies takes its journal's last lines with it, so nobody knows of a lost attempt whether it rang."""
    found: dict[str, list[Dial]] = {number: [] for number in numbers}
    since = now - _SPANS["per_day"]
    contacts = select(ContactAttempt).where(
        among(session, ContactAttempt.number, numbers),
        ContactAttempt.claimed_at > since - _CLAIMED_BEFORE,
        or_(ContactAttempt.result.is_(None), ContactAttempt.result != "refused"),
    )
    for row in session.scalars(contacts):
        at = row.dialled_at or row.ended_at or row.claimed_at
        if at > since:
            found[row.number].append(Dial(at, row.contact_id))
    callbacks = (
        select(Callback.number, CallbackAttempt.ended_at)
        .join(CallbackAttempt, CallbackAttempt.callback_id == Callback.id)
        .where(
            among(session, Callback.number, numbers),
            CallbackAttempt.result.not_in(_NOBODY_RUNG),
            CallbackAttempt.ended_at > since,
        )
    )
    for number, ended_at in session.execute(callbacks):
        if ended_at is not None:
            found[number].append(Dial(ended_at, None))
    for call in calls_to(session, numbers, since - _CLAIMED_BEFORE):
        at = call.dialled_at or call.at
        if at > since and call.may_have_rung(now):
            found[call.number].append(Dial(at, None))
    return found


def being_rung(session: Session, numbers: Collection[str], now: datetime, but: str = "") -> set[str]:
    """Those of these numbers that ring, or may ring at any moment, or are talked to: an attempt is not over.

    `but`: the return call of this id left aside.
    """
    called_back = (
        select(Callback.number)
        .join(CallbackAttempt, CallbackAttempt.callback_id == Callback.id)
        .where(among(session, Callback.number, numbers), CallbackAttempt.result.is_(None))
    )
    return rung_otherwise(session, numbers, now, but) | set(session.scalars(called_back))


def rung_otherwise(session: Session, numbers: Collection[str], now: datetime, but: str = "") -> set[str]:
    """Those of these numbers that ring for a survey or a return call, or are talked to."""
    surveyed = select(ContactAttempt.number).where(
        among(session, ContactAttempt.number, numbers), ContactAttempt.result.is_(None)
    )
    wanted = (call for call in calls_to(session, numbers, now - _SPANS["per_day"]) if call.call_id != but)
    return {call.number for call in wanted if call.is_under_way(now)} | set(session.scalars(surveyed))


def listed_among(session: Session, numbers: Collection[str]) -> set[str]:
    """Those of these numbers (as they are dialled) that stand on the do-not-call list."""
    return set(session.scalars(select(DoNotCall.number).where(among(session, DoNotCall.number, numbers))))
