"""The list of numbers that we never ring unasked: it counts at once, and whoever put a number on it is known."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import false, func, select
from sqlalchemy.orm import Session

from ivr.callbacks.caps import listed_among
from ivr.callbacks.numbers import callable_number
from ivr.calls.journal import Journal
from ivr.calls.record import Page
from ivr.errors import IvrError
from ivr.store.session import Store
from ivr.store.surveys import DoNotCall
from ivr.surveys.events import DO_NOT_CALL, MAY_CALL
from ivr.surveys.ids import number_id

_PER_TRANSACTION = 500


class NoSuchNumber(IvrError):
    """It is no number that we could ring, or it does not stand on the list."""


@dataclass(frozen=True)
class Imported:
    """What became of a list: numbers added, those that stood there already, and (line, text) of what is none."""

    added: int = 0
    known: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


def add(store: Store, journal: Journal, number: str, *, reason: str, by: str) -> str:
    """Put a number on the list; returns it as it is dialled. `reason`: key, page, api, command.

    Raises NoSuchNumber, StoreUnavailable, OSError.
    """
    known = _checked(number)
    with store.write() as session:
        store.lock(session, "ingest")
        if session.get(DoNotCall, known) is None:
            _put(session, journal, known, reason, by)
    return known


def remove(store: Store, journal: Journal, number: str, *, by: str) -> str:
    """Take a number off the list; returns it. Raises NoSuchNumber, StoreUnavailable, OSError."""
    known = _checked(number)
    with store.write() as session:
        store.lock(session, "ingest")
        row = session.get(DoNotCall, known)
        if row is None:
            raise NoSuchNumber("The number is not on the list.", "`ivr do-not-call list` shows those that are")
        journal.write(number_id(known), MAY_CALL, number=known, by=by)
        session.delete(row)
    return known


def import_numbers(store: Store, journal: Journal, lines: Iterable[str], *, reason: str, by: str) -> Imported:
    """Put the numbers of a list on it, one a line; empty lines are none. What is no number is told, the rest taken.

    Raises StoreUnavailable, OSError; what is on the list by then stays there.
    """
    wanted: dict[str, None] = {}
    bad: list[tuple[int, str]] = []
    for count, line in enumerate(lines, start=1):
        text = line.strip().strip("\ufeff")
        known = callable_number(text)
        if known is not None:
            wanted[known] = None
        elif text:
            bad.append((count, text))
    numbers = list(wanted)
    added = 0
    for start in range(0, len(numbers), _PER_TRANSACTION):
        some = numbers[start : start + _PER_TRANSACTION]
        with store.write() as session:
            store.lock(session, "ingest")
            listed = listed_among(session, some)
            for number in some:
                if number not in listed:
                    _put(session, journal, number, reason, by)
                    added += 1
    return Imported(added, len(numbers) - added, bad)


def is_listed(session: Session, number: str) -> bool:
    """Whether a number, however it is written, stands on the list."""
    known = callable_number(number)
    return known is not None and session.get(DoNotCall, known) is not None


def list_numbers(session: Session, *, text: str = "", page: int = 1, per_page: int = 50) -> Page[DoNotCall]:
    """The list, the latest first; `text` is a part of the number. A page out of range is empty."""
    digits = "".join(sign for sign in text if sign in "0123456789")
    chosen = [DoNotCall.number.contains(digits) if digits else false()] if text else []
    total = session.scalar(select(func.count()).select_from(DoNotCall).where(*chosen)) or 0
    order = select(DoNotCall).where(*chosen).order_by(DoNotCall.since.desc(), DoNotCall.number)
    rows = session.scalars(order.limit(per_page).offset((max(1, page) - 1) * per_page)).all()
    return Page(list(rows), max(1, page), per_page, total)


def _checked(number: str) -> str:
    known = callable_number(number)
    if known is None:
        raise NoSuchNumber("This is no number that we could ring.", "a mobile, or a landline with its area code")
    return known


def _put(session: Session, journal: Journal, number: str, reason: str, by: str) -> None:
    """The fact goes to the journal first; the table follows it (ivr.surveys.projection), only sooner."""
    at = journal.write(number_id(number), DO_NOT_CALL, number=number, reason=reason, by=by)
    session.add(DoNotCall(number=number, since=at, reason=reason, by=by))
