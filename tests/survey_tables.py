"""Visits, contacts, attempts and answers put straight into the tables, for tests of what is read from them."""

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from ivr.store.customers import Customer, Visit
from ivr.store.surveys import OPEN_STATES, Answer, AttemptResult, Contact, ContactAttempt, ContactState, comment_leg
from ivr.surveys.ids import attempt_call_id, contact_id

__all__ = ["SURVEY", "SurveyTables", "comment_leg"]

SURVEY = "after_service"


class SurveyTables:
    """Adds rows to a session; every visit is of a customer of its own unless told otherwise."""

    def __init__(self, session: Session, now: dt.datetime) -> None:
        self.session, self.now = session, now
        self._visits = 0

    def customer(self, name: str = "王建国", title: str = "先生", **facts: Any) -> int:
        row = Customer(name=name, surname=name[:1], title=title, updated_at=self.now, **facts)
        self.session.add(row)
        self.session.flush()
        return row.id

    def visit(self, days_ago: float = 2, kind: str = "保养", by: str = "T01", **facts: Any) -> Visit:
        self._visits += 1
        customer = facts.pop("customer_id", None) or self.customer()
        at = self.now - dt.timedelta(days=days_ago)
        row = Visit(
            external_id=facts.pop("name", f"V{self._visits:05}"), customer_id=customer, kind=kind, at=at, by=by, **facts
        )
        self.session.add(row)
        self.session.flush()
        return row

    def contact(
        self, state: ContactState = "planned", visit: Visit | None = None, survey: str = SURVEY, **facts: Any
    ) -> Contact:
        """A contact due a day after its visit; whoever was completed, or declined, was reached."""
        visit = visit or self.visit()
        due = visit.at + dt.timedelta(days=1)
        known: dict[str, Any] = {"number": f"1380000{visit.id:04}", "language": "zh-CN", "due_at": due}
        known |= {"next_at": due, "expires_at": due + dt.timedelta(days=7)}
        if state in ("completed", "declined", "person"):
            known["reached_at"] = self.now
        if state not in OPEN_STATES:
            known["ended_at"] = self.now
        row = Contact(
            id=contact_id(survey, visit.external_id), survey=survey, visit_id=visit.id, state=state, **(known | facts)
        )
        self.session.add(row)
        self.session.flush()
        return row

    def attempt(self, contact: Contact, result: AttemptResult | None = "completed", **facts: Any) -> ContactAttempt:
        """The next attempt of a contact, dialled unless told otherwise."""
        contact.attempts += 1
        contact.last_result = result
        at = facts.pop("at", self.now - dt.timedelta(hours=1))
        known: dict[str, Any] = {"number": contact.number, "claimed_at": at, "dialled_at": at}
        known["ended_at"] = at + dt.timedelta(minutes=2) if result else None
        row = ContactAttempt(
            contact_id=contact.id,
            attempt=contact.attempts,
            call_id=attempt_call_id(contact.id, contact.attempts),
            result=result,
            **(known | facts),
        )
        self.session.add(row)
        self.session.flush()
        return row

    def answer(self, contact: Contact, question: str, value: str = "", **facts: Any) -> Answer:
        known = {"call_id": attempt_call_id(contact.id, max(1, contact.attempts)), "given_at": self.now}
        row = Answer(contact_id=contact.id, question=question, value=value, **(known | facts))
        self.session.add(row)
        self.session.flush()
        return row
