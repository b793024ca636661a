"""The callers' book: what the flows look up while a call begins, in a small file on the call server's own disk.

A call never waits for the database; so the scheduler writes what it must know into `state/callers.db`, a whole
new file each time, put in the old one's place at once. A reader sees the old or the new, never half of one.
"""

import datetime as dt
import json
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ivr.customers.numbers import delivered, forms, normalise
from ivr.errors import IvrError
from ivr.hotline import HotlineInForce
from ivr.settings import Settings
from ivr.store.customers import Customer, CustomerNumber
from ivr.store.models import Call
from ivr.store.session import Store, StoreUnavailable, open_store

log = logging.getLogger(__name__)

FILE = "callers.db"
REMEMBERED = dt.timedelta(days=365)
"""How long a number's last call, agent and language are remembered."""

_LATE = dt.timedelta(minutes=10)
"""Calls that ended so long before the last known one are looked at again: ingestion may lag."""
_LONGEST = dt.timedelta(days=1)
"""No call lasts longer: what changed is looked for among the calls begun since, by their index."""
_REST = 40.0
"""Everything is written anew after so many times the time that it takes, and 5 minutes at least."""
_PORTION = 300


@dataclass(frozen=True)
class CallerFacts:
    """What the flows know of a number; `customer_id` None: no customer, but somebody who called before."""

    customer_id: int | None = None
    name: str = ""
    surname: str = ""
    title: str = ""
    key: bool = False
    elder: bool = False
    blocked: bool = False
    agent: str | None = None
    language: str | None = None
    last_agent: str | None = None
    last_call_at: str | None = None
    """ISO 8601, UTC."""
    last_language: str | None = None


@dataclass(frozen=True)
class LastCalls:
    """The latest of a customer's calls: when, with whom, in which language; each of the latest call that has it."""

    at: dt.datetime | None = None
    agent_at: dt.datetime | None = None
    agent: str | None = None
    language_at: dt.datetime | None = None
    language: str | None = None

    def and_then(self, other: "LastCalls") -> "LastCalls":
        """The latest of both."""
        merged = self
        if other.at and (self.at is None or other.at > self.at):
            merged = replace(merged, at=other.at)
        if other.agent_at and (self.agent_at is None or other.agent_at > self.agent_at):
            merged = replace(merged, agent_at=other.agent_at, agent=other.agent)
        if other.language_at and (self.language_at is None or other.language_at > self.language_at):
            merged = replace(merged, language_at=other.language_at, language=other.language)
        return merged


def is_elder(birth_year: int | None, flagged: bool, elder_age: int, year: int) -> bool:
    """Whether a customer reaches a person without a menu: by the flag, or by the age reached in `year`."""
    return flagged or (birth_year is not None and year - birth_year >= elder_age)


def read_facts(
    session: Session, now: dt.datetime, elder_age: int, numbers: Collection[str] | None = None
) -> dict[str, CallerFacts]:
    """What is known of every number (or of these and of all others of the same customers), as `normalise` writes it."""
    if numbers is not None:
        numbers = _with_siblings(session, numbers)
    owners = dict(_owned(session, numbers))
    last = _last_calls(session, now - REMEMBERED, numbers)
    shared: dict[int, LastCalls] = {}
    for number, customer in owners.items():
        shared[customer.id] = shared.get(customer.id, LastCalls()).and_then(last.get(number, LastCalls()))
    found = {number: _facts(None, calls, elder_age, now.year) for number, calls in last.items() if number not in owners}
    for number, customer in owners.items():
        found[number] = _facts(customer, shared[customer.id], elder_age, now.year)
    return found


def _facts(customer: Customer | None, last: LastCalls, elder_age: int, year: int) -> CallerFacts:
    calls = CallerFacts(
        last_agent=last.agent, last_call_at=last.at.isoformat() if last.at else None, last_language=last.language
    )
    if customer is None:
        return calls
    return replace(
        calls,
        customer_id=customer.id,
        name=customer.name,
        surname=customer.surname,
        title=customer.title,
        key=customer.key,
        elder=is_elder(customer.birth_year, customer.elder, elder_age, year),
        blocked=customer.blocked,
        agent=customer.agent,
        language=customer.language,
    )


def _with_siblings(session: Session, numbers: Collection[str]) -> set[str]:
    found = set(numbers)
    for some in _portions(numbers):
        owners = select(CustomerNumber.customer_id).where(CustomerNumber.number.in_(some))
        found.update(session.scalars(select(CustomerNumber.number).where(CustomerNumber.customer_id.in_(owners))))
    return found


def _owned(session: Session, numbers: Collection[str] | None) -> Iterator[tuple[str, Customer]]:
    asked = select(CustomerNumber.number, Customer).join(Customer, Customer.id == CustomerNumber.customer_id)
    if numbers is None:
        yield from session.execute(asked)
        return
    for some in _portions(numbers):
        yield from session.execute(asked.where(CustomerNumber.number.in_(some)))


