"""One case as the page and the terminal read it, and who may."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from ivr.cases.acts import find
from ivr.cases.deadlines import HEARD_AT
from ivr.customers.file import Entry, get_customer
from ivr.news.outbox import origins
from ivr.store.followup import Callback, Case, CaseKind, CaseState, Message, News, Rating, WrapUpNote
from ivr.store.models import Transcript

KINDS: tuple[CaseKind, ...] = (
    *("message", "low_rating", "complaint", "missed_callback"),
    *("survey_low", "survey_complaint", "survey_person", "survey_time"),
)
FOR_AGENTS: tuple[CaseKind, ...] = ("message", "missed_callback", "survey_person")
"""What agents see of their own queues; a complaint or a bad answer may be about one of them (S24, S25)."""
TO_CHECK = "？"
"""Stands in a case's matter behind words that were not heard for sure: a person has to listen."""


@dataclass(frozen=True)
class Reader:
    """Who asks: `by` is the login; `queues` None sees every case, else those kinds of these queues, and the own."""

    by: str
    queues: frozenset[str] | None = None

    def condition(self) -> ColumnElement[bool] | None:
        if self.queues is None:
            return None
        return or_(Case.owner == self.by, and_(Case.kind.in_(FOR_AGENTS), Case.queue.in_(self.queues)))

    def may_see(self, case: "CaseRecord") -> bool:
        if self.queues is None or case.owner == self.by:
            return True
        return case.kind in FOR_AGENTS and case.queue in self.queues


@dataclass(frozen=True)
class NewsRecord:
    """How the news of a case fared on a channel; `next_at` while it is still tried."""

    channel: str
    origin: str
    state: str
    attempts: int
    next_at: dt.datetime
    error: str | None


@dataclass(frozen=True)
class CaseRecord:
    """A case with all that whoever works on it needs to know.

    `heard_at`: when the customer first heard from us about it; None: not yet.
    """

    id: int
    kind: CaseKind
    origin: str
    state: CaseState
    call_id: str | None
    number: str
    queue: str | None
    key: bool
    matter: str
    opened_at: dt.datetime
    due_at: dt.datetime
    owner: str | None
    outcome: str
    closed_at: dt.datetime | None
    department: str | None = None
    resolve_by: dt.datetime | None = None
    escalated_at: dt.datetime | None = None
    contact_id: str | None = None
    heard_at: dt.datetime | None = None
    customer: Entry | None = None
    message: Message | None = None
    said: Transcript | None = None
    score: int | None = None
    callback: Callback | None = None
    notes: Sequence[WrapUpNote] = ()
    news: Sequence[NewsRecord] = field(default_factory=tuple)

    @property
    def reference(self) -> str:
        """How the journal names it (ivr.cases.acts.reference)."""
        return f"{self.kind}:{self.origin}"

    @property
    def deadline(self) -> dt.datetime:
        """What is to be kept next: the customer's first hearing from us, then that it is put right."""
        return self.due_at if self.heard_at is None else self.resolve_by or self.due_at

    @property
    def to_check(self) -> bool:
        """Whether it was opened on words that were not heard for sure."""
        return self.kind == "survey_complaint" and self.matter.endswith(TO_CHECK)

    @property
    def escalated(self) -> bool:
        return self.state != "closed" and self.escalated_at is not None

    def overdue(self, now: dt.datetime) -> bool:
        """Whether it is open beyond either of its times."""
        unheard = self.heard_at is None and self.due_at <= now
        return self.state != "closed" and (unheard or (self.resolve_by is not None and self.resolve_by <= now))

    def to_json(self) -> dict[str, Any]:
        """The JSON of `ivr cases --json`; moments in ISO 8601, UTC."""
        names = ("id", "kind", "state", "call_id", "number", "queue", "key", "matter", "department", "owner", "outcome")
        moments = ("opened_at", "due_at", "resolve_by", "heard_at", "escalated_at", "closed_at")
        return {name: getattr(self, name) for name in (*names, "contact_id")} | {
            name: at.isoformat() if (at := getattr(self, name)) else None for name in moments
        }


def get_case(session: Session, case_id: int) -> CaseRecord:
    """One case with its message, words, rating, notes, customer and news; raises CaseNotFound."""
    row = find(session, case_id)
    call_id = row.call_id or ""
    rating = session.get(Rating, call_id)
    notes = select(WrapUpNote).where(WrapUpNote.call_id == call_id).order_by(WrapUpNote.written_at)
    told = select(News).where(News.origin.in_(origins(row.id).values())).order_by(News.id)
    return record_of(
        row,
        session.scalar(select(HEARD_AT).select_from(Case).where(Case.id == row.id)),
        get_customer(session, row.customer_id) if row.customer_id is not None else None,
        message=session.get(Message, call_id),
        said=session.get(Transcript, message_leg(call_id)),
        score=rating.score if rating else None,
        callback=session.get(Callback, call_id),
        notes=session.scalars(notes).all(),
        news=[
            NewsRecord(each.channel, each.origin, each.state, each.attempts, each.next_at, each.error)
            for each in session.scalars(told)
        ],
    )


def message_leg(call_id: str) -> str:
    """The id under which a message's words are kept (ivr.store.models.leg_id, role "message")."""
    return f"{call_id}-message"


def undelivered(session: Session) -> int:
    """How much news was given up."""
    return session.scalar(select(func.count()).select_from(News).where(News.state == "failed")) or 0


def record_of(row: Case, heard_at: dt.datetime | None, customer: Entry | None, **more: Any) -> CaseRecord:
    """A row as a record."""
    return CaseRecord(
        id=row.id,
        kind=cast(CaseKind, row.kind),
        origin=row.origin,
        state=cast(CaseState, row.state),
        call_id=row.call_id,
        number=row.number,
        queue=row.queue,
        key=row.key,
        matter=row.matter,
        opened_at=row.opened_at,
        due_at=row.due_at,
        owner=row.owner,
        outcome=row.outcome,
        closed_at=row.closed_at,
        department=row.department,
        resolve_by=row.resolve_by,
        escalated_at=row.escalated_at,
        contact_id=row.contact_id,
        heard_at=heard_at,
        customer=customer,
        **more,
    )
