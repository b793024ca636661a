"""The dialler: looks at every open callback each second and does the next step (S10).

Who is dialled is decided by the line itself: this only keeps a placeholder in it for each callback whose turn may come.
An attempt is claimed in the tables before Asterisk hears of it, and Asterisk and the dialplan refuse any attempt they
have seen. So a dialler killed at any point loses nobody, and nobody's phone rings twice.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from ivr.callbacks.attempts import LOST, UNKNOWN, Attempt, attempt_call_id, read_call_id
from ivr.callbacks.caps import Caps, dials_to, listed_among, rung_otherwise
from ivr.callbacks.line import Line, Place
from ivr.callbacks.numbers import as_shown, callable_number
from ivr.callbacks.owed import write_owed
from ivr.callbacks.progress import Knowledge
from ivr.callbacks.projection import OPEN, attempts_of
from ivr.callbacks.rule import Circumstances, Decision, decide, in_window, line_order
from ivr.calls.journal import Journal
from ivr.errors import IvrError
from ivr.hotline import Hotline
from ivr.settings import StatePaths
from ivr.speech.surnames import surname_prompt
from ivr.store.customers import Customer, CustomerNumber
from ivr.store.followup import Callback, CallbackAttempt
from ivr.store.models import Call
from ivr.store.session import Store

log = logging.getLogger(__name__)

MISSING = timedelta(seconds=5)
"""A place that Asterisk does not show for so long is gone; its channel may be a moment from being made or written."""
SPARE_PLACES = 10
"""Placeholders kept in a queue's line beyond its agents: the next ones are there before an agent asks for them."""
PER_TICK = 5
"""Places taken at one look, so that Asterisk is never asked for many at once."""
_JUST_ASKED = timedelta(minutes=1)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Callback:
    """A callback that is not over, or of which an attempt is not; with its attempts as the tables know them."""

    row: Callback
    attempts: list[Attempt]
    on_the_line: bool
    customer: Customer | None
    being_rung: bool
    do_not_call: bool
    dials: tuple[datetime, ...]

    @property
    def asked_for(self) -> bool:
        """Whether the customer waits for us: asked for it, or was cut off by us. Not so who merely gave up waiting."""
        return self.row.reason != "abandoned"

    @property
    def barred(self) -> bool:
        """Whether the customer wants no call that they have not asked for."""
        return self.do_not_call and not self.asked_for

    @property
    def under_way(self) -> Attempt | None:
        return next((attempt for attempt in self.attempts if not attempt.is_over), None)


