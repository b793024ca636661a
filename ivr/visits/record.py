"""Visits as pages and commands show them."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from ivr.calls.events import clean
from ivr.calls.record import Page
from ivr.customers.numbers import normalise
from ivr.store.customers import Customer, CustomerNumber, Visit
from ivr.store.surveys import Contact

_FEWEST_DIGITS = 3
_MOST_CHOICES = 200


@dataclass(frozen=True)
class Chosen:
    """Which visits are meant; None leaves a thing open. `since` (inclusive) and `until` (exclusive) are about the
    visit's end; `text` is a part of its id, or of the customer's name or number."""

    kind: str | None = None
    by: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    text: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query that joins visit and customer."""
        same = ((Visit.kind, self.kind), (Visit.by, self.by))
        wanted: list[ColumnElement[bool]] = [column == value for column, value in same if value is not None]
        if self.since is not None:
            wanted.append(Visit.at >= self.since)
        if self.until is not None:
            wanted.append(Visit.at < self.until)
        if self.text:
            wanted.append(_matches(self.text))
        return wanted


@dataclass(frozen=True)
class VisitLine:
    """A visit with its customer, and with the contacts by which the customer is asked about it."""

    visit: Visit
    name: str
    title: str
    key: bool
    contacts: Sequence[Contact] = ()

    def to_json(self) -> dict[str, object]:
        """For programs, in the words in which it was sent."""
        row = self.visit
        return {
            "external_id": row.external_id,
            "customer_id": row.customer_id,
            "name": self.name,
            "title": self.title,
            "number": row.number,
            "kind": row.kind,
            "ended_at": row.at.isoformat(),
            "by": row.by,
            "language": row.language,
            "key": self.key,
            "consent": row.consent,
            "notes": row.notes,
            "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at else None,
        }


def list_visits(session: Session, chosen: Chosen, page: int = 1, per_page: int = 50) -> Page[VisitLine]:
    """The chosen visits, the latest first. A page out of range is empty."""
    of = select(func.count()).select_from(Visit).join(Customer, Customer.id == Visit.customer_id)
    total = session.scalar(of.where(*chosen.conditions())) or 0
    rows = session.execute(
        select(Visit, func.coalesce(func.nullif(Customer.name, ""), Customer.surname), Customer.title, Customer.key)
        .join(Customer, Customer.id == Visit.customer_id)
        .where(*chosen.conditions())
        .order_by(Visit.at.desc(), Visit.id.desc())
        .limit(per_page)
        .offset((max(1, page) - 1) * per_page)
    )
    lines = [VisitLine(*row) for row in rows]
    contacts = _contacts(session, [line.visit.id for line in lines])
    found = [replace(line, contacts=contacts.get(line.visit.id, ())) for line in lines]
    return Page(found, max(1, page), per_page, total)


def kinds_and_servers(session: Session) -> tuple[list[str], list[str]]:
    """The kinds of visits there are, and who served on them: the choices of a filter."""
    found = [
        session.scalars(select(column).where(column != "").distinct().order_by(column).limit(_MOST_CHOICES)).all()
        for column in (Visit.kind, Visit.by)
    ]
    return list(found[0]), list(found[1])


def _contacts(session: Session, visits: Collection[int]) -> dict[int, list[Contact]]:
    found: dict[int, list[Contact]] = {}
    for contact in session.scalars(select(Contact).where(Contact.visit_id.in_(visits)).order_by(Contact.survey)):
        found.setdefault(contact.visit_id, []).append(contact)
    return found


def _matches(text: str) -> ColumnElement[bool]:
    plain = clean(text)
    ways = [Visit.external_id.icontains(plain, autoescape=True), Customer.name.icontains(plain, autoescape=True)]
    digits = normalise(plain) or "".join(sign for sign in plain if sign in "0123456789")
    if len(digits) >= _FEWEST_DIGITS:
        having = select(CustomerNumber.customer_id).where(CustomerNumber.number.contains(digits, autoescape=True))
        ways += [Visit.number.contains(digits, autoescape=True), Visit.customer_id.in_(having)]
    return or_(*ways)
