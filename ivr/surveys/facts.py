"""What the rule has to know of contacts, read for many at once, and what it then says of each."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.callbacks.caps import Caps, Dial, being_rung, dials_to, listed_among
from ivr.callbacks.numbers import callable_number
from ivr.hotline import Hotline
from ivr.store.among import among
from ivr.store.customers import Customer, CustomerNumber, Visit
from ivr.store.models import Call
from ivr.store.surveys import OPEN_STATES, Contact, ContactAttempt
from ivr.surveys.campaigns import state_of
from ivr.surveys.policy import Windows
from ivr.surveys.rule import Barred, Circumstances, Decision, Due, InUse, Tried, decide

_LONGEST_CALL = timedelta(hours=12)
"""A call without an end that began longer ago is none."""


@dataclass(frozen=True)
class Known:
    """A contact with all that there is to know before its customer is rung."""

    contact: Contact
    visit: Visit
    customer: Customer
    attempts: tuple[Tried, ...]
    here: Circumstances

    def decide(self) -> Decision:
        row = self.contact
        time_said = row.time_said_in is not None
        due = Due(row.due_at, row.expires_at, row.agreed_at, row.reached_at is not None, time_said)
        return decide(due, self.attempts, self.here)


@dataclass(frozen=True)
class _Read:
    """What the tables say of some contacts, their numbers and customers."""

    visits: Mapping[int, tuple[Visit, Customer]]
    attempts: Mapping[str, list[Tried]]
    dials: Mapping[str, list[Dial]]
    listed: Collection[str]
    blocked: Collection[str]
    in_use: Mapping[str, InUse]
    asked: Mapping[int | str, list[tuple[str, datetime]]]
    """(contact, moment) whenever the right person was on the line, by customer and by number."""


class FactFinder:
    """Reads what the rule wants to know, as one business file has it."""

    def __init__(self, hotline: Hotline) -> None:
        self.hotline = hotline
        self.windows = {name: Windows.of(hotline, survey) for name, survey in hotline.surveys.items()}
        self._caps = Caps.of(hotline.outbound)

    def know(self, session: Session, contacts: Sequence[Contact], now: datetime) -> list[Known]:
        """These contacts, in their order, those aside whose survey is gone from the business file."""
        rows = [row for row in contacts if row.survey in self.hotline.surveys]
        if not rows:
            return []
        read = _read(session, rows, now)
        return [self._known(row, read, now) for row in rows if row.visit_id in read.visits]

    def why(self, session: Session, contact: Contact, now: datetime, *, stopped: bool) -> Decision:
        """Why a contact is rung now, or why not: for the page. `stopped`: the emergency stop is in force."""
        if contact.state not in OPEN_STATES:
            return Decision("wait", "over")
        known = self.know(session, [contact], now)
        if not known:
            return Decision("wait", "survey_gone", contact.expires_at)
        decision = known[0].decide()
        if decision.step != "dial":
            return decision
        if stopped:
            return Decision("wait", "stopped")
        if self.hotline.outbound.trunk is None:
            return Decision("wait", "no_trunk")
        match state_of(session, contact.survey):
            case "planned":
                return Decision("wait", "not_started")
            case "paused":
                return Decision("wait", "paused")
        return decision

    def _known(self, row: Contact, read: _Read, now: datetime) -> Known:
        visit, customer = read.visits[row.visit_id]
        survey = self.hotline.surveys[row.survey]
        dials = read.dials.get(row.number, [])
        asked = [*read.asked.get(visit.customer_id, []), *read.asked.get(row.number, [])]
        here = Circumstances(
            now=now,
            windows=self.windows[row.survey],
            retries=survey.retries,
            caps=self._caps,
            again_days=survey.again_days,
            barred=self._barred(row, visit, customer, read),
            in_use=read.in_use.get(row.number),
            dials=tuple(dial.at for dial in dials),
            other_dial=max((dial.at for dial in dials if dial.contact_id != row.id), default=None),
            asked_at=max((at for contact_id, at in asked if contact_id != row.id), default=None),
        )
        return Known(row, visit, customer, tuple(read.attempts.get(row.id, ())), here)

    def _barred(self, row: Contact, visit: Visit, customer: Customer, read: _Read) -> Barred | None:
        if callable_number(row.number, {self.hotline.hotline.number}) != row.number:
            return "number_unusable"
        if row.number in read.listed:
            return "do_not_call"
        if customer.blocked or row.number in read.blocked:
            return "blocked"
        if visit.withdrawn_at is not None:
            return "withdrawn"
        return None if visit.consent else "no_consent"


def _read(session: Session, rows: Sequence[Contact], now: datetime) -> _Read:
    numbers = {row.number for row in rows}
    visits = _visits(session, {row.visit_id for row in rows})
    return _Read(
        visits=visits,
        attempts=_attempts(session, [row.id for row in rows]),
        dials=dials_to(session, numbers, now),
        listed=listed_among(session, numbers),
        blocked=_blocked(session, numbers),
        in_use=_in_use(session, numbers, now),
        asked=_asked(session, {customer.id for _, customer in visits.values()}, numbers),
    )


def _visits(session: Session, ids: Collection[int]) -> dict[int, tuple[Visit, Customer]]:
    joined = select(Visit, Customer).join(Customer, Customer.id == Visit.customer_id)
    return {
        visit.id: (visit, customer) for visit, customer in session.execute(joined.where(among(session, Visit.id, ids)))
    }


def _attempts(session: Session, contacts: Collection[str]) -> dict[str, list[Tried]]:
    found: dict[str, list[Tried]] = defaultdict(list)
    asked = select(ContactAttempt).where(among(session, ContactAttempt.contact_id, contacts))
    for row in session.scalars(asked.order_by(ContactAttempt.contact_id, ContactAttempt.attempt)):
        tried = Tried(row.attempt, row.claimed_at, row.dialled_at, row.ended_at, row.result)
        found[row.contact_id].append(tried)
    return found


def _blocked(session: Session, numbers: Collection[str]) -> set[str]:
    """Numbers of customers who are blocked, whoever's visit it was."""
    owners = select(CustomerNumber.number).join(Customer, Customer.id == CustomerNumber.customer_id)
    return set(session.scalars(owners.where(among(session, CustomerNumber.number, numbers), Customer.blocked)))


