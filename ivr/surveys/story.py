"""One contact with its whole story: the visit, every attempt, what was heard and answered, and what came of it."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calls.record import CallNotFound, CallRecord, get_call
from ivr.customers.file import Entry, get_customer
from ivr.errors import IvrError
from ivr.store.customers import Visit
from ivr.store.followup import Case
from ivr.store.models import JournalEvent, Transcript
from ivr.store.surveys import Answer, Contact, ContactAttempt, DoNotCall, comment_leg
from ivr.surveys.attempts import moment_of
from ivr.surveys.events import ANSWER, CANCELLED, CONFIRMED, ENDED, EXPIRED, GAVE_UP, HEARD, TIME_SET

_DECISIONS = {"cancelled": CANCELLED, "gave_up": GAVE_UP, "expired": EXPIRED}
"""States that a contact comes to without a call, and the event that says so."""


class ContactNotFound(IvrError):
    """No contact has this id."""


@dataclass(frozen=True)
class Told:
    """One thing that happened: `what` names it for the page's words, `facts` are what stands in them (as the journal
    and the tables have them: ids, not labels); `agreed` is a moment that was agreed on."""

    at: dt.datetime
    what: str
    facts: Mapping[str, str] = field(default_factory=dict)
    agreed: dt.datetime | None = None


@dataclass(frozen=True)
class Said:
    """An answer; of a comment its words, once they are written down."""

    answer: Answer
    words: Transcript | None = None


@dataclass(frozen=True)
class Heard:
    """What a call's journal tells of an attempt: the event and its facts."""

    at: dt.datetime
    kind: str
    facts: Mapping[str, object]


@dataclass(frozen=True)
class ContactStory:
    """All that is known of a contact. `calls` has the record of each attempt that came to a call, by its id."""

    contact: Contact
    visit: Visit
    customer: Entry
    attempts: Sequence[ContactAttempt]
    calls: Mapping[str, CallRecord]
    answers: Sequence[Said]
    cases: Sequence[Case]
    do_not_call: DoNotCall | None
    lines: Sequence[Told]


def contact_story(session: Session, contact_id: str, now: dt.datetime) -> ContactStory:
    """The story so far; raises ContactNotFound."""
    contact = session.get(Contact, contact_id) if "\x00" not in contact_id else None
    if contact is None:
        raise ContactNotFound("There is no contact with this id.", "`ivr campaigns` lists the surveys they belong to")
    visit = session.get_one(Visit, contact.visit_id)
    attempts = session.scalars(
        select(ContactAttempt).where(ContactAttempt.contact_id == contact_id).order_by(ContactAttempt.attempt)
    ).all()
    cases = session.scalars(select(Case).where(Case.contact_id == contact_id).order_by(Case.opened_at, Case.id)).all()
    heard = _heard(session, [contact_id, *(attempt.call_id for attempt in attempts)])
    calls = _calls(session, attempts)
    return ContactStory(
        contact=contact,
        visit=visit,
        customer=get_customer(session, visit.customer_id),
        attempts=attempts,
        calls=calls,
        answers=_answers(session, contact_id),
        cases=cases,
        do_not_call=session.get(DoNotCall, contact.number),
        lines=tell(contact, visit, attempts, heard, cases, now, calls.values()),
    )


def answer_of(session: Session, contact_id: str, question: str) -> Answer | None:
    """What was answered to one question."""
    return None if "\x00" in contact_id + question else session.get(Answer, (contact_id, question))


def tell(
    contact: Contact,
    visit: Visit,
    attempts: Iterable[ContactAttempt],
    heard: Sequence[Heard],
    cases: Iterable[Case],
    now: dt.datetime,
    calls: Iterable[CallRecord] = (),
) -> list[Told]:
    """What has happened by now, in order of time: pure."""
    lines = [Told(visit.at, "visit", {"kind": visit.kind, "by": visit.by}), Told(contact.due_at, "due")]
    for attempt in attempts:
        lines += _told_of_attempt(attempt)
    for event in heard:
        lines += _told_of_event(event)
    for call in calls:
        if call.answered_at and call.agent:  # by an agent, whom the customer asked for
            lines.append(Told(call.answered_at, "talks", {"agent": call.agent}))
    if contact.ended_at and contact.state in _DECISIONS:
        decided = [event.facts for event in heard if event.kind == _DECISIONS[contact.state]]
        facts = {name: str(value) for name, value in (decided[-1] if decided else {}).items()}
        lines.append(Told(contact.ended_at, contact.state, facts))
    for case in cases:
        lines.append(Told(case.opened_at, "case", {"kind": case.kind, "case": str(case.id)}))
        if case.closed_at:
            lines.append(Told(case.closed_at, "case_closed", {"case": str(case.id), "outcome": case.outcome}))
    return sorted((line for line in lines if line.at <= now), key=lambda line: line.at)


def _told_of_attempt(attempt: ContactAttempt) -> Iterator[Told]:
    number = {"attempt": str(attempt.attempt)}
    yield Told(attempt.dialled_at or attempt.claimed_at, "dialled" if attempt.dialled_at else "claimed", number)
    if attempt.answered_at:
        yield Told(attempt.answered_at, "answered", number)
    if attempt.ended_at and attempt.result:
        yield Told(attempt.ended_at, "ended", number | {"result": attempt.result})


def _told_of_event(event: Heard) -> Iterator[Told]:
    facts = event.facts
    if event.kind == HEARD:
        yield Told(event.at, "heard", {"who": str(facts.get("who") or "uncertain")})
    elif event.kind == CONFIRMED:
        yield Told(event.at, "confirmed")
    elif event.kind == ANSWER:
        yield Told(event.at, "answer", {name: str(facts.get(name) or "") for name in ("question", "value")})
    elif event.kind == ENDED and facts.get("result") in ("later", "person"):
        yield Told(event.at, "later_said" if facts.get("recording") else str(facts["result"]))
    elif event.kind == TIME_SET:
        yield Told(event.at, "time_set", {"by": str(facts.get("by") or "")}, moment_of(facts.get("agreed")))


def _heard(session: Session, calls: Sequence[str]) -> list[Heard]:
    kinds = (HEARD, CONFIRMED, ANSWER, ENDED, TIME_SET, *_DECISIONS.values())
    rows = session.scalars(
        select(JournalEvent)
        .where(JournalEvent.call_id.in_(calls), JournalEvent.kind.in_(kinds), JournalEvent.at.is_not(None))
        .order_by(JournalEvent.at, JournalEvent.position)
    )
    return [Heard(row.at, row.kind, row.data) for row in rows if row.at is not None]


def _calls(session: Session, attempts: Iterable[ContactAttempt]) -> dict[str, CallRecord]:
    found: dict[str, CallRecord] = {}
    for attempt in attempts:
        with suppress(CallNotFound):  # nobody was rung, or the journal does not tell of it yet
            found[attempt.call_id] = get_call(session, attempt.call_id)
    return found


def _answers(session: Session, contact_id: str) -> list[Said]:
    rows = session.execute(
        select(Answer, Transcript)
        .outerjoin(Transcript, Transcript.leg_id == comment_leg(Answer.call_id, Answer.question))
        .where(Answer.contact_id == contact_id)
        .order_by(Answer.given_at, Answer.question)
    )
    return [Said(answer, words) for answer, words in rows]
