"""Whose turn it is: the first open contacts in the dialler's order, read by index however many there are."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ivr.hotline import Hotline
from ivr.store.surveys import Contact
from ivr.surveys.campaigns import running
from ivr.surveys.rule import KEPT_PROMISE, order_key


def next_in_turn(session: Session, hotline: Hotline, now: datetime, limit: int) -> list[Contact]:
    """The first contacts of running campaigns that are worth looking at now, in the order of `order_key`."""
    surveys = running(session, hotline)
    found: dict[str, Contact] = {}
    due = select(Contact).where(Contact.state == "planned", Contact.next_at <= now)
    agreed = due.where(Contact.survey.in_(surveys), Contact.last_result == "later", Contact.agreed_at <= now)
    for row in session.scalars(agreed.order_by(Contact.agreed_at).limit(limit)):
        found[row.id] = row
    for survey in surveys:
        for key in (True, False):
            of_class = due.where(Contact.survey == survey, Contact.key == key)
            for row in session.scalars(of_class.order_by(Contact.next_at, Contact.due_at).limit(limit)):
                found[row.id] = row
    ordered = sorted(found.values(), key=lambda row: order_key(row.key, is_agreed(row), row.next_at, row.due_at))
    return ordered[:limit]


def is_agreed(row: Contact) -> bool:
    """Whether the customer chose the time of the next attempt."""
    return row.last_result == "later"


def out_of_time(session: Session, now: datetime, limit: int) -> Sequence[Contact]:
    """Open contacts that it is too late for, whatever their campaign does."""
    no_promise = or_(Contact.agreed_at.is_(None), Contact.agreed_at <= now - KEPT_PROMISE)
    late = select(Contact).where(Contact.state == "planned", Contact.expires_at <= now, Contact.next_at <= now)
    return session.scalars(late.where(no_promise).order_by(Contact.expires_at).limit(limit)).all()


def is_any_due(session: Session, hotline: Hotline, now: datetime) -> bool:
    """Whether there is anything to look at."""
    return bool(next_in_turn(session, hotline, now, 1) or out_of_time(session, now, 1))
