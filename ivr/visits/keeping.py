"""Taking visits into the tables: each whole or not at all, again and again without harm."""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import delete, exists, insert, or_, select
from sqlalchemy.orm import Session

from ivr.calls.journal import Journal
from ivr.customers.file import Entry, add_new, check, customers_by_id, customers_by_number, keep
from ivr.errors import FieldError, IvrError
from ivr.store.customers import Visit
from ivr.store.session import Store
from ivr.store.surveys import OPEN_STATES, Contact, ContactAttempt
from ivr.surveys.events import CANCELLED
from ivr.tables.read import LineError
from ivr.visits.intake import Sorted, VisitEntry
from ivr.visits.judge import Judgement, Status, judge

PER_TRANSACTION = 500
_BLANK: dict[str, object] = {"by": "", "language": None, "notes": ""}
Line = tuple[int, VisitEntry]


class VisitNotFound(IvrError):
    """No visit has this id."""


@dataclass(frozen=True)
class Outcome:
    """What became of one visit; `error` also where a part of it was left out."""

    line: int
    external_id: str
    status: Status
    error: LineError | None = None


@dataclass
class Taken:
    """What became of visits that came together."""

    new: int = 0
    changed: int = 0
    same: int = 0
    errors: list[LineError] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        self.new += outcome.status == "new"
        self.changed += outcome.status == "changed"
        self.same += outcome.status == "same"
        if outcome.error:
            self.errors.append(outcome.error)


class VisitKeeper:
    """Takes visits, or says what would become of them.

    The customer is found by the number, else made. A visit may change until its customer has been rung about it; then
    only consent can still be taken back, which ends it like a withdrawal. `by`: who sends them, for the journal.
    """

    def __init__(self, store: Store, journal: Journal, now: dt.datetime, *, by: str) -> None:
        self._store, self._journal, self._now, self._by = store, journal, now, by

    def take(self, visits: Sorted) -> Taken:
        """Take the good ones, PER_TRANSACTION at a time. Raises StoreUnavailable, OSError; those taken by then stay,
        and the same again goes on."""
        return self._all(visits, dry_run=False)

    def preview(self, visits: Sorted) -> Taken:
        """What `take` would do now. Raises StoreUnavailable."""
        return self._all(visits, dry_run=True)

    def preview_lines(self, lines: Sequence[Line]) -> list[Outcome]:
        """What would become of these now, each in order. Raises StoreUnavailable."""
        with self._store.read() as session:
            return _Batch(session, lines, {}, self._now).outcomes()

    def take_together(self, lines: Sequence[Line]) -> list[Outcome]:
        """Take these in one transaction; each one's outcome in order. Raises StoreUnavailable, OSError."""
        with self._store.write() as session:
            # Whoever makes customers waits for the other, and so do those who send the same visit at once.
            self._store.lock(session, "customers")
            batch = _Batch(session, lines, {}, self._now)
            outcomes = batch.outcomes()
            self._cancel(session, batch.write(self._store))
            return outcomes

    def withdraw(self, external_id: str) -> int:
        """Take a visit back: nobody is rung about it any more; how many open contacts that ends. Again does no harm.

        Raises VisitNotFound, StoreUnavailable, OSError.
        """
        with self._store.write() as session:
            self._store.lock(session, "customers")
            visit = session.scalar(select(Visit).where(Visit.external_id == external_id))
            if visit is None:
                raise VisitNotFound("There is no visit with this id.", "`ivr visits list` lists them")
            visit.withdrawn_at = visit.withdrawn_at or self._now
            return self._cancel(session, [visit.id])

    def _all(self, visits: Sorted, *, dry_run: bool) -> Taken:
        done = Taken(same=len(visits.repeated), errors=list(visits.errors))
        strangers: dict[str, Entry] = {}
        for lines in _portions(visits.good):
            if dry_run:
                with self._store.read() as session:
                    outcomes = _Batch(session, lines, strangers, self._now).outcomes()
            else:
                outcomes = self.take_together(lines)
            for outcome in outcomes:
                done.count(outcome)
        done.errors.sort(key=lambda error: error.line)
        return done

    def _cancel(self, session: Session, visits: Collection[int]) -> int:
        """End the open contacts of these visits. The journal first: should the transaction fail, the sender hears of
        it and comes again, and nobody is rung meanwhile."""
        asked = select(Contact.id).where(Contact.visit_id.in_(visits), Contact.state.in_(OPEN_STATES))
        found = session.scalars(asked.order_by(Contact.id)).all() if visits else []
        for contact in found:
            self._journal.write(contact, CANCELLED, by=self._by)
        return len(found)


