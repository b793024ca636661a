"""What people do with a case: take it, close it. The fact goes to the journal first, the table follows it."""

import datetime as dt
from collections.abc import Iterable
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calls.events import Event
from ivr.calls.journal import Journal
from ivr.cases.rules import refused
from ivr.errors import IvrError
from ivr.store.followup import Case, CaseState
from ivr.store.models import JournalEvent
from ivr.store.session import Store

Act = Literal["take", "close"]
MAX_OUTCOME = 2000
_KINDS = ("case.taken", "case.closed")
_REASONS = {
    "closed": ("The case is closed.", "open the page anew to see by whom"),
    "taken": ("Somebody works on the case already.", "ask them, or a supervisor"),
    "not_yours": ("Somebody else works on the case.", "ask them, or a supervisor"),
    "not_taken": ("Nobody works on the case yet.", "take it first"),
    "no_outcome": ("A case is closed with an outcome.", "say what was done for the customer"),
}


class CaseNotFound(IvrError):
    """No case has this id."""


class CaseRefused(IvrError):
    """The case is not in the state for this; `problem` is the last part of a text key."""

    def __init__(self, problem: str) -> None:
        super().__init__(*_REASONS[problem])
        self.problem = problem


def reference(case: Case) -> str:
    """How the journal names a case: by what it began with, which stays when the tables are made anew."""
    return f"{case.kind}:{case.origin}"


def take(store: Store, journal: Journal, case_id: int, by: str, now: dt.datetime, *, in_charge: bool = False) -> None:
    """Work on a case; one in charge may take it over. Raises CaseNotFound, CaseRefused, OSError."""
    _do(store, journal, case_id, "take", by, "", now, in_charge)


def close(
    store: Store, journal: Journal, case_id: int, by: str, outcome: str, now: dt.datetime, *, in_charge: bool = False
) -> None:
    """End a case with what was done for the customer. Raises CaseNotFound, CaseRefused, OSError."""
    _do(store, journal, case_id, "close", by, outcome.strip()[:MAX_OUTCOME], now, in_charge)


def _do(
    store: Store, journal: Journal, case_id: int, act: Act, by: str, outcome: str, now: dt.datetime, in_charge: bool
) -> None:
    with store.write() as session:
        store.lock(session, "cases")
        case = session.get(Case, case_id)
        if case is None:
            raise CaseNotFound("There is no case with this id.", "`ivr cases list` lists them")
        problem = refused(act, cast(CaseState, case.state), case.owner, by, outcome, in_charge=in_charge)
        if problem is not None:
            raise CaseRefused(problem)
        facts = {"case": reference(case), "by": by} | ({"outcome": outcome} if act == "close" else {})
        kind = "case.taken" if act == "take" else "case.closed"
        journal.write(case.call_id or case.origin, kind, **facts)
        _follow(case, Event("flow", kind, now, case.call_id, data=facts))


def apply(session: Session, events: Iterable[Event]) -> None:
    """Bring the cases to what the journal's events say; the same ones again change nothing."""
    for event in events:
        kind, _, origin = str(event.data.get("case") or "").partition(":")
        if event.source != "flow" or event.kind not in _KINDS or not origin:
            continue
        case = session.scalar(select(Case).where(Case.kind == kind, Case.origin == origin))
        if case is not None:
            _follow(case, event)


def replay(session: Session, case: Case) -> None:
    """What the journal holds of a case that has only now been opened (again)."""
    asked = select(JournalEvent).where(JournalEvent.call_id == case.call_id, JournalEvent.kind.in_(_KINDS))
    for row in session.scalars(asked.order_by(JournalEvent.at, JournalEvent.position)):
        if row.data.get("case") == reference(case):
            _follow(case, Event("flow", row.kind, row.at, row.call_id, data=row.data))


def _follow(case: Case, event: Event) -> None:
    if case.state == "closed":
        return
    by = str(event.data.get("by") or "")
    if event.kind == "case.taken":
        case.state, case.owner = "taken", by
    else:
        case.state, case.owner = "closed", case.owner or by
        case.outcome, case.closed_at = str(event.data.get("outcome") or ""), event.at
