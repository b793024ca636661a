"""The survey dialler: looks about once a second, and rings those whose turn it is, evenly paced (S26).

An attempt is claimed in the tables before Asterisk hears of it, and Asterisk and the dialplan refuse any attempt they
have seen. So a dialler killed at any point loses nobody, and nobody's phone rings twice.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.callbacks.progress import Knowledge
from ivr.calls.journal import Journal
from ivr.errors import IvrError
from ivr.hotline import Hotline
from ivr.settings import StatePaths
from ivr.store.session import Store
from ivr.store.surveys import Answer, Contact, ContactAttempt
from ivr.surveys.claims import claim, close_attempt, note, under_way
from ivr.surveys.events import EXPIRED, GAVE_UP
from ivr.surveys.facts import FactFinder, Known
from ivr.surveys.ids import read_call_id
from ivr.surveys.line import Line, Order
from ivr.surveys.pace import BURST_SECONDS, Pace
from ivr.surveys.rule import LOOK_AGAIN, Decision, order_key
from ivr.surveys.turns import is_any_due, next_in_turn, out_of_time

log = logging.getLogger(__name__)

MISSING = timedelta(seconds=5)
"""A call that Asterisk does not show for so long is gone; its channel may be a moment from being made or written."""
LOOK_SECONDS = 0.9
"""How long one look may ring customers; the next one is a second after it began."""
_PATIENCE = 0.5
"""Seconds that a look waits for the one before it to end."""
_BATCH = 200
"""Contacts looked at in one look, besides those that can be rung in it."""
_TOLD = timedelta(minutes=10)
"""When a contact is looked at again whose end has been written down: by then the tables know it."""

Sayer = Callable[[Known], str]
"""The prompt that says a customer's surname and title; empty where nobody can."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Dialler:
    """One per instance; `tick` is called about every second and never raises an IvrError."""

    def __init__(
        self,
        paths: StatePaths,
        store: Store,
        line: Line,
        hotline: Callable[[], Hotline],
        journal: Journal,
        *,
        surname: Sayer = lambda known: "",
        now: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._paths, self._store, self._line, self._journal = paths, store, line, journal
        self._hotline, self._surname, self._now, self._sleep = hotline, surname, now, sleep
        self._finder: FactFinder | None = None
        self._knowledge = Knowledge(store, paths.journal, now, sleep)
        self._missing_since: dict[str, datetime] = {}
        self._pace = Pace()
        self._backlog = False
        self._complaint = ""
        self._looking = threading.Lock()

    def tick(self) -> dict[str, Decision]:
        """Look once at the contacts whose turn it is; what was decided for each, by its id."""
        if not self._looking.acquire(timeout=_PATIENCE):
            return {}
        try:
            return self._look_or_complain()
        finally:
            self._looking.release()

    def _look_or_complain(self) -> dict[str, Decision]:
        try:
            decided = self._look(self._facts(), self._now())
        except (IvrError, OSError) as error:
            said = error.message if isinstance(error, IvrError) else str(error.strerror)
            if said != self._complaint:
                log.error("Surveys wait: %s", said)
            self._complaint = said
            return {}
        self._complaint = ""
        return decided

    def _facts(self) -> FactFinder:
        hotline = self._hotline()
        if self._finder is None or self._finder.hotline is not hotline:
            self._finder = FactFinder(hotline)
        return self._finder

    def _look(self, facts: FactFinder, began: datetime) -> dict[str, Decision]:
        if not self._backlog:
            self._pace.idle(began.timestamp())
        with self._store.read() as session:
            if not under_way(session) and not is_any_due(session, facts.hotline, began):
                self._backlog = False
                return {}
        # First Asterisk, then the journal, then the tables: what has left the line is in the tables a second later.
        up = self._line.up()
        if not self._knowledge.is_current():
            return {}
        with self._store.read() as session:
            claimed = under_way(session)
        self._notice_missing(claimed, up)
        decided = self._end_what_is_too_late(facts)
        self._backlog = False
        if self._stopped():
            self._hang_up_ringing(claimed, up)
        elif facts.hotline.outbound.trunk is not None:
            room = facts.hotline.outbound.lines - len(up | {row.call_id for row in claimed})
            if room > 0:
                room -= self._line.waiting_callers()  # inbound always wins
            if room > 0:
                decided |= self._ring_in_turn(facts, room, up, began)
        return decided

    def _stopped(self) -> bool:
        return self._paths.outbound_stopped.exists()

    # ---- what is under way -------------------------------------------------------------------------------

    def _notice_missing(self, claimed: Sequence[ContactAttempt], up: Set[str]) -> None:
        """Close attempts that neither Asterisk shows nor the journal has an end of; the rule then decides anew."""
        missing: dict[str, datetime] = {}
        for row in claimed:
            if row.call_id in up:
                continue
            since = missing[row.call_id] = self._missing_since.get(row.call_id, self._now())
            if self._now() - since >= MISSING:
                close_attempt(self._store, row.contact_id, row.attempt, self._now())
        self._missing_since = missing

    def _hang_up_ringing(self, claimed: Sequence[ContactAttempt], up: Set[str]) -> None:
        """The emergency stop ends what rings; whoever has answered is talked to."""
        for row in claimed:
            if row.answered_at is None and row.call_id in up:
                self._line.hang_up(row.call_id)

    # ---- whose turn it is --------------------------------------------------------------------------------

    def _end_what_is_too_late(self, facts: FactFinder) -> dict[str, Decision]:
        """Contacts expire whether or not their campaign runs, and whatever became of their survey."""
        now = self._now()
        with self._store.read() as session:
            rows = out_of_time(session, now, _BATCH)
            decided = {row.id: Decision("expire", "survey_gone") for row in rows}
            decided |= {one.contact.id: one.decide() for one in facts.know(session, rows, now)}
        self._settle({row.id: row for row in rows}, decided)
        return decided

    def _ring_in_turn(self, facts: FactFinder, room: int, up: Set[str], began: datetime) -> dict[str, Decision]:
        now, rate = self._now(), facts.hotline.outbound.calls_per_second
        at_most = math.ceil(rate * BURST_SECONDS) + 1
        wanted = min(room, at_most)
        talking = {named[0] for call_id in up if (named := read_call_id(call_id))}
        with self._store.read() as session:
            rows = next_in_turn(session, facts.hotline, now, wanted + _BATCH)
            # Whatever the tables say, nobody is rung of whom a call is up.
            rows = [row for row in rows if row.id not in talking]
            known = facts.know(session, rows, now)
            decided = {one.contact.id: one.decide() for one in known}
            due = sorted((one for one in known if decided[one.contact.id].step == "dial"), key=_turn)
            orders = [self._order(session, one) for one in due[:wanted]]
        self._settle({row.id: row for row in rows}, decided)
        reasons = {contact: decision.reason for contact, decision in decided.items()}
        left = self._ring(orders, reasons, rate, began)
        self._backlog = left or len(due) > wanted == at_most
        return decided

    def _ring(self, orders: Sequence[Order], reasons: Mapping[str, str], rate: float, began: datetime) -> bool:
        """Ring these, one after the other; whether any was left for the next look."""
        for order in orders:
            pause = self._pace.wait(self._now().timestamp(), rate)
            if (self._now() - began).total_seconds() + pause > LOOK_SECONDS:
                return True
            if pause:
                self._sleep(pause)
            if self._stopped():
                return False
            at = self._now()
            if claim(self._store, order, reasons[order.contact_id], at):
                self._pace.take(at.timestamp(), rate)
                self._line.ring(order)
        return False

    def _settle(self, rows: dict[str, Contact], decided: dict[str, Decision]) -> None:
        """Write down what is to be waited for, and in the journal what is over."""
        changed: list[tuple[str, str, datetime]] = []
        for contact, decision in decided.items():
            row = rows[contact]
            match decision.step:
                case "dial":
                    continue
                case "give_up":
                    self._journal.write(contact, GAVE_UP, reason=decision.reason)
                case "expire":
                    self._journal.write(contact, EXPIRED, reason=decision.reason)
            pause = LOOK_AGAIN if decision.step == "wait" else _TOLD
            next_at = decision.at or self._now() + pause
            if (row.reason, row.next_at) != (decision.reason, next_at):
                changed.append((contact, decision.reason, next_at))
        note(self._store, changed)

    def _order(self, session: Session, known: Known) -> Order:
        row, customer = known.contact, known.customer
        languages = self._facts().hotline.languages
        given = select(Answer.question, Answer.value).where(Answer.contact_id == row.id)
        answers = session.execute(given.order_by(Answer.given_at, Answer.question)) if row.attempts else ()
        return Order(
            contact_id=row.id,
            attempt=row.attempts + 1,
            number=row.number,
            survey=row.survey,
            language=row.language if row.language in languages else languages[0],
            customer_id=customer.id,
            surname=self._surname(known),
            customer=f"{customer.surname}{customer.title}",
            visit_kind=known.visit.kind,
            asking=row.asking or "",
            answers=tuple((question, value) for question, value in answers),
            key=row.key,
        )


def _turn(known: Known) -> tuple[bool, bool, datetime, datetime]:
    row = known.contact
    return order_key(row.key, row.last_result == "later", row.next_at, row.due_at)
