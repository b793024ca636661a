"""From the journal to contacts, attempts, answers and the do-not-call list. The same journal gives the same rows,
however often and in whatever order it is read.

The plan makes contacts and the dialler claims attempts; what stands in the tables alone is kept. Of a contact that is
gone with its visit nothing is written, but its number stays on the do-not-call list.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from ivr.calls.events import Event
from ivr.store.models import JournalEvent
from ivr.store.surveys import Answer, Contact, ContactAttempt, DoNotCall
from ivr.surveys.attempts import (
    OF_THE_CONTACT,
    TOLD,
    Attempt,
    Given,
    Progress,
    read_answers,
    read_attempts,
    read_progress,
)
from ivr.surveys.events import DO_NOT_CALL, MAY_CALL
from ivr.surveys.ids import attempt_call_id, read_call_id

_RESTARTED = "QUEUESTART"
_STARTS_WITHIN = timedelta(minutes=10)
_ATTEMPTS_AT_ONCE = 20
_CONTACTS_AT_ONCE = 100
_TELLING = (*TOLD, *OF_THE_CONTACT)

_AttemptRows = dict[int, ContactAttempt]


def apply(session: Session, events: Iterable[Event]) -> None:
    """Bring up to date every contact and number that these (stored) events touch."""
    contacts: set[str] = set()
    numbers: set[str] = set()
    restarts: list[datetime] = []
    for event in events:
        restarts += [event.at] if event.kind == _RESTARTED and event.at else []
        attempt = read_call_id(event.call_id)
        if event.kind in (DO_NOT_CALL, MAY_CALL):
            numbers.add(str(event.data.get("number") or ""))
        elif attempt is not None:
            contacts.add(attempt[0])
        elif event.kind in OF_THE_CONTACT and event.call_id:
            contacts.add(event.call_id)
    session.flush()
    if restarts:
        # An Asterisk that comes up answers before it writes that it has started: the dialler may have been quicker.
        open_then = or_(ContactAttempt.result.is_(None), ContactAttempt.ended_at > min(restarts) - _STARTS_WITHIN)
        contacts.update(session.scalars(select(ContactAttempt.contact_id).where(open_then)))
    _write_contacts(session, sorted(contacts))
    _write_do_not_call(session, numbers - {""})


def write_contact(session: Session, contact_id: str) -> None:
    """Write what all stored events tell of one contact; nothing when there is no such contact (any more).

    For whoever makes a contact, too: Asterisk may have rung the customer before the table was made anew.
    """
    _write_contacts(session, [contact_id])


def attempts_of(session: Session, contact_id: str) -> list[Attempt]:
    """Every attempt of a contact, in order: as the journal tells it, and what stands in the tables alone."""
    rows = _attempts(session, [contact_id])[contact_id]
    told = read_attempts(_events(session, {contact_id: rows})[contact_id], _restarts(session))
    found = {attempt.number: attempt for attempt in told}
    for number, row in rows.items():
        known = found.get(number, Attempt(number, row.call_id))
        if known.result is None:
            known = replace(known, result=row.result, ended_at=row.ended_at)
        found[number] = known
    return [found[number] for number in sorted(found)]


def events_of_contact(session: Session, contact_id: str) -> list[Event]:
    """The journal's events that tell of a contact and of its attempts."""
    return _events(session, _attempts(session, [contact_id]))[contact_id]


def _write_contacts(session: Session, ids: Sequence[str]) -> None:
    restarts = _restarts(session) if ids else []
    for start in range(0, len(ids), _CONTACTS_AT_ONCE):
        some = ids[start : start + _CONTACTS_AT_ONCE]
        contacts = session.scalars(select(Contact).where(Contact.id.in_(some))).all()
        rows = _attempts(session, [contact.id for contact in contacts])
        answers = _answers(session, rows)
        events = _events(session, rows)
        for contact in contacts:
            attempts = read_attempts(events[contact.id], restarts)
            _write_attempts(session, contact, rows[contact.id], attempts)
            _write_answers(session, contact.id, answers[contact.id], read_answers(events[contact.id]))
            _write_progress(contact, rows[contact.id], read_progress(events[contact.id], attempts))
        session.flush()


def _attempts(session: Session, contacts: Collection[str]) -> dict[str, _AttemptRows]:
    """What the tables know of each contact's attempts, by their number."""
    found: dict[str, _AttemptRows] = {contact: {} for contact in contacts}
    for row in session.scalars(select(ContactAttempt).where(ContactAttempt.contact_id.in_(contacts))):
        found[row.contact_id][row.attempt] = row
    return found


def _answers(session: Session, contacts: Collection[str]) -> dict[str, dict[str, Answer]]:
    found: dict[str, dict[str, Answer]] = {contact: {} for contact in contacts}
    for row in session.scalars(select(Answer).where(Answer.contact_id.in_(contacts))):
        found[row.contact_id][row.question] = row
    return found


