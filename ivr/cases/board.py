"""The board of cases: which are meant, in what order, and counts that add up."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from ivr.calls.record import Page
from ivr.cases.deadlines import HEARD, HEARD_AT, NEXT_DEADLINE, overdue
from ivr.cases.record import CaseRecord, Reader, record_of
from ivr.customers.file import Entry
from ivr.store.customers import Customer
from ivr.store.followup import Case

OPEN, NEW, IN_HAND, ANSWERED, MINE, OVERDUE, ESCALATED, CLOSED = (
    *("open", "new", "in_hand", "answered"),
    *("mine", "overdue", "escalated", "closed"),
)
LANES = (NEW, IN_HAND, ANSWERED)
"""Every open case is in one of them: nobody has it; somebody has it; and the customer has heard from us."""
SHOWN = (OPEN, *LANES, MINE, OVERDUE, ESCALATED, CLOSED)
NOBODY = "-"
"""Stands for no owner, and for no department."""

_STILL = Case.state != "closed"


@dataclass(frozen=True)
class Chosen:
    """Which cases are meant; None (or empty) leaves a thing open. `shown` is one of SHOWN; `department` and `owner`
    may be NOBODY; `numbers` are whose cases they are too, beside `customer_id`."""

    shown: str | None = OPEN
    kinds: Collection[str] = ()
    department: str | None = None
    owner: str | None = None
    customer_id: int | None = None
    numbers: Collection[str] = ()

    def conditions(self, reader: Reader, now: dt.datetime) -> list[ColumnElement[bool]]:
        """For a query of cases."""
        wanted = [_shown(self.shown, reader.by, now)]
        if (own := reader.condition()) is not None:
            wanted.append(own)
        if self.kinds:
            wanted.append(Case.kind.in_(self.kinds))
        for column, value in ((Case.department, self.department), (Case.owner, self.owner)):
            if value is not None:
                wanted.append(column.is_(None) if value == NOBODY else column == value)
        if self.customer_id is not None:
            wanted.append(or_(Case.customer_id == self.customer_id, Case.number.in_(self.numbers)))
        return wanted


def list_cases(
    session: Session, reader: Reader, now: dt.datetime, chosen: Chosen = Chosen(), *, page: int = 1, per_page: int = 50
) -> Page[CaseRecord]:
    """Cases: those escalated first, then by what is to be kept next; closed ones the latest first, all the newest."""
    wanted = chosen.conditions(reader, now)
    total = session.scalar(select(func.count()).select_from(Case).where(*wanted)) or 0
    rows = session.execute(
        select(Case, HEARD_AT)
        .where(*wanted)
        .order_by(*_order(chosen.shown))
        .limit(per_page)
        .offset((max(1, page) - 1) * per_page)
    ).all()
    ids = {row.customer_id for row, _ in rows if row.customer_id is not None}
    names = {row.id: row for row in session.scalars(select(Customer).where(Customer.id.in_(ids)))}
    found = [record_of(row, heard_at, _named(names.get(row.customer_id or 0))) for row, heard_at in rows]
    return Page(found, max(1, page), per_page, total)


def count_cases(session: Session, reader: Reader, now: dt.datetime, chosen: Chosen) -> Mapping[str, int]:
    """How many there are of each of SHOWN, whatever `chosen.shown` says; those of LANES together are OPEN."""
    wanted = Chosen(None, chosen.kinds, chosen.department, chosen.owner, chosen.customer_id, chosen.numbers)
    sums = [func.sum(case((_shown(name, reader.by, now), 1), else_=0)).label(name) for name in SHOWN]
    row = session.execute(select(*sums).select_from(Case).where(*wanted.conditions(reader, now))).one()
    return {name: int(count or 0) for name, count in zip(SHOWN, row, strict=True)}


def owners(session: Session, reader: Reader) -> list[str]:
    """Who works on cases that are open."""
    wanted = [_STILL, Case.owner.is_not(None)]
    if (own := reader.condition()) is not None:
        wanted.append(own)
    return [str(owner) for owner in session.scalars(select(Case.owner).where(*wanted).distinct().order_by(Case.owner))]


def _shown(shown: str | None, by: str, now: dt.datetime) -> ColumnElement[bool]:
    if shown is None:
        return true()
    return {
        OPEN: _STILL,
        NEW: Case.state == "open",
        IN_HAND: and_(Case.state == "taken", ~HEARD),
        ANSWERED: and_(Case.state == "taken", HEARD),
        MINE: and_(_STILL, Case.owner == by),
        OVERDUE: overdue(now),
        ESCALATED: and_(_STILL, Case.escalated_at.is_not(None)),
        CLOSED: Case.state == "closed",
    }[shown]


def _order(shown: str | None) -> list[Any]:
    if shown == CLOSED:
        return [Case.closed_at.desc(), Case.id.desc()]
    if shown is None:
        return [Case.opened_at.desc(), Case.id.desc()]
    return [Case.escalated_at.is_(None), NEXT_DEADLINE, Case.id]


def _named(row: Customer | None) -> Entry | None:
    return Entry(name=row.name, surname=row.surname, title=row.title, key=row.key, id=row.id) if row else None
