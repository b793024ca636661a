"""What becomes a case and by when somebody must have acted on it (S25, S26, S22): rules that only reckon."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from ivr.hotline.calendar import DayCalendar
from ivr.hotline.model import Standards
from ivr.store.followup import CaseKind, CaseState

Act = Literal["take", "give", "move", "call", "close"]

COMPLAINT = "complaint"
"""The disposition of `hotline.yaml` with which an agent says that a call was a complaint."""
LAST_CALL = dt.timedelta(hours=24)
"""Reminded so long before a case should be put right, or in the middle of its time where that is later."""

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Trouble:
    """Something in the record that a person has to put right; `origin` is the id of what it began in: a call, or the
    contact of a survey (`contact_id` then). `customer_id` where it is known by more than the number."""

    kind: CaseKind
    origin: str
    at: dt.datetime
    call_id: str | None
    number: str
    queue: str | None
    matter: str = ""
    contact_id: str | None = None
    customer_id: int | None = None
    department: str | None = None
    key: bool = False


def due_at(opened_at: dt.datetime, key: bool, standards: Standards) -> dt.datetime:
    """By when the customer must have heard from us; key customers sooner."""
    return opened_at + dt.timedelta(hours=standards.key_case_hours if key else standards.case_hours)


def resolve_by(
    opened_at: dt.datetime, key: bool, standards: Standards, calendar: DayCalendar, zone: ZoneInfo
) -> dt.datetime:
    """By when it is to be put right (S25): the end of the last of so many working days, in UTC.

    The day it began on does not count, and the last one counts whole (Civil Code of China, articles 201 and 203).
    """
    days = standards.key_resolve_days if key else standards.resolve_days
    day = opened_at.astimezone(zone).date()
    while days:
        day += _DAY
        days -= calendar.is_working_day(day)
    return dt.datetime.combine(day + _DAY, dt.time(), zone).astimezone(dt.UTC)


def remind_at(opened_at: dt.datetime, due: dt.datetime) -> dt.datetime:
    """When those concerned are told that the time to put it right runs out."""
    return due - min(LAST_CALL, (due - opened_at) / 2)


def refused(act: Act, state: CaseState, owner: str | None, by: str, outcome: str, *, in_charge: bool) -> str | None:
    """Why something cannot be done with a case now (the last part of a text key); None when it can.

    Whoever works on it calls the customer, moves it to another department and closes it, with an outcome; one in
    charge may take it over, give it to somebody, move and close it.
    """
    if state == "closed":
        return "closed"
    if act == "give":
        return None if in_charge else "not_in_charge"
    if act == "take":
        return "taken" if state == "taken" and not (in_charge and owner != by) else None
    if owner != by and not (in_charge and act != "call"):
        return "not_yours" if owner else "not_taken"
    return "no_outcome" if act == "close" and not outcome.strip() else None
