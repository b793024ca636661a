"""Calling a customer back about their case (S25): whether this may be now, and having it done.

The same gates as for everybody else whom we ring: a number that may be dialled, the allowed hours, the caps of a
number, nobody twice at a time, the emergency stop. The do-not-call list does not forbid it: the customer complained and
waits for an answer (docs/surveys.md); who calls is told of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.callbacks.caps import Caps, being_rung, dials_to
from ivr.callbacks.numbers import as_shown, callable_number
from ivr.callbacks.rule import in_window
from ivr.calls.journal import Journal
from ivr.cases.acts import CaseRefused, find, reference
from ivr.cases.return_calls import CALLED, NOT_PLACED, return_call_id
from ivr.cases.rules import refused
from ivr.hotline import Hotline
from ivr.speech.surnames import surname_prompt
from ivr.store.customers import Customer
from ivr.store.followup import Case, CaseState
from ivr.store.models import Call
from ivr.store.session import Store
from ivr.store.surveys import Contact, DoNotCall
from ivr.telephony.control import AsteriskUnreachable, CaseCall, CommandRefused, Control

Barred = Literal["no_number", "no_trunk", "stopped", "outside_hours", "in_use", "per_day", "per_5min"]

_PATIENCE = 5
"""So often the tables are asked whether they know everything by now."""
_LONGEST_CALL = timedelta(hours=12)
"""A call without an end that began longer ago is none."""


@dataclass(frozen=True)
class Gate:
    """Why a customer may not be rung now; `at`: from when on they may, where that is known."""

    why: Barred
    at: datetime | None = None


@dataclass(frozen=True)
class Desk:
    """Who calls: the login, and the agent whose phone rings."""

    by: str
    agent: str


class Caller:
    """Has customers called back. `stopped` says whether the emergency stop is in force, `knows_everything` whether the
    tables have all that has happened, after a moment's wait: nobody is rung on yesterday's news."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        control: Control,
        stopped: Callable[[], bool],
        knows_everything: Callable[[], bool],
    ) -> None:
        self._store, self._journal, self._control = store, journal, control
        self._stopped, self._knows_everything = stopped, knows_everything

    def gate(self, session: Session, number: str, hotline: Hotline, now: datetime) -> Gate | None:
        """Why this number may not be rung now; None: it may."""
        dialled = callable_number(number, {hotline.hotline.number})
        if dialled is None:
            return Gate("no_number")
        if hotline.return_trunk is None:
            return Gate("no_trunk")
        if self._stopped():
            return Gate("stopped")
        if not in_window(hotline.outbound.window, hotline.zone, now):
            return Gate("outside_hours")
        if dialled in being_rung(session, [dialled], now) or _on_the_line(session, dialled, now):
            return Gate("in_use")
        caps = Caps(hotline.outbound.per_day, hotline.outbound.per_5min)
        free = caps.free_at(dial.at for dial in dials_to(session, [dialled], now)[dialled])
        return Gate(free[1], free[0]) if free is not None and free[0] > now else None

    def call(self, case_id: int, desk: Desk, hotline: Hotline, now: datetime) -> None:
        """Ring the agent's phone, then the customer's. Raises CaseNotFound, CaseRefused, OSError, StoreUnavailable,
        and what `Control.return_call` raises."""
        self._catch_up()
        number, call = self._announce(case_id, desk, hotline, now)
        try:
            # Once the tables know of this call no dialler claims the number; who claimed it just before is seen here.
            self._catch_up()
            with self._store.read() as session:
                if number in being_rung(session, [number], now, but=call.call_id):
                    raise CaseRefused("in_use")
            self._control.return_call(desk.agent, number, call)
        except (CaseRefused, CommandRefused, AsteriskUnreachable):
            self._journal.write(call.call_id, NOT_PLACED, case=call.case)
            raise

    def _announce(self, case_id: int, desk: Desk, hotline: Hotline, now: datetime) -> tuple[str, CaseCall]:
        """Check everything, and write down that the customer is to be called: the number, and the call to be."""
        with self._store.write() as session:
            self._store.lock(session, "cases")
            case = find(session, case_id)
            problem = refused("call", cast(CaseState, case.state), case.owner, desk.by, "", in_charge=False)
            if problem is not None:
                raise CaseRefused(problem)
            gate = self.gate(session, case.number, hotline, now)
            if gate is not None:
                raise CaseRefused(gate.why)
            number = callable_number(case.number) or ""
            call = _case_call(session, case, hotline, now)
            facts = {"case": call.case, "of": case.call_id or case.origin, "by": desk.by, "agent": desk.agent}
            self._journal.write(call.call_id, CALLED, **facts, number=number)
        return number, call

    def _catch_up(self) -> None:
        if not any(self._knows_everything() for _ in range(_PATIENCE)):
            raise CaseRefused("behind")


def is_on_do_not_call(session: Session, number: str) -> bool:
    """Whether this number is on the do-not-call list: it is called about the own complaint alone."""
    dialled = callable_number(number)
    return dialled is not None and session.get(DoNotCall, dialled) is not None


def _on_the_line(session: Session, number: str, now: datetime) -> bool:
    """Whether they are talking with us, or wait in a line, just now."""
    up = select(Call.caller, Call.called).where(Call.ended_at.is_(None), Call.started_at > now - _LONGEST_CALL)
    shown = as_shown(number)
    return any(caller in shown or called in shown for caller, called in session.execute(up))


def _case_call(session: Session, case: Case, hotline: Hotline, now: datetime) -> CaseCall:
    customer = session.get(Customer, case.customer_id) if case.customer_id is not None else None
    contact = session.get(Contact, case.contact_id) if case.contact_id else None
    began = session.get(Call, case.call_id) if case.call_id else None
    spoken = (row.language for row in (customer, contact, began) if row is not None)
    name = reference(case)
    return CaseCall(
        call_id=return_call_id(name, now),
        case=name,
        kind=case.kind,
        language=next((each for each in spoken if each in hotline.languages), hotline.languages[0]),
        queue=case.queue if case.queue in hotline.queues else hotline.default_queue,
        surname=surname_prompt(customer.surname, customer.title) if customer else "",
        customer=f"{customer.surname}{customer.title}" if customer else "",
    )
