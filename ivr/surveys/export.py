"""Contacts and answers line by line, as tables for other programs have them: by the ten thousand, read as needed."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func
from sqlalchemy.orm import Session

from ivr.store.customers import Customer, Visit
from ivr.store.models import Transcript
from ivr.store.surveys import Answer, AttemptResult, Contact, ContactState, comment_leg
from ivr.surveys.contacts import Chosen, chosen_contacts

_AT_A_TIME = 1000


@dataclass(frozen=True)
class Whom:
    """Who was asked, and about which visit."""

    contact_id: str
    name: str
    title: str
    number: str
    visit: str
    kind: str
    by: str
    visited_at: dt.datetime


@dataclass(frozen=True)
class Progress:
    """How far a contact has come."""

    state: ContactState
    reason: str
    attempts: int
    last_result: AttemptResult | None
    due_at: dt.datetime
    next_at: dt.datetime
    reached_at: dt.datetime | None
    ended_at: dt.datetime | None


@dataclass(frozen=True)
class Given:
    """An answer: `value` as keyed; of a comment `words` instead, empty until they are written down."""

    question: str
    value: str
    words: str
    given_at: dt.datetime


_WHOM = (
    *(Contact.id, Customer.name, Customer.title, Contact.number),
    *(Visit.external_id, Visit.kind, Visit.by, Visit.at),
)
_PROGRESS = (
    *(Contact.state, Contact.reason, Contact.attempts, Contact.last_result),
    *(Contact.due_at, Contact.next_at, Contact.reached_at, Contact.ended_at),
)


def every_contact(session: Session, chosen: Chosen) -> Iterator[tuple[Whom, Progress]]:
    """All chosen contacts by the day they were due, read as they are asked for."""
    for row in session.execute(_in_order(chosen, *_PROGRESS)):
        yield Whom(*row[: len(_WHOM)]), Progress(*row[len(_WHOM) :])


def every_answer(session: Session, chosen: Chosen) -> Iterator[tuple[Whom, Given]]:
    """All answers of the chosen contacts in the same order, a contact's one after the other."""
    asked = (
        _in_order(chosen, Answer.question, Answer.value, func.coalesce(Transcript.text, ""), Answer.given_at)
        .join(Answer, Answer.contact_id == Contact.id)
        .outerjoin(Transcript, Transcript.leg_id == comment_leg(Answer.call_id, Answer.question))
        .order_by(Answer.given_at, Answer.question)
    )
    for row in session.execute(asked):
        yield Whom(*row[: len(_WHOM)]), Given(*row[len(_WHOM) :])


def _in_order(chosen: Chosen, *more: Any) -> Select[Any]:
    named = chosen_contacts(*_WHOM, *more, chosen=chosen).join(Customer, Customer.id == Visit.customer_id)
    return named.order_by(Contact.due_at, Contact.id).execution_options(yield_per=_AT_A_TIME)