def _in_use(session: Session, numbers: Collection[str], now: datetime) -> dict[str, InUse]:
    """Numbers on whose phone somebody is just now, and why."""
    found: dict[str, InUse] = dict.fromkeys(being_rung(session, numbers, now), "being_rung")
    up = select(Call.caller, Call.called).where(Call.ended_at.is_(None), Call.started_at > now - _LONGEST_CALL)
    for caller, called in session.execute(up):
        on_it: tuple[tuple[str | None, InUse], ...] = ((called, "being_rung"), (caller, "calling_us"))
        for number, use in on_it:
            known = callable_number(number)
            if known is not None and known in numbers:
                found[known] = use
    return found


def _asked(
    session: Session, customers: Collection[int], numbers: Collection[str]
) -> dict[int | str, list[tuple[str, datetime]]]:
    reached = select(Visit.customer_id, Contact.number, Contact.id, Contact.reached_at)
    joined = reached.join(Visit, Visit.id == Contact.visit_id).where(Contact.reached_at.is_not(None))
    found: dict[int | str, list[tuple[str, datetime]]] = defaultdict(list)
    # Two questions, for either has its index.
    for wanted in (among(session, Visit.customer_id, customers), among(session, Contact.number, numbers)):
        for customer_id, number, contact_id, at in session.execute(joined.where(wanted)):
            if at is not None:
                found[customer_id].append((contact_id, at))
                found[number].append((contact_id, at))
    return found
