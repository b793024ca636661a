"""Contacts as pages and tables show them: which are meant, and what stands in a line."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from ivr.calls.record import Page
from ivr.customers.numbers import normalise
from ivr.store.customers import Customer, Visit
from ivr.store.models import Transcript
from ivr.store.surveys import OPEN_STATES, Answer, Contact, comment_leg
from ivr.surveys.funnel import Stage, stage_at

OPEN = "open"
"""Stands for the states in which a contact is still to be reached."""
_FEWEST_DIGITS = 3
_AT_A_TIME = 500


@dataclass(frozen=True)
class Chosen:
    """Which contacts are meant; None (or empty) leaves a thing open. `state` may be OPEN; `since` (inclusive) and
    `until` (exclusive) are about the end of the visit; `by` is who served; `text` a part of a name or number; `stage`
    the last one a contact has got to by `now`."""

    survey: str | None = None
    state: str | None = None
    reason: str | None = None
    by: str | None = None
    kind: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    text: str | None = None
    stage: Stage | None = None
    now: dt.datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query that joins contact, visit and customer."""
        wanted: list[ColumnElement[bool]] = []
        same = ((Contact.survey, self.survey), (Contact.reason, self.reason), (Visit.by, self.by))
        wanted += [column == value for column, value in (*same, (Visit.kind, self.kind)) if value is not None]
        if self.state is not None:
            wanted.append(Contact.state.in_(OPEN_STATES) if self.state == OPEN else Contact.state == self.state)
        if self.since is not None:
            wanted.append(Visit.at >= self.since)
        if self.until is not None:
            wanted.append(Visit.at < self.until)
        if self.stage is not None and self.now is not None:
            wanted.append(stage_at(self.now) == self.stage)
        if self.text:
            wanted.append(_matches(self.text))
        return wanted


@dataclass(frozen=True)
class ContactLine:
    """A contact with whom and what it is about."""

    contact: Contact
    visit: Visit
    name: str
    title: str


@dataclass(frozen=True)
class Given:
    """An answer: `value` as keyed; of a comment `words` instead, empty until they are written down."""

    question: str
    value: str
    words: str
    given_at: dt.datetime


@dataclass(frozen=True)
class Comment:
    """A spoken answer; `words` None: nobody has begun to write them down."""

    line: ContactLine
    answer: Answer
    words: Transcript | None


def chosen_contacts(*columns: Any, chosen: Chosen) -> Select[Any]:
    """A query of these columns for the chosen contacts, their visits and customers."""
    joined = select(*columns).select_from(Contact).join(Visit, Visit.id == Contact.visit_id)
    return joined.join(Customer, Customer.id == Visit.customer_id).where(*chosen.conditions())


def list_contacts(session: Session, chosen: Chosen, page: int = 1, per_page: int = 50) -> Page[ContactLine]:
    """The chosen contacts, whoever is worth looking at next first; those that are over follow, the latest first.

    A page out of range is empty.
    """
    total = session.scalar(chosen_contacts(func.count(), chosen=chosen)) or 0
    rows = session.execute(_lines(chosen).limit(per_page).offset((max(1, page) - 1) * per_page))
    return Page([ContactLine(*row) for row in rows], max(1, page), per_page, total)


def every_contact(session: Session, chosen: Chosen) -> Iterator[ContactLine]:
    """All chosen contacts in the same order, read as they are asked for."""
    rows = session.execute(_lines(chosen).execution_options(yield_per=_AT_A_TIME))
    return (ContactLine(*row) for row in rows)


def every_answer(session: Session, chosen: Chosen) -> Iterator[tuple[ContactLine, Given]]:
    """All answers of the chosen contacts, in the contacts' order, a contact's one after the other."""
    asked = (
        _lines(chosen)
        .join(Answer, Answer.contact_id == Contact.id)
        .outerjoin(Transcript, Transcript.leg_id == comment_leg(Answer.call_id, Answer.question))
        .add_columns(Answer.question, Answer.value, func.coalesce(Transcript.text, ""), Answer.given_at)
        .order_by(Answer.given_at, Answer.question)
        .execution_options(yield_per=_AT_A_TIME)
    )
    return ((ContactLine(*row[:4]), Given(*row[4:])) for row in session.execute(asked))


def list_comments(session: Session, chosen: Chosen, page: int = 1, per_page: int = 20) -> Page[Comment]:
    """What the chosen contacts' customers said after the tone, the latest first."""
    spoken = _spoken(chosen, func.count())
    total = session.scalar(spoken) or 0
    columns = (Contact, Visit, Customer.name, Customer.title, Answer, Transcript)
    asked = (
        _spoken(chosen, *columns)
        .outerjoin(Transcript, Transcript.leg_id == comment_leg(Answer.call_id, Answer.question))
        .order_by(Answer.given_at.desc(), Answer.contact_id, Answer.question)
        .limit(per_page)
        .offset((max(1, page) - 1) * per_page)
    )
    found = [Comment(ContactLine(*row[:4]), row[4], row[5]) for row in session.execute(asked)]
    return Page(found, max(1, page), per_page, total)


def reasons(session: Session, survey: str) -> list[str]:
    """The reasons that stand with a survey's contacts now."""
    return list(session.scalars(select(Contact.reason).where(Contact.survey == survey).distinct().order_by("reason")))


def served(session: Session, survey: str) -> tuple[list[str], list[str]]:
    """Who served on the visits that a survey asks about, and the visits' kinds."""
    of = select(Contact.visit_id).where(Contact.survey == survey)
    found = session.execute(select(Visit.by, Visit.kind).where(Visit.id.in_(of)).distinct()).all()
    return sorted({by for by, _ in found if by}), sorted({kind for _, kind in found})


def _spoken(chosen: Chosen, *columns: Any) -> Select[Any]:
    joined = chosen_contacts(*columns, chosen=chosen).join(Answer, Answer.contact_id == Contact.id)
    return joined.where(Answer.recording.is_not(None))


def _lines(chosen: Chosen) -> Select[Any]:
    over = Contact.state.not_in(OPEN_STATES)
    ended = func.coalesce(Contact.ended_at, Contact.next_at)
    columns = (Contact, Visit, Customer.name, Customer.title)
    soonest = case((over, None), else_=Contact.next_at)
    return chosen_contacts(*columns, chosen=chosen).order_by(over, soonest, ended.desc(), Contact.id)


def _matches(text: str) -> ColumnElement[bool]:
    plain = text.replace("\x00", "\ufffd")
    by_name = Customer.name.icontains(plain, autoescape=True)
    digits = normalise(plain) or "".join(sign for sign in plain if sign in "0123456789")
    return or_(by_name, Contact.number.contains(digits)) if len(digits) >= _FEWEST_DIGITS else by_name
