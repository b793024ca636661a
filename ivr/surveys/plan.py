"""From visits to contacts: whom a survey is to reach about which visit, and from when on (S26)."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ivr.callbacks.numbers import callable_number
from ivr.errors import IvrError
from ivr.hotline import Hotline, Survey
from ivr.store.among import among
from ivr.store.customers import Customer, CustomerNumber, Visit
from ivr.store.models import JournalEvent
from ivr.store.session import Store
from ivr.store.surveys import Contact
from ivr.surveys.facts import FactFinder
from ivr.surveys.ids import attempt_call_id, contact_id
from ivr.surveys.projection import write_contact

log = logging.getLogger(__name__)

_AT_ONCE = 500
"""Visits planned in one transaction, so that no other writer waits long."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Planner:
    """Makes a contact of every visit that a survey asks about and that has none; `look` is called now and then.

    Campaigns need not run for it: the plan shows whom they will reach.
    """

    def __init__(self, store: Store, hotline: Callable[[], Hotline], now: Callable[[], datetime] = _utc_now) -> None:
        self._store, self._hotline, self._now = store, hotline, now
        self._complaint = ""

    def look(self) -> int:
        """How many contacts were made; what is in trouble is said once and tried again."""
        try:
            made = plan(self._store, FactFinder(self._hotline()), self._now())
        except (IvrError, OSError) as error:
            said = error.message if isinstance(error, IvrError) else str(error.strerror)
            if said != self._complaint:
                log.error("Planning waits: %s", said)
            self._complaint = said
            return 0
        self._complaint = ""
        return made


def plan(store: Store, finder: FactFinder, now: datetime) -> int:
    """Make the contacts that are missing; returns how many. Raises StoreUnavailable.

    A visit that ended so long ago that nobody may ask about it any more gets none.
    """
    made = 0
    for name, survey in finder.hotline.surveys.items():
        with store.read() as session:  # most often there is nothing to do, and no writer waits for that
            first = session.execute(_unplanned(name, survey, now, after=0).limit(1)).first()
        last: int | None = None if first is None else 0
        while last is not None:
            with store.write() as session:
                store.lock(session, "ingest")  # the journal may tell of contacts that are only now made
                found = session.execute(_unplanned(name, survey, now, after=last))
                visits = [(visit, customer) for visit, customer in found]
                made += _make(session, finder, name, visits, now)
                last = visits[-1][0].id if len(visits) == _AT_ONCE else None
    return made


def _unplanned(name: str, survey: Survey, now: datetime, after: int) -> Select[Visit, Customer]:
    since = now - timedelta(hours=survey.after_hours) - timedelta(days=survey.valid_days)
    has_one = select(Contact.id).where(Contact.visit_id == Visit.id, Contact.survey == name).exists()
    chosen = (
        select(Visit, Customer)
        .join(Customer, Customer.id == Visit.customer_id)
        .where(Visit.id > after, Visit.at > since, Visit.consent, Visit.withdrawn_at.is_(None), ~has_one)
    )
    if survey.visits:
        chosen = chosen.where(Visit.kind.in_(survey.visits))
    return chosen.order_by(Visit.id).limit(_AT_ONCE)


def _make(
    session: Session, finder: FactFinder, survey: str, visits: Sequence[tuple[Visit, Customer]], now: datetime
) -> int:
    """Write the contacts of these visits, each with what the rule says of it at this moment."""
    numbers = _numbers(session, {customer.id for _, customer in visits})
    rows = [_contact(finder.hotline, survey, visit, of, numbers.get(of.id, [])) for visit, of in visits]
    for known in finder.know(session, rows, now):
        decision = known.decide()
        known.contact.reason = decision.reason
        known.contact.next_at = decision.at or max(now, known.contact.due_at)
    columns = [column.key for column in inspect(Contact).column_attrs]
    values = [{name: value for name in columns if (value := getattr(row, name)) is not None} for row in rows]
    if not values:
        return 0
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert(Contact) if on_sqlite else postgresql.insert(Contact)
    session.execute(insert.on_conflict_do_nothing(), values)
    for known_to_the_journal in _told(session, [row.id for row in rows]):
        write_contact(session, known_to_the_journal)
    return len(values)


def _contact(hotline: Hotline, survey: str, visit: Visit, customer: Customer, numbers: Collection[str]) -> Contact:
    settings = hotline.surveys[survey]
    due = visit.at + timedelta(hours=settings.after_hours)
    language = visit.language or customer.language
    return Contact(
        id=contact_id(survey, visit.external_id),
        survey=survey,
        visit_id=visit.id,
        number=_number([visit.number or "", *numbers], hotline.hotline.number),
        language=language if language in hotline.languages else hotline.languages[0],
        key=customer.key,
        state="planned",
        reason="",
        due_at=due,
        next_at=due,
        expires_at=due + timedelta(days=settings.valid_days),
        attempts=0,
    )


def _number(given: Sequence[str], own: str) -> str:
    """The visit's own number, else the customer's first, as it is dialled; as it was given where none can be."""
    dialled = (callable_number(number, {own}) for number in given)
    return next((number for number in dialled if number), next((number for number in given if number), ""))


def _numbers(session: Session, customers: Collection[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = (
        select(CustomerNumber)
        .where(among(session, CustomerNumber.customer_id, customers))
        .order_by(CustomerNumber.number)
    )
    for row in session.scalars(rows):
        found[row.customer_id].append(row.number)
    return found


def _told(session: Session, contacts: Sequence[str]) -> list[str]:
    """Those of these contacts that the journal tells of already: the tables were made anew."""
    named = {contact: contact for contact in contacts} | {attempt_call_id(one, 1): one for one in contacts}
    known = select(JournalEvent.call_id).where(among(session, JournalEvent.call_id, named)).distinct()
    return sorted({named[call_id] for call_id in session.scalars(known) if call_id})
