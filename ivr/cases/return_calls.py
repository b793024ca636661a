"""Return calls on a case (S25): an agent's phone rings, then the customer's. What the journal tells of each of them.

The call's id is `rc<case>-<second>`, known before anything rings; see dialplan/return_call.j2.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calls.events import Event
from ivr.store.models import JournalEvent

CALLED = "case.called"
"""Somebody wants the customer called: `case` its reference, `of` the call it began with, `by` the login, `agent` whose
phone rings, `number`."""
NOT_PLACED = "case.call_failed"
"""The telephone system would not: nobody's phone rang."""
DIALLED, RESULT = "RETURN_CALL_DIALLED", "RETURN_CALL_RESULT"
"""The dialplan's own (CEL): the customer is rung (the number in `extra`); what became of it (DIALSTATUS in `extra`, or
REFUSED: the dialplan would not, AGENT_GONE: the agent put the phone down before)."""
ANSWERED, REFUSED, AGENT_GONE = "ANSWER", "REFUSED", "AGENT_GONE"
ENDED = "LINKEDID_END"

Stage = Literal[
    # under way
    "agent_rings",
    "agent_hears",  # who it is, and why
    "customer_rings",
    "talking",
    # over
    "talked",
    "busy",
    "no_answer",
    "not_reached",
    "agent_did_not_answer",
    "agent_hung_up",
    "refused",
    "not_placed",
    "unknown",  # nobody could write down what became of it
]
UNDER_WAY: tuple[Stage, ...] = ("agent_rings", "agent_hears", "customer_rings", "talking")

_CALL_ID = re.compile(r"rc[0-9a-f]{16}-\d{10,}")
_TOLD = (NOT_PLACED, DIALLED, RESULT, ENDED, "ANSWER")
_OUTCOMES: dict[str, Stage] = {
    "BUSY": "busy",
    "NOANSWER": "no_answer",
    REFUSED: "refused",
    AGENT_GONE: "agent_hung_up",
    "CANCEL": "agent_hung_up",
}
_RINGS_AT_MOST = timedelta(minutes=3)
"""The agent's phone, what the agent hears, and the customer's phone; then something is lost."""
_TALKS_AT_MOST = timedelta(hours=12)


@dataclass(frozen=True)
class ReturnCall:
    """One return call; moments are None as long as something has not happened."""

    call_id: str
    case: str
    agent: str
    by: str
    number: str
    at: datetime
    picked_up_at: datetime | None = None
    dialled_at: datetime | None = None
    ended_at: datetime | None = None
    result: str | None = None

    def stage(self, now: datetime) -> Stage:
        """How far it is."""
        if self.result == ANSWERED:
            return "talking" if self.ended_at is None and now - self.at < _TALKS_AT_MOST else "talked"
        if self.result is not None:
            return _OUTCOMES.get(self.result, "not_placed" if self.result == NOT_PLACED else "not_reached")
        if self.ended_at is not None:
            return "agent_did_not_answer" if self.picked_up_at is None else "unknown"
        if now - self.at > _RINGS_AT_MOST:
            return "unknown"
        if self.dialled_at is not None:
            return "customer_rings"
        return "agent_rings" if self.picked_up_at is None else "agent_hears"

    def may_have_rung(self, now: datetime) -> bool:
        """Whether the customer's phone rang, or may be about to: what the caps of a number count."""
        return self.dialled_at is not None or self.is_under_way(now)

    def is_under_way(self, now: datetime) -> bool:
        return self.stage(now) in UNDER_WAY


def return_call_id(case: str, now: datetime) -> str:
    """The id of a call on the case of this reference that is placed now: Asterisk makes no two channels of one id."""
    return f"rc{hashlib.sha256(case.encode()).hexdigest()[:16]}-{int(now.timestamp())}"


def is_return_call(call_id: str) -> bool:
    """Whether a call bears such an id."""
    return _CALL_ID.fullmatch(call_id) is not None


def calls_of_case(session: Session, case: str, since: datetime) -> list[ReturnCall]:
    """All return calls on the case of this reference, in order; it was opened at `since`."""
    return _read(session, [row for row in _wanted(session, since) if row.data.get("case") == case])


def calls_to(session: Session, numbers: Collection[str], since: datetime) -> list[ReturnCall]:
    """All return calls to these numbers since a moment, in order."""
    return _read(session, [row for row in _wanted(session, since) if row.data.get("number") in numbers])


def _wanted(session: Session, since: datetime) -> Sequence[JournalEvent]:
    asked = select(JournalEvent).where(JournalEvent.kind == CALLED, JournalEvent.at >= since)
    return session.scalars(asked.order_by(JournalEvent.at, JournalEvent.position)).all()


def _read(session: Session, wanted: Sequence[JournalEvent]) -> list[ReturnCall]:
    ids = [row.call_id for row in wanted if row.call_id]
    rows = session.scalars(
        select(JournalEvent)
        .where(JournalEvent.call_id.in_(ids), JournalEvent.kind.in_(_TOLD), JournalEvent.at.is_not(None))
        .order_by(JournalEvent.at)
    ).all()
    told = [Event(row.source, row.kind, row.at, row.call_id, row.channel_id, row.data) for row in rows]  # type: ignore[arg-type]
    return [
        read_return_call(
            Event("flow", row.kind, row.at, row.call_id, data=row.data), [e for e in told if e.call_id == row.call_id]
        )
        for row in wanted
        if row.call_id and row.at
    ]


def read_return_call(called: Event, events: Iterable[Event]) -> ReturnCall:
    """The call that somebody wanted, from the events of that call in order of time. Pure."""
    told = list(events)
    assert called.at is not None  # events without a moment tell of no call
    return ReturnCall(
        call_id=str(called.call_id),
        **{name: str(called.data.get(name) or "") for name in ("case", "agent", "by", "number")},
        at=called.at,
        picked_up_at=_first(told, "ANSWER"),
        dialled_at=_first(told, DIALLED),
        ended_at=_first(told, ENDED),
        result=_result(told),
    )


def _result(told: Sequence[Event]) -> str | None:
    """The customer's answer counts before all."""
    if any(event.kind == NOT_PLACED for event in told):
        return NOT_PLACED
    results = [str(event.data.get("extra", {}).get("extra", "")) for event in told if event.kind == RESULT]
    return ANSWERED if ANSWERED in results else next(iter(results), None)


def _first(told: Sequence[Event], kind: str) -> datetime | None:
    return next((event.at for event in told if event.kind == kind and event.at), None)
