"""The customer file (S23): reading it, writing it, and finding whose a number is."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from ivr.calls.record import Page
from ivr.customers.names import surname_of
from ivr.customers.numbers import normalise
from ivr.errors import FieldError, IvrError
from ivr.hotline import Language
from ivr.store.customers import Customer, CustomerNumber
from ivr.store.followup import Case
from ivr.store.models import Call
from ivr.store.session import Store
from ivr.tables.cells import plain_text

TITLES = ("先生", "女士")
LANGUAGES: tuple[str, ...] = get_args(Language)
MAX_NAME = 64
MAX_NOTES = 4000
MAX_NUMBERS = 10
_TICK = dt.timedelta(microseconds=1)


class CustomerNotFound(IvrError):
    """No customer has this id."""


@dataclass(frozen=True)
class Entry:
    """A customer as entered and shown; `numbers` as `normalise` writes them, `id` None before it is kept."""

    name: str = ""
    surname: str = ""
    title: str = ""
    numbers: tuple[str, ...] = ()
    birth_year: int | None = None
    elder: bool = False
    key: bool = False
    blocked: bool = False
    agent: str | None = None
    language: str | None = None
    notes: str = ""
    id: int | None = None
    updated_at: dt.datetime | None = field(default=None, compare=False)

    @property
    def addressed(self) -> str:
        """Surname and title, as the caller is addressed (S2); the whole name where one is unknown."""
        return f"{self.surname}{self.title}" if self.surname and self.title else self.name


def check(entry: Entry, *, agents: Collection[str], year: int) -> Entry:
    """The entry as it may be kept: trimmed, numbers in one form, surname filled in. Raises FieldError.

    `agents` are the work numbers there are; `year` is this year.
    """
    name, surname = plain_text(entry.name, "name", MAX_NAME), plain_text(entry.surname, "surname", MAX_NAME)
    notes = plain_text(entry.notes, "notes", MAX_NOTES, lines=True)
    if not name and not surname:
        raise FieldError("name", "missing", "A customer needs a name.", "enter a name")
    if entry.title not in ("", *TITLES):
        raise FieldError("title", "unknown", "The title is not known.", f"allowed: {', '.join(TITLES)}, or none")
    if entry.birth_year is not None and not year - 130 <= entry.birth_year <= year:
        raise FieldError("birth_year", "range", "The birth year is not one.", f"allowed: {year - 130} to {year}")
    if entry.agent is not None and entry.agent not in agents:
        raise FieldError("agent", "unknown", "There is no such agent.", f"allowed: {', '.join(sorted(agents))}")
    if entry.language is not None and entry.language not in LANGUAGES:
        raise FieldError("language", "unknown", "The language is not spoken.", f"allowed: {', '.join(LANGUAGES)}")
    surname = surname or surname_of(name)
    return replace(entry, name=name, surname=surname, notes=notes, numbers=_numbers(entry.numbers))


def _numbers(raw: Iterable[str]) -> tuple[str, ...]:
    found: list[str] = []
    for each in raw:
        number = normalise(each)
        if number is None:
            raise FieldError("numbers", "number", f"“{each[:30]}” is no number.", "digits, 3 to 20 of them")
        if number not in found:
            found.append(number)
    if not found:
        raise FieldError("numbers", "missing", "A customer needs a number.", "enter one they call from")
    if len(found) > MAX_NUMBERS:
        raise FieldError("numbers", "many", f"There are more than {MAX_NUMBERS} numbers.", "leave the old ones out")
    return tuple(found)


# ---- reading ---------------------------------------------------------------------------------------------


def get_customer(session: Session, customer_id: int) -> Entry:
    """One customer's file; raises CustomerNotFound."""
    row = session.get(Customer, customer_id)
    if row is None:
        raise CustomerNotFound("There is no customer with this id.", "`ivr customers list` lists them")
    return _entries(session, [row])[0]


def customer_by_number(session: Session, number: str | None) -> Entry | None:
    """Whose number it is, however it is written; None for a stranger's."""
    plain = normalise(number or "")
    owner = session.get(CustomerNumber, plain) if plain else None
    return get_customer(session, owner.customer_id) if owner else None


def customers_by_id(session: Session, ids: Collection[int]) -> dict[int, Entry]:
    """The files of these customers, by id; who is not there is left out."""
    rows = session.scalars(select(Customer).where(Customer.id.in_(ids))).all()
    return {row.id: entry for row, entry in zip(rows, _entries(session, rows), strict=True)}


def customers_by_number(session: Session, numbers: Collection[str]) -> dict[str, Entry]:
    """Whose these numbers (as `normalise` writes them) are; strangers' are left out."""
    asked = select(CustomerNumber.number, CustomerNumber.customer_id).where(CustomerNumber.number.in_(numbers))
    owners = {row.number: row.customer_id for row in session.execute(asked)}
    found = customers_by_id(session, set(owners.values()))
    return {number: found[customer] for number, customer in owners.items()}


