"""Customers who said when to be called again and were not understood for sure: a person listens (S26)."""

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.cases.record import TO_CHECK
from ivr.cases.rules import Trouble
from ivr.hotline import Hotline
from ivr.store.customers import Visit
from ivr.store.followup import Case
from ivr.store.models import spoken_text
from ivr.store.surveys import Contact
from ivr.surveys.said_times import SaidTime, said_times


def time_troubles(session: Session, hotline: Hotline, now: dt.datetime) -> Iterator[Trouble]:
    """Those that have no case yet. One that cannot be told apart from an agreed time for sure has one, too."""
    has_none = ~select(Case.id).where(Case.kind == "survey_time", Case.origin == Contact.time_said_in).exists()
    asked = select(Contact, Visit.customer_id).join(Visit, Visit.id == Contact.visit_id)
    rows = session.execute(asked.where(Contact.time_said_in.is_not(None), has_none).order_by(Contact.id))
    customers = {contact: customer for contact, customer in rows}  # noqa: C416 (rows are no pairs to mypy)
    for said in said_times(session, hotline, list(customers)):
        if said.wants_person(now):
            yield _trouble(said, customers[said.contact], hotline)


def _trouble(said: SaidTime, customer: int, hotline: Hotline) -> Trouble:
    contact, survey = said.contact, hotline.surveys.get(said.contact.survey)
    words = spoken_text(said.words.words) if said.words else ""
    return Trouble(
        kind="survey_time",
        origin=said.call_id,
        at=said.said_at,
        call_id=said.call_id,
        number=contact.number,
        queue=survey.queue if survey else None,
        matter=words + TO_CHECK if words else "",
        contact_id=contact.id,
        customer_id=customer,
        department=survey.department if survey else None,
        key=contact.key,
    )
