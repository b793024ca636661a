"""What people do with a case: take, give, move, close it. The fact goes to the journal first, the table follows."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calls.events import Event
from ivr.calls.journal import Journal
from ivr.cases.rules import Act, refused
from ivr.errors import IvrError
from ivr.store.followup import Case, CaseState
from ivr.store.models import JournalEvent
from ivr.store.session import Store

MAX_OUTCOME = 2000
TAKEN, GIVEN, MOVED, CLOSED = "case.taken", "case.given", "case.moved", "case.closed"
ESCALATED = "case.escalated"
"""It is open beyond the time in which it should have been put right; told by the scheduler."""
_KINDS = (TAKEN, GIVEN, MOVED, CLOSED, ESCALATED)
_KIND_OF: dict[Act, str] = {"take": TAKEN, "give": GIVEN, "move": MOVED, "close": CLOSED}
_REASONS = {
    "closed": ("The case is closed.", "open the page anew to see by whom"),
    "taken": ("Somebody works on the case already.", "ask them, or a supervisor"),
    "not_yours": ("Somebody else works on the case.", "ask them, or a supervisor"),
    "not_taken": ("Nobody works on the case yet.", "take it first"),
    "not_in_charge": ("Who is in charge gives a case to somebody.", "ask a supervisor"),
    "nobody": ("There is nobody of this login.", "`ivr users list` shows who there is"),
    "no_outcome": ("A case is closed with an outcome.", "say what was done for the customer"),
    "behind": ("The records do not know yet all that has happened.", "try again in a moment; `ivr status`"),
    "no_number": ("This number cannot be dialled.", "write another into the customer's file"),
    "no_trunk": ("The business file names no trunk for this.", "set outbound.trunk"),
    "stopped": ("The emergency stop is in force: nobody is rung.", "`ivr campaigns resume` ends it"),
    "outside_hours": ("Nobody is rung at this hour.", "see outbound.window in the business file"),
    "in_use": ("The customer is on the line with us, or being rung.", "wait until they are not"),
    "per_day": ("The number has been rung as often as it may be in a day.", "try again tomorrow"),
    "per_5min": ("The number has been rung as often as it may be in five minutes.", "try again in some minutes"),
    "no_department": ("There is no such department.", "see departments in the business file"),
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
    _do(store, journal, case_id, "take", by, now, in_charge)


def give(
    store: Store,
    journal: Journal,
    case_id: int,
    by: str,
    to: str,
    now: dt.datetime,
    *,
    known: Collection[str],
    in_charge: bool = False,
) -> None:
    """Have somebody work on a case; `known` are the logins there are. Raises CaseNotFound, CaseRefused, OSError."""
    if to not in known:
        raise CaseRefused("nobody")
    _do(store, journal, case_id, "give", by, now, in_charge, to=to)


def move(
    store: Store,
    journal: Journal,
    case_id: int,
    by: str,
    department: str | None,
    now: dt.datetime,
    *,
    known: Collection[str],
    in_charge: bool = False,
) -> None:
    """Say which department answers for a case, None: none; `known` are those there are.

    Raises CaseNotFound, CaseRefused, OSError.
    """
    if department is not None and department not in known:
        raise CaseRefused("no_department")
    _do(store, journal, case_id, "move", by, now, in_charge, department=department)


def close(
    store: Store, journal: Journal, case_id: int, by: str, outcome: str, now: dt.datetime, *, in_charge: bool = False
) -> None:
    """End a case with what was done for the customer. Raises CaseNotFound, CaseRefused, OSError."""
    _do(store, journal, case_id, "close", by, now, in_charge, outcome=outcome.strip()[:MAX_OUTCOME])


def _do(
    store: Store,
    journal: Journal,
    case_id: int,
    act: Act,
    by: str,
    now: dt.datetime,
    in_charge: bool,
    **facts: str | None,
) -> None:
    with store.write() as session:
        store.lock(session, "cases")
        case = find(session, case_id)
        problem = refused(
            act, cast(CaseState, case.state), case.owner, by, facts.get("outcome") or "", in_charge=in_charge
        )
        if problem is not None:
            raise CaseRefused(problem)
        write(journal, case, _KIND_OF[act], now, by=by, **facts)


def find(session: Session, case_id: int) -> Case:
    """The case; raises CaseNotFound."""
    case = session.get(Case, case_id)
    if case is None:
        raise CaseNotFound("There is no case with this id.", "`ivr cases list` lists them")
    return case


def write(journal: Journal, case: Case, kind: str, now: dt.datetime, **facts: str | None) -> None:
    """Put down a fact of a case, and have its row follow. Raises OSError."""
    told = {"case": reference(case), **facts}
    journal.write(_place(case), kind, **told)
    _follow(case, Event("flow", kind, now, _place(case), data=told))


def _place(case: Case) -> str:
    """The call under which the journal tells of a case."""
    return case.call_id or case.origin


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
    asked = select(JournalEvent).where(JournalEvent.call_id == _place(case), JournalEvent.kind.in_(_KINDS))
    for row in session.scalars(asked.order_by(JournalEvent.at, JournalEvent.position)):
        if row.data.get("case") == reference(case):
            _follow(case, Event("flow", row.kind, row.at, row.call_id, data=row.data))


def _follow(case: Case, event: Event) -> None:
    if case.state == "closed":
        return
    by = str(event.data.get("by") or "")
    if event.kind in (TAKEN, GIVEN):
        case.state, case.owner = "taken", str(event.data.get("to") or "") or by
    elif event.kind == MOVED:
        case.department = str(event.data.get("department") or "") or None
    elif event.kind == ESCALATED:
        case.escalated_at = case.escalated_at or event.at
    else:
        case.state, case.owner = "closed", case.owner or by
        case.outcome, case.closed_at = str(event.data.get("outcome") or ""), event.at