def list_customers(
    session: Session,
    *,
    text: str | None = None,
    key: bool | None = None,
    blocked: bool | None = None,
    page: int = 1,
    per_page: int = 50,
) -> Page[Entry]:
    """Customers by name; `text` is a part of the name or of a number. A page out of range is empty."""
    wanted: list[ColumnElement[bool]] = []
    if text:
        wanted.append(_matches(text.replace("\x00", "\ufffd")))
    if key is not None:
        wanted.append(Customer.key.is_(key))
    if blocked is not None:
        wanted.append(Customer.blocked.is_(blocked))
    total = session.scalar(select(func.count()).select_from(Customer).where(*wanted)) or 0
    order = select(Customer).where(*wanted).order_by(Customer.name, Customer.id)
    rows = session.scalars(order.limit(per_page).offset((max(1, page) - 1) * per_page)).all()
    return Page(_entries(session, rows), max(1, page), per_page, total)


def _matches(text: str) -> ColumnElement[bool]:
    by_name = Customer.name.icontains(text, autoescape=True)
    digits = normalise(text) or "".join(sign for sign in text if sign in "0123456789")
    if len(digits) < 3:
        return by_name
    having = select(CustomerNumber.customer_id).where(CustomerNumber.number.contains(digits, autoescape=True))
    return or_(by_name, Customer.id.in_(having))


def _entries(session: Session, rows: Sequence[Customer]) -> list[Entry]:
    numbers: dict[int, list[str]] = {}
    asked = select(CustomerNumber).where(CustomerNumber.customer_id.in_([row.id for row in rows]))
    for each in session.scalars(asked.order_by(CustomerNumber.number)):
        numbers.setdefault(each.customer_id, []).append(each.number)
    return [_entry(row, tuple(numbers.get(row.id, []))) for row in rows]


def _entry(row: Customer, numbers: tuple[str, ...]) -> Entry:
    return Entry(
        name=row.name,
        surname=row.surname,
        title=row.title,
        numbers=numbers,
        birth_year=row.birth_year,
        elder=row.elder,
        key=row.key,
        blocked=row.blocked,
        agent=row.agent,
        language=row.language,
        notes=row.notes,
        id=row.id,
        updated_at=row.updated_at,
    )


# ---- writing ---------------------------------------------------------------------------------------------


def keep(store: Store, session: Session, entry: Entry, now: dt.datetime) -> int:
    """Write a checked entry: a new customer, or all of the one with its id; returns the id.

    Within the caller's write transaction. Raises FieldError when a number is another customer's,
    CustomerNotFound.
    """
    store.lock(session, "customers")
    row = Customer() if entry.id is None else session.get(Customer, entry.id)
    if row is None:
        raise CustomerNotFound("There is no customer with this id.", "`ivr customers list` lists them")
    taken = select(CustomerNumber.number).where(CustomerNumber.number.in_(entry.numbers))
    if entry.id is not None:
        taken = taken.where(CustomerNumber.customer_id != entry.id)
    if session.scalar(taken.limit(1)) is not None:
        raise FieldError("numbers", "taken", "A number is another customer's.", "correct it there first")
    _fill(row, entry, _later(session, now))
    session.add(row)
    session.flush()
    here = set(session.scalars(select(CustomerNumber.number).where(CustomerNumber.customer_id == row.id)))
    session.execute(delete(CustomerNumber).where(CustomerNumber.number.in_(here - set(entry.numbers))))
    session.add_all(CustomerNumber(number=each, customer_id=row.id) for each in entry.numbers if each not in here)
    session.flush()
    return row.id


def add_new(store: Store, session: Session, entries: Sequence[Entry], now: dt.datetime) -> list[int]:
    """Write checked entries of new customers whose numbers are nobody's yet, all at once; returns their ids in order.

    Within the caller's write transaction, in which the numbers were looked up under the same lock.
    """
    if not entries:
        return []
    store.lock(session, "customers")
    later, rows = _later(session, now), [Customer() for _ in entries]
    for row, entry in zip(rows, entries, strict=True):
        _fill(row, entry, later)
    session.add_all(rows)
    session.flush()
    numbers = [(number, row.id) for row, entry in zip(rows, entries, strict=True) for number in entry.numbers]
    session.add_all(CustomerNumber(number=number, customer_id=owner) for number, owner in numbers)
    session.flush()
    return [row.id for row in rows]


def _fill(row: Customer, entry: Entry, updated_at: dt.datetime) -> None:
    for name in ("name", "surname", "title", "birth_year", "elder", "key", "blocked", "agent", "language", "notes"):
        setattr(row, name, getattr(entry, name))
    row.updated_at = updated_at


def remove(store: Store, session: Session, customer_id: int) -> None:
    """Forget a customer, as they may ask (PIPL art. 47); their calls stay as calls of a number. Raises
    CustomerNotFound."""
    store.lock(session, "customers")
    row = session.get(Customer, customer_id)
    if row is None:
        raise CustomerNotFound("There is no customer with this id.", "`ivr customers list` lists them")
    session.execute(update(Case).where(Case.customer_id == customer_id).values(customer_id=None))
    session.execute(update(Call).where(Call.customer_id == customer_id).values(customer_id=None))
    session.execute(delete(CustomerNumber).where(CustomerNumber.customer_id == customer_id))
    session.delete(row)


def _later(session: Session, now: dt.datetime) -> dt.datetime:
    """`now`, or just after the latest change: each change is seen to be later than all before it."""
    latest = session.scalar(select(func.max(Customer.updated_at)))
    return now if latest is None or latest < now else latest + _TICK
