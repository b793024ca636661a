"""Cases as the page and the terminal read them."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from ivr.calls.record import Page
from ivr.cases.acts import CaseNotFound
from ivr.customers.file import Entry, get_customer
from ivr.store.customers import Customer
from ivr.store.followup import Callback, Case, CaseKind, CaseState, Message, News, Rating, WrapUpNote
from ivr.store.models import Transcript

OPEN, OVERDUE, CLOSED, MINE = "open", "overdue", "closed", "mine"
SHOWN = (OPEN, MINE, OVERDUE, CLOSED)
KINDS: tuple[CaseKind, ...] = ("message", "low_rating", "complaint", "missed_callback")
FOR_AGENTS: tuple[CaseKind, ...] = ("message", "missed_callback")
"""What agents see of their own queues; a complaint or a low rating may be about one of them (S24, S25)."""


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
    """A case with all that whoever works on it needs to know."""

    id: int
    kind: CaseKind
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
    customer: Entry | None = None
    message: Message | None = None
    said: Transcript | None = None
    score: int | None = None
    callback: Callback | None = None
    notes: Sequence[WrapUpNote] = ()
    news: Sequence[NewsRecord] = field(default_factory=tuple)

    def overdue(self, now: dt.datetime) -> bool:
        return self.state != "closed" and self.due_at <= now

    def to_json(self) -> dict[str, Any]:
        """The JSON of `ivr cases --json`; moments in ISO 8601, UTC."""
        names = ("id", "kind", "state", "call_id", "number", "queue", "key", "matter", "owner", "outcome")
        moments = {"opened_at": self.opened_at, "due_at": self.due_at, "closed_at": self.closed_at}
        return {name: getattr(self, name) for name in names} | {
            name: at.isoformat() if at else None for name, at in moments.items()
        }


def list_cases(
    session: Session,
    reader: Reader,
    now: dt.datetime,
    *,
    shown: str | None = OPEN,
    kinds: Collection[str] = (),
    customer_id: int | None = None,
    numbers: Collection[str] = (),
    page: int = 1,
    per_page: int = 50,
) -> Page[CaseRecord]:
    """Cases, the most urgent first (closed ones: the latest first); `shown` is one of SHOWN, None for all."""
    wanted = [condition for condition in (reader.condition(), _shown(shown, reader.by, now)) if condition is not None]
    if kinds:
        wanted.append(Case.kind.in_(kinds))
    if customer_id is not None:
        wanted.append(or_(Case.customer_id == customer_id, Case.number.in_(numbers)))
    total = session.scalar(select(func.count()).select_from(Case).where(*wanted)) or 0
    order = (Case.due_at, Case.id) if shown in (OPEN, MINE, OVERDUE) else (Case.opened_at.desc(), Case.id.desc())
    rows = session.scalars(
        select(Case).where(*wanted).order_by(*order).limit(per_page).offset((max(1, page) - 1) * per_page)
    ).all()
    ids = {row.customer_id for row in rows if row.customer_id is not None}
    names = {row.id: row for row in session.scalars(select(Customer).where(Customer.id.in_(ids)))}
    return Page([_record(row, _named(names.get(row.customer_id or 0))) for row in rows], max(1, page), per_page, total)


def _shown(shown: str | None, by: str, now: dt.datetime) -> ColumnElement[bool] | None:
    if shown == CLOSED:
        return Case.state == "closed"
    if shown is None:
        return None
    still = Case.state != "closed"
    return {OVERDUE: and_(still, Case.due_at <= now), MINE: and_(still, Case.owner == by)}.get(shown, still)


def _named(row: Customer | None) -> Entry | None:
    return Entry(name=row.name, surname=row.surname, title=row.title, key=row.key, id=row.id) if row else None


def get_case(session: Session, case_id: int) -> CaseRecord:
    """One case with its message, words, rating, notes, customer and news; raises CaseNotFound."""
    row = session.get(Case, case_id)
    if row is None:
        raise CaseNotFound("There is no case with this id.", "`ivr cases list` lists them")
    call_id = row.call_id or ""
    rating = session.get(Rating, call_id)
    notes = select(WrapUpNote).where(WrapUpNote.call_id == call_id).order_by(WrapUpNote.written_at)
    told = select(News).where(News.origin.in_([f"case:{row.id}", f"overdue:{row.id}"])).order_by(News.id)
    return _record(
        row,
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


def _record(row: Case, customer: Entry | None, **more: Any) -> CaseRecord:
    return CaseRecord(
        id=row.id,
        kind=cast(CaseKind, row.kind),
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
        customer=customer,
        **more,
    )
