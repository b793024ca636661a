"""Contacts as pages and tables show them: which are meant, and what stands in a line."""

import datetime as dt
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
        """For a query that joins contact and visit."""
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
class Comment:
    """A spoken answer; `words` None: nobody has begun to write them down."""

    line: ContactLine
    answer: Answer
    words: Transcript | None


def chosen_contacts(*columns: Any, chosen: Chosen) -> Select[Any]:
    """A query of these columns for the chosen contacts and their visits."""
    joined = select(*columns).select_from(Contact).join(Visit, Visit.id == Contact.visit_id)
    return joined.where(*chosen.conditions())


def list_contacts(session: Session, chosen: Chosen, page: int = 1, per_page: int = 50) -> Page[ContactLine]:
    """The chosen contacts, whoever is worth looking at next first; those that are over follow, the latest first.

    A page out of range is empty.
    """
    total = session.scalar(chosen_contacts(func.count(), chosen=chosen)) or 0
    over = Contact.state.not_in(OPEN_STATES)
    order = (over, case((over, None), else_=Contact.next_at), func.coalesce(Contact.ended_at, Contact.next_at).desc())
    # Sorted by their ids alone: whole lines are dear to sort by the ten thousand.
    ids = chosen_contacts(Contact.id, chosen=chosen).order_by(*order, Contact.id)
    shown = session.scalars(ids.limit(per_page).offset((max(1, page) - 1) * per_page)).all()
    asked = _named(select(Contact, Visit, Customer.name, Customer.title).join(Visit, Visit.id == Contact.visit_id))
    lines = {row[0].id: ContactLine(*row) for row in session.execute(asked.where(Contact.id.in_(shown)))}
    return Page([lines[each] for each in shown if each in lines], max(1, page), per_page, total)


def list_comments(session: Session, chosen: Chosen, page: int = 1, per_page: int = 20) -> Page[Comment]:
    """What the chosen contacts' customers said after the tone, the latest first."""
    spoken = _spoken(chosen, func.count())
    total = session.scalar(spoken) or 0
    columns = (Contact, Visit, Customer.name, Customer.title, Answer, Transcript)
    asked = (
        _named(_spoken(chosen, *columns))
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


def _named(asked: Any) -> Select[Any]:
    named: Select[Any] = asked.join(Customer, Customer.id == Visit.customer_id)
    return named


def _matches(text: str) -> ColumnElement[bool]:
    plain = text.replace("\x00", "\ufffd")
    by_name = Visit.customer_id.in_(select(Customer.id).where(Customer.name.icontains(plain, autoescape=True)))
    digits = normalise(plain) or "".join(sign for sign in plain if sign in "0123456789")
    return or_(by_name, Contact.number.contains(digits)) if len(digits) >= _FEWEST_DIGITS else by_name
