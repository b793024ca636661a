"""What becomes a case and by when somebody must have acted on it (S25, S26, S22): rules that only reckon."""

import datetime as dt
from dataclasses import dataclass

from ivr.hotline.model import Standards
from ivr.store.followup import CaseKind, CaseState

COMPLAINT = "complaint"
"""The disposition of `hotline.yaml` with which an agent says that a call was a complaint."""


@dataclass(frozen=True)
class Trouble:
    """Something in the record that a person has to put right; `origin` is the id of the call it began in."""

    kind: CaseKind
    origin: str
    at: dt.datetime
    call_id: str | None
    number: str
    queue: str | None
    matter: str = ""


def due_at(opened_at: dt.datetime, key: bool, standards: Standards) -> dt.datetime:
    """By when the customer must have heard from us; key customers sooner."""
    return opened_at + dt.timedelta(hours=standards.key_case_hours if key else standards.case_hours)


def refused(act: str, state: CaseState, owner: str | None, by: str, outcome: str, *, in_charge: bool) -> str | None:
    """Why a case cannot be taken or closed now (the last part of a text key); None when it can.

    Whoever works on it closes it, with an outcome; one in charge may take it over and close it.
    """
    if state == "closed":
        return "closed"
    if act == "take":
        return "taken" if state == "taken" and not (in_charge and owner != by) else None
    if owner != by and not in_charge:
        return "not_yours" if owner else "not_taken"
    return None if outcome.strip() else "no_outcome"
