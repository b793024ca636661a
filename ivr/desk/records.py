"""What the records tell an agent: who calls, what was before, and the own figures of the day."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from ivr.customers.numbers import forms, normalise
from ivr.desk.transfer import Transfer
from ivr.desk.transfer_facts import KINDS, read_transfer
from ivr.store.customers import Customer, CustomerNumber, Visit
from ivr.store.followup import Case, Rating, WrapUpNote
from ivr.store.models import Call, JournalEvent, Leg, Transcript

_SHOWN = 5
_RECENT = 100
"""Among so many of the last answered calls one that was passed on is looked for."""
_LAST_WORDS = 60
"""As many of the last words of each side are shown: what it ended with, not the talk."""


@dataclass(frozen=True)
class CustomerFile:
    """Who calls, by number (S23): an unknown number has calls, notes and cases, but no customer."""

    customer: Customer | None
    visits: list[Visit] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    notes: dict[str, WrapUpNote] = field(default_factory=dict)
    """The latest note of each call, by call id."""
    last_words: list[tuple[str, str]] = field(default_factory=list)
    """What was said last in the call before: (caller or agent, words)."""


@dataclass(frozen=True)
class Figures:
    """An agent's day: seconds where not said otherwise; None where nothing could be counted."""

    calls: int
    talk_mean: float | None
    hold_mean: float | None
    rating: float | None
    ratings: int
    transfers: int
    noted: int


def find_call(session: Session, call_id: str | None) -> Call | None:
    """The record of a call while it still runs, or None before it is known."""
    return session.get(Call, call_id) if call_id and "\x00" not in call_id else None


def last_call(session: Session, agent: str, since: dt.datetime) -> Call | None:
    """The call that an agent took last, whoever it was passed on to, if it was answered after `since`."""
    latest = select(Call).where(Call.answered_at >= since).order_by(Call.answered_at.desc(), Call.id.desc())
    own = session.scalar(latest.where(Call.agent == agent).limit(1))
    passed_on = next((call for call in session.scalars(latest.limit(_RECENT)) if took(call, agent)), None)
    found = [call for call in (own, passed_on) if call is not None and call.answered_at is not None]
    return max(found, key=lambda call: (call.answered_at or since, call.id), default=None)


def took(call: Call, agent: str) -> bool:
    """Whether an agent spoke with the caller: took the call, or passed it on."""
    return call.agent == agent or any(step.get("by") == agent for step in call.transfers)


def own_note(session: Session, call_id: str, agent: str) -> WrapUpNote | None:
    return session.get(WrapUpNote, (call_id, agent))


def transfer_of(session: Session, call_id: str, agent: str, desk: str) -> Transfer:
    """How an agent's transfer of a call stands, from the facts of its journal."""
    facts = session.scalars(
        select(JournalEvent)
        .where(JournalEvent.call_id == call_id, JournalEvent.source == "cel", JournalEvent.kind.in_(KINDS))
        .order_by(JournalEvent.at, JournalEvent.position)
    )
    return read_transfer(facts, call_id, agent, desk)


def file_of(session: Session, call: Call | None, caller: str | None) -> CustomerFile:
    """The file of who calls (S23), without the present call; `caller` is the number where there is no record yet."""
    number = (_customers_number(call) if call else None) or caller
    customer = _customer(session, call.customer_id if call else None, number)
    theirs = _theirs(customer, number, session)
    if theirs is None:
        return CustomerFile(None)
    present = call.id if call else ""
    calls = list(
        session.scalars(
            select(Call)
            .where(theirs, Call.id != present, Call.direction != "internal")
            .order_by(Call.started_at.desc())
            .limit(_SHOWN)
        )
    )
    return CustomerFile(
        customer=customer,
        visits=_visits(session, customer),
        calls=calls,
        cases=_cases(session, customer, number),
        notes=_notes(session, [each.id for each in calls]),
        last_words=_last_words(session, next((each.id for each in calls if each.answered_at), None)),
    )