@dataclass
class _Owner:
    """A customer among those of a batch; `entry.id` None: a stranger until now."""

    entry: Entry
    changed: bool = False


class _Batch:
    """Visits that are taken in one transaction. `strangers` are the customers that batches before would have made."""

    def __init__(self, session: Session, lines: Sequence[Line], strangers: dict[str, Entry], now: dt.datetime) -> None:
        self._session, self._lines, self._strangers, self._now = session, lines, strangers, now
        ids = [entry.external_id for _, entry in lines]
        known = session.scalars(select(Visit).where(Visit.external_id.in_(ids)))
        self._visits = {visit.external_id: visit for visit in known}
        self._begun = _begun(session, [visit.id for visit in self._visits.values()])
        by_number = customers_by_number(session, {entry.number for _, entry in lines})
        by_id = customers_by_id(session, {visit.customer_id for visit in self._visits.values()})
        self._owners = {each.id: _Owner(each) for each in (*by_number.values(), *by_id.values())}
        self._by_number = {number: self._owners[each.id] for number, each in by_number.items()}
        self._by_number |= {number: _Owner(each) for number, each in strangers.items() if number not in by_number}
        self._judged: list[tuple[VisitEntry, Judgement, _Owner]] = []

    def outcomes(self) -> list[Outcome]:
        """What becomes of each visit, in order; each is judged by what those before it leave."""
        return [self._outcome(line, entry) for line, entry in self._lines]

    def write(self, store: Store) -> list[int]:
        """Write what was judged; the ids of the visits whose consent was taken back."""
        self._write_customers(store)
        made: list[dict[str, object]] = []
        refused: list[int] = []
        moved: list[int] = []
        for entry, found, owner in self._judged:
            facts = found.facts | {"customer_id": owner.entry.id}
            visit = self._visits.get(entry.external_id)
            if visit is None:
                made.append(_BLANK | facts | {"external_id": entry.external_id})
                continue
            if found.refuses:
                refused.append(visit.id)
            elif found.status == "changed" and visit.id not in self._begun:
                moved.append(visit.id)
            for name, value in facts.items():
                setattr(visit, name, value)
        if made:
            self._session.execute(insert(Visit), made)
        self._session.flush()
        _plan_anew(self._session, moved)
        return refused

    def _write_customers(self, store: Store) -> None:
        owners = {id(owner): owner for *_, owner in self._judged}.values()
        strangers = [owner for owner in owners if owner.entry.id is None]
        for owner in owners:
            if owner.changed and owner.entry.id is not None:
                keep(store, self._session, owner.entry, self._now)
        made = add_new(store, self._session, [owner.entry for owner in strangers], self._now)
        for owner, customer_id in zip(strangers, made, strict=True):
            owner.entry = replace(owner.entry, id=customer_id)

    def _outcome(self, line: int, entry: VisitEntry) -> Outcome:
        visit = self._visits.get(entry.external_id)
        begun = visit is not None and visit.id in self._begun
        # Whose a known visit is does not follow from the number again: numbers change hands.
        stays = visit is not None and (begun or visit.number == entry.number)
        owner = self._owners[visit.customer_id] if visit and stays else self._by_number.get(entry.number)
        try:
            found = judge(entry, visit, owner.entry if owner else None, begun=begun)
            if owner is None:
                owner = self._by_number[entry.number] = _Owner(check(found.customer, agents=(), year=self._now.year))
                self._strangers[entry.number] = owner.entry
            elif owner.entry != found.customer:
                owner.entry, owner.changed = found.customer, True
        except FieldError as error:
            return Outcome(line, entry.external_id, "bad", LineError.of(line, error))
        self._judged.append((entry, found, owner))
        left_out = LineError.of(line, found.problem) if found.problem else None
        return Outcome(line, entry.external_id, found.status, left_out)


def _begun(session: Session, visits: Collection[int]) -> set[int]:
    """The visits about which a customer has been rung, or nobody is to be rung any more."""
    rung = exists().where(ContactAttempt.contact_id == Contact.id)
    asked = select(Contact.visit_id).where(Contact.visit_id.in_(visits), or_(Contact.state != "planned", rung))
    return set(session.scalars(asked))


def _plan_anew(session: Session, visits: Collection[int]) -> None:
    """Forget the plan for visits that have changed: it is made anew from what they are now. Nobody was rung by it, and
    what the journal tells of a contact is read again when it is made."""
    rung = exists().where(ContactAttempt.contact_id == Contact.id)
    session.execute(delete(Contact).where(Contact.visit_id.in_(visits), Contact.state == "planned", ~rung))


def _portions(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    for start in range(0, len(lines), PER_TRANSACTION):
        yield lines[start : start + PER_TRANSACTION]