def _events(session: Session, contacts: Mapping[str, _AttemptRows]) -> dict[str, list[Event]]:
    """Every event about these contacts. The ids of their calls are known beforehand, so the index finds them; attempts
    that nobody claimed are known to the journal alone."""
    found: dict[str, list[Event]] = {contact: [] for contact in contacts}
    wanted, asking, first = list(contacts), set(contacts), 1
    while asking:
        numbers = range(first, first + _ATTEMPTS_AT_ONCE)
        wanted += [attempt_call_id(contact, number) for contact in asking for number in numbers]
        told = select(JournalEvent).where(JournalEvent.call_id.in_(wanted), JournalEvent.kind.in_(_TELLING))
        heard_of: set[str] = set()
        for row in session.scalars(told):
            attempt = read_call_id(row.call_id)
            contact = attempt[0] if attempt else str(row.call_id)
            found[contact].append(_event(row))
            heard_of.update([contact] if attempt else [])
        first += _ATTEMPTS_AT_ONCE
        asking = {contact for contact in asking if contact in heard_of or max(contacts[contact], default=0) >= first}
        wanted = []
    return found


def _restarts(session: Session) -> list[datetime]:
    started = select(JournalEvent.at).where(JournalEvent.kind == _RESTARTED, JournalEvent.source == "queue_log")
    return [at for at in session.scalars(started) if at]


def _write_attempts(session: Session, contact: Contact, rows: _AttemptRows, attempts: Iterable[Attempt]) -> None:
    for attempt in attempts:
        row = rows.get(attempt.number)
        began = min((at for at in (attempt.dialled_at, attempt.answered_at, attempt.ended_at) if at), default=None)
        if row is None and began is None:
            continue
        if row is None:
            own = {"contact_id": contact.id, "attempt": attempt.number, "call_id": attempt.call_id}
            row = rows[attempt.number] = ContactAttempt(**own, number=contact.number, claimed_at=began)
            session.add(row)
        row.claimed_at = min(row.claimed_at, began or row.claimed_at)
        row.dialled_at, row.answered_at = attempt.dialled_at, attempt.answered_at
        if attempt.result is not None:
            row.result, row.ended_at = attempt.result, attempt.ended_at


def _write_answers(session: Session, contact: str, rows: dict[str, Answer], answers: Mapping[str, Given]) -> None:
    for question, row in rows.items():
        if question not in answers:
            session.delete(row)
    for question, given in answers.items():
        if question not in rows:
            session.add(Answer(contact_id=contact, **vars(given)))
            continue
        for name, value in vars(given).items():
            setattr(rows[question], name, value)


def _write_progress(contact: Contact, rows: _AttemptRows, progress: Progress) -> None:
    over = [row for _, row in sorted(rows.items()) if row.result is not None]
    contact.attempts = max(rows, default=0)
    contact.last_result = over[-1].result if over else None
    contact.reached_at, contact.asking = progress.reached_at, progress.asking
    contact.agreed_at, contact.time_said_in = progress.agreed_at, progress.time_said_in
    contact.ended_at, contact.reason = progress.ended_at, progress.reason or contact.reason
    contact.state = progress.state or ("dialling" if len(over) < len(rows) else "planned")
    if over and over[-1].ended_at:
        contact.next_at = max(contact.next_at, over[-1].ended_at)


def _write_do_not_call(session: Session, numbers: Collection[str]) -> None:
    """The list as all events about these numbers leave it: on it since it was first asked for after it was last off."""
    if not numbers:
        return
    rows = session.scalars(
        select(JournalEvent)
        .where(JournalEvent.kind.in_((DO_NOT_CALL, MAY_CALL)))
        .order_by(JournalEvent.at, JournalEvent.position)
    )
    asked: dict[str, Event | None] = dict.fromkeys(numbers)
    for event in map(_event, rows):
        number = str(event.data.get("number") or "")
        if number in asked and event.at is not None:
            asked[number] = (asked[number] or event) if event.kind == DO_NOT_CALL else None
    for number, first in asked.items():
        if first is None:
            session.execute(delete(DoNotCall).where(DoNotCall.number == number))
        else:
            session.merge(_listed(number, first))
    session.flush()


def _listed(number: str, event: Event) -> DoNotCall:
    return DoNotCall(
        number=number,
        since=event.at,
        reason=str(event.data.get("reason") or "page"),
        by=str(event.data.get("by") or ""),
        call_id=event.call_id if read_call_id(event.call_id) else None,
    )


def _event(row: JournalEvent) -> Event:
    return Event(row.source, row.kind, row.at, row.call_id, row.channel_id, row.data)  # type: ignore[arg-type]