def _customers_number(call: Call) -> str | None:
    """Of whoever is not ours: who called, or whom we called."""
    return call.called if call.direction == "outbound" else call.caller


def _customer(session: Session, customer_id: int | None, number: str | None) -> Customer | None:
    if customer_id is not None and (known := session.get(Customer, customer_id)) is not None:
        return known
    if not number:
        return None
    return session.scalar(
        select(Customer)
        .join(CustomerNumber, CustomerNumber.customer_id == Customer.id)
        .where(CustomerNumber.number == (normalise(number) or number))
        .limit(1)
    )


def _theirs(customer: Customer | None, number: str | None, session: Session) -> ColumnElement[bool] | None:
    """Which calls are theirs: by any number of the customer, in every way in which carriers deliver it."""
    if customer is None:
        return Call.caller.in_(_delivered(number)) if number else None
    numbers = session.scalars(select(CustomerNumber.number).where(CustomerNumber.customer_id == customer.id))
    written = {form for each in numbers for form in _delivered(each)}
    return or_(Call.customer_id == customer.id, Call.caller.in_(sorted(written)))


def _delivered(number: str) -> list[str]:
    known = forms(normalise(number) or number)
    return sorted({number, *known, *(f"+{form}" for form in known)})


def _visits(session: Session, customer: Customer | None) -> list[Visit]:
    if customer is None:
        return []
    theirs = (Visit.customer_id == customer.id, Visit.withdrawn_at.is_(None))
    wanted = select(Visit).where(*theirs).order_by(Visit.at.desc(), Visit.id.desc())
    return list(session.scalars(wanted.limit(_SHOWN)))


def _cases(session: Session, customer: Customer | None, number: str | None) -> list[Case]:
    whose = Case.customer_id == customer.id if customer else Case.number == (number or "-")
    return list(
        session.scalars(
            select(Case).where(whose).order_by((Case.state == "closed"), Case.due_at, Case.id).limit(_SHOWN)
        )
    )


def _notes(session: Session, call_ids: list[str]) -> dict[str, WrapUpNote]:
    rows = session.scalars(select(WrapUpNote).where(WrapUpNote.call_id.in_(call_ids)).order_by(WrapUpNote.written_at))
    return {row.call_id: row for row in rows}


def _last_words(session: Session, call_id: str | None) -> list[tuple[str, str]]:
    if call_id is None:
        return []
    rows = session.execute(
        select(Leg.role, Transcript.text)
        .join(Transcript, Transcript.leg_id == Leg.id)
        .where(Leg.call_id == call_id, Leg.role.in_(("caller", "agent")), Transcript.text != "")
        .order_by(Leg.role.desc())
    )
    return [(row.role, _end_of(row.text)) for row in rows]


def _end_of(text: str) -> str:
    return text if len(text) <= _LAST_WORDS else f"…{text[-_LAST_WORDS:]}"


def figures(session: Session, agent: str, since: dt.datetime) -> Figures:
    """What an agent did since a moment (midnight, for the day)."""
    mine = (Call.agent == agent, Call.answered_at >= since)
    row = session.execute(
        select(func.count(), func.avg(Call.talk_seconds), func.avg(Call.hold_seconds)).where(*mine)
    ).one()
    rated = session.execute(
        select(func.count(), func.avg(Rating.score)).where(Rating.agent == agent, Rating.given_at >= since)
    ).one()
    moved = session.scalars(select(Call.transfers).where(*mine))
    noted = session.scalar(
        select(func.count()).select_from(WrapUpNote).where(WrapUpNote.agent == agent, WrapUpNote.written_at >= since)
    )
    return Figures(
        calls=row[0],
        talk_mean=_number(row[1]),
        hold_mean=_number(row[2]),
        rating=_number(rated[1]),
        ratings=rated[0],
        transfers=sum(len(steps) for steps in moved),
        noted=noted or 0,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