class Dialler:
    """One per instance; `tick` is called about every second and never raises an IvrError."""

    def __init__(
        self,
        paths: StatePaths,
        store: Store,
        line: Line,
        hotline: Callable[[], Hotline],
        journal: Journal,
        now: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._paths, self._store, self._line = paths, store, line
        self._hotline, self._journal, self._now = hotline, journal, now
        self._knowledge = Knowledge(store, paths.journal, now, sleep)
        self._missing_since: dict[str, datetime] = {}
        self._complaint = ""
        self._looking = threading.Lock()

    def tick(self) -> dict[str, Decision]:
        """Look once at every open callback; what was decided for each, by its id."""
        if not self._looking.acquire(blocking=False):
            return {}
        try:
            return self._look_or_complain()
        finally:
            self._looking.release()

    def _look_or_complain(self) -> dict[str, Decision]:
        try:
            decided = self._look(self._hotline())
        except (IvrError, OSError) as error:
            said = error.message if isinstance(error, IvrError) else str(error.strerror)
            if said != self._complaint:
                log.error("Callbacks wait: %s", said)
            self._complaint = said
            return {}
        self._complaint = ""
        return decided

    def _look(self, hotline: Hotline) -> dict[str, Decision]:
        if hotline.callbacks.trunk is None:
            return {}
        with self._store.read() as session:
            busy = session.scalar(_unfinished().limit(1)) is not None
        # First Asterisk, then the journal, then the tables: what has left the line is in the tables a second later.
        standing = self._line.standing() if busy else frozenset()
        if not self._knowledge.is_current():
            return {}
        with self._store.read() as session:
            write_owed(session, hotline, self._journal, self._now())
            found = _unfinished_callbacks(session, hotline, self._now())
        self._notice_missing(found, standing)
        return self._step(hotline, found, standing)

    def _step(self, hotline: Hotline, found: Sequence[_Callback], standing: Set[str]) -> dict[str, Decision]:
        decided: dict[str, Decision] = {}
        places = Counter(one.row.queue for one in found if one.under_way is not None)
        taken = 0
        stopped = self._paths.outbound_stopped.exists()
        for one in sorted(found, key=lambda one: line_order(one.row.priority, one.row.joined_at, one.row.id)):
            if one.under_way is not None:
                self._reconsider(hotline, one, one.under_way, standing, stopped)
            if one.row.state not in OPEN:
                continue
            decision = decided[one.row.id] = self._decide(hotline, one)
            if one.under_way is not None or any(attempt.call_id in standing for attempt in one.attempts):
                continue  # the agent may still be hearing that nobody answered
            if decision.step == "give_up":
                self._journal.write(one.row.id, "callback.gave_up", reason=decision.reason, attempts=one.row.attempts)
            elif decision.step == "wait":
                self._note_next(one.row, decision)
            elif not stopped and taken < PER_TICK and places[one.row.queue] < _room(hotline, one.row.queue):
                taken += self._take(hotline, one)
                places[one.row.queue] += 1
        return decided

    def _decide(self, hotline: Hotline, one: _Callback) -> Decision:
        if callable_number(one.row.number, {hotline.hotline.number}) != one.row.number:
            return Decision("give_up", "a number that may not be dialled")
        return decide(one.attempts, self._circumstances(hotline, one))

    def _circumstances(self, hotline: Hotline, one: _Callback) -> Circumstances:
        now, settings = self._now(), hotline.callbacks
        queue = one.row.queue if one.row.queue in hotline.queues else hotline.default_queue
        capped = None if one.asked_for else Caps.of(hotline.outbound).free_at(one.dials)
        return Circumstances(
            now=now,
            requested_at=one.row.requested_at,
            queue_open=hotline.open_queue(queue, now) is not None,
            on_the_line=one.on_the_line,
            window=settings.window,
            zone=hotline.zone,
            retry_minutes=settings.retry_minutes,
            being_rung=one.being_rung,
            do_not_call=one.barred,
            capped_until=capped[0] if capped else None,
        )

    # ---- places ------------------------------------------------------------------------------------------

    def _take(self, hotline: Hotline, one: _Callback) -> int:
        """Claim the next attempt, then take its place; 0 when somebody else has claimed it."""
        row, attempt = one.row, one.row.attempts + 1
        if not claim(self._store, row.id, attempt, self._now()):
            return 0
        wanted = row.queue if row.queue in hotline.queues else hotline.default_queue
        self._line.take(
            Place(
                callback_id=row.id,
                attempt=attempt,
                number=row.number,
                language=row.language if row.language in hotline.languages else hotline.languages[0],
                queue=hotline.open_queue(wanted, self._now()) or wanted,
                joined_at=row.joined_at,
                priority=row.priority,
                matter=row.matter,
                customer=f"{one.customer.surname}{one.customer.title}" if one.customer else "",
                surname=surname_prompt(one.customer.surname, one.customer.title) if one.customer else "",
            )
        )
        return 1

    def _reconsider(
        self, hotline: Hotline, one: _Callback, attempt: Attempt, standing: Set[str], stopped: bool
    ) -> None:
        """Give up a place that must not be dialled from now: cancelled, or they call us themselves, or it is late, or
        everything outbound is stopped.

        A queue that closes serves those who are in its line already, with or without a phone in their hand.
        """
        late = not in_window(hotline.callbacks.window, hotline.zone, self._now())
        must_go = one.on_the_line or late or stopped or one.barred or one.row.state not in OPEN
        if must_go and attempt.call_id in standing and attempt.dialled_at is None:
            self._line.withdraw(attempt.call_id)

    def _notice_missing(self, found: Sequence[_Callback], standing: Set[str]) -> None:
        """Close attempts that neither Asterisk shows nor the journal has an end of; the rule then decides anew."""
        missing: dict[str, datetime] = {}
        for one in found:
            attempt = one.under_way
            if attempt is None or attempt.call_id in standing:
                continue
            since = missing[attempt.call_id] = self._missing_since.get(attempt.call_id, self._now())
            if self._now() - since >= MISSING:
                close_attempt(self._store, one.row.id, attempt, self._now())
        self._missing_since = missing

    def _note_next(self, row: Callback, decision: Decision) -> None:
        """For the page: when the next attempt is due."""
        if decision.at is not None and decision.at != row.next_at:
            with self._store.write() as session:
                session.execute(
                    update(Callback)
                    .where(Callback.id == row.id, Callback.state == "waiting")
                    .values(next_at=decision.at)
                )


def claim(store: Store, callback_id: str, attempt: int, now: datetime) -> bool:
    """Claim an attempt for this dialler alone; False when it is not the next one, or another was quicker, or when the
    customer's phone rings for something else by now."""
    with store.write() as session:
        store.lock(session, "dialling")  # surveys are claimed under it too
        row = session.get(Callback, callback_id)
        if row is None or rung_otherwise(session, [row.number], now):
            return False
        claimed = session.execute(
            update(Callback)
            .where(Callback.id == callback_id, Callback.state == "waiting", Callback.attempts == attempt - 1)
            .values(state="dialling", attempts=attempt)
        )
        if claimed.rowcount != 1:  # type: ignore[attr-defined]
            return False
        call_id = attempt_call_id(callback_id, attempt)
        session.add(CallbackAttempt(callback_id=callback_id, attempt=attempt, claimed_at=now, call_id=call_id))
    return True


def close_attempt(store: Store, callback_id: str, attempt: Attempt, now: datetime) -> None:
    """End an attempt whose end nobody wrote down."""
    with store.write() as session:
        row = session.get(CallbackAttempt, (callback_id, attempt.number))
        if row is None or row.result is not None:
            return
        row.result, row.ended_at = (LOST if attempt.dialled_at is None else UNKNOWN), now
        session.execute(
            update(Callback)
            .where(Callback.id == callback_id, Callback.state == "dialling")
            .values(state="waiting", next_at=now, last_result=row.result)
        )


def _unfinished() -> Select[Any]:
    """Callbacks that are open, or of which an attempt has no end yet."""
    under_way = select(CallbackAttempt.callback_id).where(CallbackAttempt.result.is_(None))
    return select(Callback.id).where(or_(Callback.state.in_(OPEN), Callback.id.in_(under_way)))


def _unfinished_callbacks(session: Session, hotline: Hotline, now: datetime) -> list[_Callback]:
    rows = session.scalars(select(Callback).where(Callback.id.in_(_unfinished()))).all()
    if not rows:
        return []
    running = session.execute(select(Call.id, Call.caller).where(Call.ended_at.is_(None)))
    # The call of a callback or of a survey bears the customer's number too; that one is ours.
    calling = {call_id: callable_number(caller) for call_id, caller in running if read_call_id(call_id) is None}
    numbers = set(calling.values())
    wanted = {row.number for row in rows}
    listed, rung = listed_among(session, wanted), rung_otherwise(session, wanted, now)
    dials = dials_to(session, wanted, now)
    return [
        _Callback(
            row=row,
            attempts=attempts_of(session, row.id),
            on_the_line=row.number in numbers or row.id in calling or _may_be_calling(session, row, now),
            customer=_customer(session, row.number),
            being_rung=row.number in rung,
            do_not_call=row.number in listed,
            dials=tuple(dial.at for dial in dials[row.number]),
        )
        for row in rows
    ]


def _may_be_calling(session: Session, row: Callback, now: datetime) -> bool:
    """Whether the call that asked for this may still be up: it has no record yet."""
    return now - row.requested_at < _JUST_ASKED and session.get(Call, row.id) is None


def _customer(session: Session, number: str) -> Customer | None:
    known = select(Customer).join(CustomerNumber, CustomerNumber.customer_id == Customer.id)
    return session.scalars(known.where(CustomerNumber.number.in_(as_shown(number)))).first()


def _room(hotline: Hotline, queue: str) -> int:
    known = hotline.queues.get(queue) or hotline.queues[hotline.default_queue]
    return len(known.agents) + SPARE_PLACES
