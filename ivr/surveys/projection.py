"""From the journal to contacts, attempts, answers and the do-not-call list. The same journal gives the same rows,
however often and in whatever order it is read.

The plan makes contacts and the dialler claims attempts; what stands in the tables alone is kept. Of a contact that is
gone with its visit nothing is written, but its number stays on the do-not-call list.
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from datetime import datetime
from itertools import count

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ivr.calls.events import Event
from ivr.store.models import JournalEvent
from ivr.store.surveys import Answer, Contact, ContactAttempt, DoNotCall
from ivr.surveys.attempts import DECISIONS, TOLD, Attempt, Given, read_answers, read_attempts, read_progress
from ivr.surveys.events import DO_NOT_CALL, MAY_CALL
from ivr.surveys.ids import attempt_call_id, read_call_id

_RESTARTED = "QUEUESTART"
_ATTEMPTS_AT_ONCE = 20


def apply(session: Session, events: Iterable[Event]) -> None:
    """Bring up to date every contact and number that these (stored) events touch."""
    contacts: set[str] = set()
    numbers: set[str] = set()
    restarted = False
    for event in events:
        restarted = restarted or event.kind == _RESTARTED
        attempt = read_call_id(event.call_id)
        if event.kind in (DO_NOT_CALL, MAY_CALL):
            numbers.add(str(event.data.get("number") or ""))
        elif attempt is not None:
            contacts.add(attempt[0])
        elif event.kind in DECISIONS and event.call_id:
            contacts.add(event.call_id)
    session.flush()
    if restarted:
        contacts.update(session.scalars(select(ContactAttempt.contact_id).where(ContactAttempt.result.is_(None))))
    for contact_id in sorted(contacts):
        write_contact(session, contact_id)
    _write_do_not_call(session, numbers - {""})


def write_contact(session: Session, contact_id: str) -> None:
    """Write what all stored events tell of one contact; nothing when there is no such contact (any more).

    For whoever makes a contact, too: Asterisk may have rung the customer before the table was made anew.
    """
    row = session.get(Contact, contact_id)
    if row is None:
        return
    events = events_of_contact(session, contact_id)
    attempts = read_attempts(events, _restarts(session))
    for attempt in attempts:
        _write_attempt(session, row, attempt)
    session.flush()
    _write_answers(session, contact_id, read_answers(events))
    claimed = _rows(session, contact_id)
    over = [one for one in claimed if one.result is not None]
    progress = read_progress(events, attempts)
    row.attempts = max((one.attempt for one in claimed), default=0)
    row.last_result = over[-1].result if over else None
    row.reached_at, row.agreed_at, row.asking = progress.reached_at, progress.agreed_at, progress.asking
    row.ended_at = progress.ended_at
    row.state = progress.state or ("dialling" if len(over) < len(claimed) else "planned")
    if over and over[-1].ended_at:
        row.next_at = max(row.next_at, over[-1].ended_at)
    session.flush()


def attempts_of(session: Session, contact_id: str) -> list[Attempt]:
    """Every attempt of a contact, in order: as the journal tells it, and what stands in the tables alone."""
    told = read_attempts(events_of_contact(session, contact_id), _restarts(session))
    found = {attempt.number: attempt for attempt in told}
    for row in _rows(session, contact_id):
        known = found.get(row.attempt, Attempt(row.attempt, row.call_id))
        if known.result is None:
            known = replace(known, result=row.result, ended_at=row.ended_at)
        found[row.attempt] = known
    return [found[number] for number in sorted(found)]


def events_of_contact(session: Session, contact_id: str) -> list[Event]:
    """The journal's events that tell of a contact and of its attempts."""
    claimed = max((row.attempt for row in _rows(session, contact_id)), default=0)
    events = _events(session, [contact_id])
    # The ids are known beforehand, so the index finds them; attempts nobody claimed are known to the journal alone.
    for first in count(1, _ATTEMPTS_AT_ONCE):
        ids = [attempt_call_id(contact_id, number) for number in range(first, first + _ATTEMPTS_AT_ONCE)]
        found = _events(session, ids)
        events += found
        if first + _ATTEMPTS_AT_ONCE > claimed and not found:
            break
    return events


def _events(session: Session, calls: Collection[str]) -> list[Event]:
    rows = session.scalars(
        select(JournalEvent).where(JournalEvent.call_id.in_(calls), JournalEvent.kind.in_((*TOLD, *DECISIONS)))
    )
    return [_event(row) for row in rows if row.at is not None]


def _rows(session: Session, contact_id: str) -> list[ContactAttempt]:
    rows = select(ContactAttempt).where(ContactAttempt.contact_id == contact_id).order_by(ContactAttempt.attempt)
    return list(session.scalars(rows))


def _restarts(session: Session) -> list[datetime]:
    started = select(JournalEvent.at).where(JournalEvent.kind == _RESTARTED, JournalEvent.source == "queue_log")
    return [at for at in session.scalars(started) if at]


def _write_attempt(session: Session, contact: Contact, attempt: Attempt) -> None:
    row = session.get(ContactAttempt, (contact.id, attempt.number))
    began = min((at for at in (attempt.dialled_at, attempt.answered_at, attempt.ended_at) if at), default=None)
    if row is None and began is None:
        return
    if row is None:
        own = {"contact_id": contact.id, "attempt": attempt.number, "call_id": attempt.call_id}
        row = ContactAttempt(**own, number=contact.number, claimed_at=began)
        session.add(row)
    row.claimed_at = min(row.claimed_at, began or row.claimed_at)
    row.dialled_at, row.answered_at = attempt.dialled_at, attempt.answered_at
    if attempt.result is not None:
        row.result, row.ended_at = attempt.result, attempt.ended_at


def _write_answers(session: Session, contact_id: str, answers: dict[str, Given]) -> None:
    gone = delete(Answer).where(Answer.contact_id == contact_id, Answer.question.not_in(list(answers)))
    session.execute(gone)
    for given in answers.values():
        session.merge(Answer(contact_id=contact_id, **asdict(given)))


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
