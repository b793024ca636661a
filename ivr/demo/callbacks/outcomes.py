"""What came of each customer of the demonstration, from the tables and from what their phones have noticed."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.demo.callbacks.characters import LATER, Outcome
from ivr.demo.callbacks.phones import CustomerPhones
from ivr.store.followup import Case
from ivr.store.models import Call
from ivr.store.surveys import OPEN_STATES, Answer, Contact, ContactAttempt, DoNotCall

_ABOUT_AN_HOUR = (timedelta(minutes=58), timedelta(minutes=62))


def is_over(session: Session) -> bool:
    """Whether nobody is to be rung any more, but at the time that a customer chose."""
    waits = select(Contact.id).where(Contact.state.in_(OPEN_STATES), Contact.last_result.is_distinct_from("later"))
    goes_on = select(ContactAttempt.call_id).where(ContactAttempt.result.is_(None))
    return session.scalar(waits.limit(1)) is None and session.scalar(goes_on.limit(1)) is None


def read_outcomes(
    session: Session, contacts: Mapping[str, str], phones: CustomerPhones, recordings: Path
) -> dict[str, Outcome]:
    """What came of every contact so far, by number; `contacts`: contact → number."""
    return {
        number: _outcome(session, contact, number, phones, recordings)
        for contact, number in contacts.items()
        if session.get(Contact, contact) is not None
    }


def _outcome(session: Session, contact: str, number: str, phones: CustomerPhones, recordings: Path) -> Outcome:
    row = session.get_one(Contact, contact)
    tried = select(ContactAttempt).where(ContactAttempt.contact_id == contact).order_by(ContactAttempt.attempt)
    attempts = list(session.scalars(tried))
    given = select(Answer).where(Answer.contact_id == contact).order_by(Answer.given_at)
    spoke = select(Call.agent).where(Call.id.in_([one.call_id for one in attempts]), Call.agent.is_not(None))
    cases = select(Case.kind).where(Case.contact_id == contact).order_by(Case.id)
    return Outcome(
        rings=phones.noticed("rings", number),
        attempts=tuple(one.result or "goes on" for one in attempts),
        state=_state(row, attempts),
        answers=tuple((answer.question, _value(answer, recordings)) for answer in session.scalars(given)),
        agent=", ".join(str(agent) for agent in session.scalars(spoke)),
        case=", ".join(session.scalars(cases)),
        do_not_call=session.get(DoNotCall, number) is not None,
    )


def _state(row: Contact, attempts: list[ContactAttempt]) -> str:
    if row.state != "planned" or row.agreed_at is None:
        return row.state
    agreed_in = row.agreed_at - (attempts[-1].ended_at or row.agreed_at)
    return LATER if _ABOUT_AN_HOUR[0] <= agreed_in <= _ABOUT_AN_HOUR[1] else f"planned for {row.agreed_at:%H:%M} UTC"


def _value(answer: Answer, recordings: Path) -> str:
    """As keyed; of a comment whether it can be heard."""
    if answer.recording is None:
        return answer.value
    return "spoken" if (recordings / answer.recording).is_file() else "lost"