def _last_calls(session: Session, since: dt.datetime, numbers: Collection[str] | None) -> dict[str, LastCalls]:
    asked = select(
        Call.direction, Call.caller, Call.called, Call.started_at, Call.answered_at, Call.agent, Call.language
    ).where(Call.direction != "internal", Call.ended_at.is_not(None), Call.started_at >= since)
    found: dict[str, LastCalls] = {}
    written: dict[str, str | None] = {}
    for some in [None] if numbers is None else list(_portions(numbers)):
        wanted = asked
        if some is not None:
            written_so = delivered(some)
            wanted = asked.where(or_(Call.caller.in_(written_so), Call.called.in_(written_so)))
        for direction, caller, called, started, answered, agent, language in session.execute(wanted):
            told = (caller if direction == "inbound" else called) or ""
            number = written[told] if told in written else written.setdefault(told, normalise(told))
            if number is None:
                continue
            spoke = answered is not None and agent is not None
            found[number] = found.get(number, LastCalls()).and_then(
                LastCalls(
                    at=started if direction == "inbound" else None,
                    agent_at=answered if spoke else None,
                    agent=agent if spoke else None,
                    language_at=started if language else None,
                    language=language,
                )
            )
    return found


def _portions(numbers: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _PORTION):
        yield ordered[start : start + _PORTION]


# ---- the file --------------------------------------------------------------------------------------------


def write_book(path: Path, facts: dict[str, CallerFacts], *, only: Collection[str] | None = None) -> None:
    """Put a new book in the old one's place; with `only`, these numbers are replaced and all others stay.

    Under every way in which a carrier may deliver it, so that a reader needs the digits alone. Raises OSError,
    sqlite3.Error.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    if only is not None and path.exists():
        shutil.copyfile(path, draft)
    draft.touch(0o600)
    draft.chmod(0o600)
    with closing(sqlite3.connect(draft, isolation_level=None)) as book:
        book.execute("PRAGMA journal_mode=OFF")
        book.execute("PRAGMA synchronous=OFF")  # after a crash of the machine the scheduler writes it anew
        book.execute("BEGIN")
        book.execute("CREATE TABLE IF NOT EXISTS caller (number TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID")
        if only is not None:
            gone = ((form,) for number in only for form in forms(number))
            book.executemany("DELETE FROM caller WHERE number = ?", gone)
        # A number itself comes before another's form that happens to look the same.
        book.executemany("INSERT OR REPLACE INTO caller VALUES (?, ?)", _rows(facts, own=True))
        book.executemany("INSERT OR IGNORE INTO caller VALUES (?, ?)", _rows(facts, own=False))
        book.execute("COMMIT")
    draft.replace(path)


def _rows(facts: dict[str, CallerFacts], *, own: bool) -> Iterable[tuple[str, str]]:
    for number, known in facts.items():
        told = json.dumps(vars(known), ensure_ascii=False)
        for form in [number] if own else forms(number)[1:]:
            yield form, told


# ---- keeping it ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """What tells that customers, calls or the rules have changed since the book was written."""

    customers: tuple[object, ...]
    elder_age: int
    year: int
    last_end: dt.datetime | None

    @property
    def rules(self) -> tuple[object, ...]:
        """All that changes more than the callers of the latest calls."""
        return self.customers, self.elder_age, self.year


class BookKeeper:
    """Keeps the callers' book as the database says; `look` is called every few seconds by the one scheduler."""

    def __init__(
        self,
        settings: Settings,
        store: Store | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._store = store or open_store(settings.store_url)
        self._now, self._clock = now, clock
        self._seen: _Seen | None = None
        self._whole_again = 0.0
        self._complained = False
        self._hotline = HotlineInForce(settings)

    @property
    def path(self) -> Path:
        return self._settings.paths.state / FILE

    def look(self) -> bool:
        """Write what has changed; True when something was. A database or disk in trouble is said once."""
        try:
            changed = self._write_changes()
        except (IvrError, OSError, sqlite3.Error) as error:
            if not self._complained:
                reason = error.message if isinstance(error, StoreUnavailable) else type(error).__name__
                log.error("The callers' book waits: %s", reason)
            self._seen, self._complained = None, True
            return False
        self._complained = False
        return changed

    def _write_changes(self) -> bool:
        now, began, before = self._now(), self._clock(), self._seen
        with self._store.read() as session:
            seen = self._look_at(session, now)
            if before == seen and began < self._whole_again and self.path.exists():
                return False
            part = before is not None and before.rules == seen.rules and began < self._whole_again
            part = part and self.path.exists()
            numbers = _called_since(session, before.last_end if before else None, now) if part else None
            facts = read_facts(session, now, seen.elder_age, numbers)
        write_book(self.path, facts, only=set(facts) if part else None)
        if not part:
            self._whole_again = self._clock() + max(300.0, _REST * (self._clock() - began))
        self._seen = seen
        return True

    def _look_at(self, session: Session, now: dt.datetime) -> _Seen:
        customers = session.execute(select(func.count(Customer.id), func.max(Customer.updated_at))).one()
        numbers = session.scalar(select(func.count()).select_from(CustomerNumber)) or 0
        last_end = session.scalar(select(func.max(Call.ended_at)).where(Call.started_at >= now - _LONGEST))
        return _Seen((*customers, numbers), self._rule(), now.year, last_end)

    def _rule(self) -> int:
        """The age from which callers reach a person without a menu, as the business file in force says."""
        return self._hotline().callers.elder_age


def _called_since(session: Session, last_end: dt.datetime | None, now: dt.datetime) -> set[str]:
    """The numbers whose calls ended since the book was last written, and a while before."""
    recent = (Call.ended_at.is_not(None), Call.started_at >= (last_end or now) - _LONGEST)
    asked = select(Call.direction, Call.caller, Call.called).where(*recent)
    if last_end is not None:
        asked = asked.where(Call.ended_at >= last_end - _LATE)
    called = ((caller if way == "inbound" else other) for way, caller, other in session.execute(asked))
    return {number for each in called if each and (number := normalise(each))}
