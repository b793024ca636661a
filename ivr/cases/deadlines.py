"""The two deadlines of a case (S25): by when the customer must have heard from us, and by when it is put right."""

import datetime as dt
from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from ivr.calls.journal import Journal
from ivr.cases.acts import ESCALATED, write
from ivr.cases.rules import LAST_CALL, remind_at
from ivr.hotline import Hotline
from ivr.news.outbox import Event, announce, channels
from ivr.store.followup import Case, News
from ivr.store.models import Call
from ivr.store.session import Store

_AT_ONCE = 100
_STILL = Case.state != "closed"

# A call that calls back the one the case began with, and reached the customer since.
_HEARD = and_(Call.callback_of == Case.call_id, Call.answered_at >= Case.opened_at)
HEARD_AT: ColumnElement[dt.datetime | None] = (
    select(func.min(Call.answered_at)).where(_HEARD).correlate(Case).scalar_subquery()
)
"""When the customer first heard from us; None: not yet."""
HEARD: ColumnElement[bool] = select(Call.id).where(_HEARD).correlate(Case).exists()
NEXT_DEADLINE: ColumnElement[dt.datetime] = case(
    (HEARD, func.coalesce(Case.resolve_by, Case.due_at)), else_=Case.due_at
)
"""What those who work on it have to keep next."""


def overdue(now: dt.datetime) -> ColumnElement[bool]:
    """Open beyond either of its times."""
    return and_(_STILL, or_(and_(Case.due_at <= now, ~HEARD), Case.resolve_by <= now))


def remind(store: Store, journal: Journal, hotline: Hotline, now: dt.datetime) -> int:
    """Tell once of every case whose customer should have heard from us, or whose time to be put right runs out, and
    escalate what has not been put right in time; returns of how many. Raises StoreUnavailable, OSError."""
    return (
        _escalate(store, journal, hotline, now)
        + _tell(store, "overdue", hotline, now, _unheard)
        + _tell(store, "resolve_soon", hotline, now, _running_out)
    )


Find = Callable[[Session, dt.datetime, ColumnElement[bool]], Sequence[Case]]


def _unheard(session: Session, now: dt.datetime, untold: ColumnElement[bool]) -> Sequence[Case]:
    return session.scalars(select(Case).where(_STILL, Case.due_at <= now, ~HEARD, untold).limit(_AT_ONCE)).all()


def _running_out(session: Session, now: dt.datetime, untold: ColumnElement[bool]) -> Sequence[Case]:
    soon = and_(Case.resolve_by > now, Case.resolve_by <= now + LAST_CALL)
    rows = session.scalars(select(Case).where(_STILL, soon, untold))
    return [row for row in rows if row.resolve_by and remind_at(row.opened_at, row.resolve_by) <= now]


def _tell(store: Store, event: Event, hotline: Hotline, now: dt.datetime, find: Find) -> int:
    if not channels(hotline):
        return 0
    untold = ~select(News.id).where(News.origin == literal(f"{event}:") + cast(Case.id, Text)).exists()
    with store.read() as session:  # most looks find nothing and must not keep a writer waiting
        if not find(session, now, untold):
            return 0
    with store.write() as session:
        store.lock(session, "cases")
        cases = find(session, now, untold)
        for each in cases:
            announce(session, each, event, hotline, now)
    return len(cases)


def _escalate(store: Store, journal: Journal, hotline: Hotline, now: dt.datetime) -> int:
    late = select(Case).where(_STILL, Case.resolve_by <= now, Case.escalated_at.is_(None)).limit(_AT_ONCE)
    with store.read() as session:
        if session.scalar(late) is None:
            return 0
    with store.write() as session:
        store.lock(session, "cases")
        cases = session.scalars(late).all()
        for each in cases:
            write(journal, each, ESCALATED, now)
            announce(session, each, "escalated", hotline, now)
    return len(cases)
