"""What a customer has behind them with us (S23): calls by any of their numbers, visits, purchases."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from ivr.customers.file import Entry
from ivr.customers.numbers import delivered
from ivr.store.customers import Visit
from ivr.store.models import Call

SERVED_DAYS = 30
"""So long after a call its agent may open the customer's file (S24)."""


def calls_of(session: Session, entry: Entry, limit: int = 20) -> Sequence[Call]:
    """The customer's calls, the newest first."""
    return session.scalars(select(Call).where(_theirs(entry)).order_by(Call.started_at.desc()).limit(limit)).all()


def visits_of(session: Session, entry: Entry, limit: int = 20) -> Sequence[Visit]:
    """The customer's visits and purchases, the newest first, without those that were withdrawn."""
    theirs = (Visit.customer_id == entry.id, Visit.withdrawn_at.is_(None))
    asked = select(Visit).where(*theirs).order_by(Visit.at.desc(), Visit.id.desc())
    return session.scalars(asked.limit(limit)).all()


def served_by(session: Session, entry: Entry, agent: str, now: dt.datetime) -> bool:
    """Whether an agent has spoken with the customer lately."""
    since = now - dt.timedelta(days=SERVED_DAYS)
    asked = select(Call.id).where(_theirs(entry), Call.agent == agent, Call.started_at >= since)
    return session.scalar(asked.limit(1)) is not None


def _theirs(entry: Entry) -> ColumnElement[bool]:
    numbers = delivered(entry.numbers)
    return or_(Call.customer_id == entry.id, Call.caller.in_(numbers), Call.called.in_(numbers))
