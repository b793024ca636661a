"""From the journal to the callback tables. The same journal gives the same rows, however often it is read.

Only the dialler writes here beside it: a claim stands in the tables before the journal knows of it, and is kept.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import count

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ivr.callbacks.attempts import ANSWERED, TOLD, Attempt, attempt_call_id, read_attempts, read_call_id
from ivr.callbacks.numbers import as_shown, callable_number
from ivr.calls.events import Event
from ivr.store.followup import Callback, CallbackAttempt
from ivr.store.models import Call, JournalEvent

REQUESTED, CANCELLED, GAVE_UP = "callback.requested", "callback.cancelled", "callback.gave_up"
OPEN = ("waiting", "dialling")
SAME_NUMBER = "same_number"
CALLED_AGAIN = "called_again"

_RESTARTED = "QUEUESTART"
_ATTEMPTS_AT_ONCE = 50


def apply(session: Session, events: Iterable[Event]) -> None:
    """Bring up to date every callback that these (stored) events touch; call it after calls are projected."""
    ids: set[str] = set()
    callers: set[str] = set()
    restarted = False
    for event in events:
        restarted = restarted or event.kind == _RESTARTED
        attempt = read_call_id(event.call_id)
        if attempt is not None:
            ids.update((attempt[0], str(event.call_id)))  # a callback that was cut off may be called back itself
        elif event.kind in (REQUESTED, CANCELLED, GAVE_UP) and event.call_id:
            ids.add(event.call_id)
        elif event.kind == "CONNECT" and event.call_id:
            callers.add(event.call_id)
    session.flush()
    if restarted:
        ids.update(session.scalars(select(CallbackAttempt.callback_id).where(CallbackAttempt.result.is_(None))))
    ids.update(_called_again(session, callers))
    for callback_id in sorted(ids):
        write_callback(session, callback_id)


def write_callback(session: Session, callback_id: str) -> None:
    """Write one callback and its attempts as all stored events tell them; nothing when nobody asked for it."""
    asked = _events(session, [callback_id], (REQUESTED, CANCELLED, GAVE_UP))
    request = next((event for event in asked if event.kind == REQUESTED), None)
    if request is None or request.at is None:
        return
    row = session.get(Callback, callback_id) or _new(session, callback_id, request)
    attempts = _attempts(session, callback_id)
    for attempt in attempts:
        _write_attempt(session, callback_id, attempt)
    session.flush()
    rows = session.scalars(
        select(CallbackAttempt).where(CallbackAttempt.callback_id == callback_id).order_by(CallbackAttempt.attempt)
    ).all()
    row.attempts = max((one.attempt for one in rows), default=0)
    last = rows[-1] if rows else None
    before = row.state
    row.last_result = last.result if last else None
    row.state, row.ended_at = _state(session, row, asked, attempts)
    answered = next((one for one in attempts if one.result == ANSWERED), None)
    row.answered_call_id = answered.call_id if answered else None
    if row.state in OPEN:
        row.state = "dialling" if last and last.result is None else "waiting"
        if before != "waiting" and row.state == "waiting" and last and last.ended_at:
            row.next_at = last.ended_at
    elif row.state == "cancelled" and row.last_result is None:
        row.last_result = _why_cancelled(session, row, asked)
    session.flush()


def answered_since(session: Session, number: str, since: datetime) -> Call | None:
    """The first call from this number that an agent answered after `since`, callbacks left aside."""
    calls = session.scalars(
        select(Call)
        .where(Call.caller.in_(as_shown(number)), Call.answered_at > since, Call.direction == "inbound")
        .order_by(Call.answered_at)
    )
    return next((call for call in calls if read_call_id(call.id) is None), None)


def _new(session: Session, callback_id: str, request: Event) -> Callback:
    facts, at = request.data, request.at
    assert at is not None
    joined = facts.get("joined_at")
    row = Callback(
        id=callback_id,
        number=str(facts.get("number", "")),
        queue=str(facts.get("queue", "")),
        language=str(facts.get("language", "")),
        reason=str(facts.get("reason", "requested")),
        matter=str(facts.get("matter", "")),
        priority=int(facts.get("priority") or 0),
        joined_at=datetime.fromtimestamp(float(joined), tz=at.tzinfo) if joined else at,
        requested_at=at,
        next_at=at,
        attempts=0,
        state="waiting",
    )
    session.add(row)
    session.flush()
    return row


def _state(session: Session, row: Callback, asked: list[Event], attempts: list[Attempt]) -> tuple[str, datetime | None]:
    """The state and, where it is final, since when; waiting stands for every state that is not."""
    answered = next((one for one in attempts if one.result == ANSWERED), None)
    if answered is not None:
        return "answered", answered.ended_at
    for kind, state in ((CANCELLED, "cancelled"), (GAVE_UP, "gave_up")):
        ended = next((event for event in asked if event.kind == kind), None)
        if ended is not None:
            return state, ended.at
    earlier = _earlier(session, row)
    if earlier is not None:
        return "cancelled", row.requested_at
    again = answered_since(session, row.number, row.requested_at)
    if again is not None:
        return "cancelled", again.answered_at
    own = session.get(Call, row.id)
    if own is not None and own.answered_at is not None and own.answered_at > row.requested_at:
        return "cancelled", own.answered_at
    return "waiting", None


def _earlier(session: Session, row: Callback) -> Callback | None:
    """A callback to the same number that was open when this one was asked for: one place a person is enough."""
    return session.scalars(
        select(Callback).where(
            Callback.number == row.number,
            Callback.id != row.id,
            Callback.requested_at < row.requested_at,
            or_(Callback.ended_at.is_(None), Callback.ended_at > row.requested_at),
        )
    ).first()


def _why_cancelled(session: Session, row: Callback, asked: list[Event]) -> str:
    if any(event.kind == CANCELLED for event in asked):
        return "by_hand"
    return SAME_NUMBER if _earlier(session, row) is not None else CALLED_AGAIN


def _write_attempt(session: Session, callback_id: str, attempt: Attempt) -> None:
    row = session.get(CallbackAttempt, (callback_id, attempt.number))
    if row is None:
        at = attempt.placed_at or attempt.ended_at
        if at is None:
            return
        row = CallbackAttempt(callback_id=callback_id, attempt=attempt.number, claimed_at=at)
        session.add(row)
    row.call_id = attempt.call_id
    if attempt.result is not None:
        row.result, row.ended_at = attempt.result, attempt.ended_at


def attempts_of(session: Session, callback_id: str) -> list[Attempt]:
    """Every attempt of a callback, in order: as the journal tells it, and what stands in the tables alone."""
    found = {attempt.number: attempt for attempt in _attempts(session, callback_id)}
    rows = session.scalars(select(CallbackAttempt).where(CallbackAttempt.callback_id == callback_id))
    for row in rows:
        told = found.get(row.attempt)
        if told is None:
            call_id = row.call_id or attempt_call_id(callback_id, row.attempt)
            found[row.attempt] = Attempt(row.attempt, call_id, None, None, row.ended_at, row.result)
        elif told.result is None:
            found[row.attempt] = replace(told, result=row.result, ended_at=row.ended_at)
    return [found[number] for number in sorted(found)]


def _attempts(session: Session, callback_id: str) -> list[Attempt]:
    started = select(JournalEvent.at).where(JournalEvent.kind == _RESTARTED, JournalEvent.source == "queue_log")
    restarts = [at for at in session.scalars(started) if at]
    return read_attempts(events_of_attempts(session, callback_id), restarts)


def events_of_attempts(session: Session, callback_id: str) -> list[Event]:
    """The journal's events of a callback's own calls, in order of time."""
    claimed = session.scalar(
        select(func.max(CallbackAttempt.attempt)).where(CallbackAttempt.callback_id == callback_id)
    )
    events: list[Event] = []
    # The ids are known beforehand, so the index finds them; attempts nobody claimed are known to the journal alone.
    for first in count(1, _ATTEMPTS_AT_ONCE):
        ids = [attempt_call_id(callback_id, number) for number in range(first, first + _ATTEMPTS_AT_ONCE)]
        rows = session.scalars(
            select(JournalEvent)
            .where(JournalEvent.call_id.in_(ids), JournalEvent.kind.in_(TOLD))
            .order_by(JournalEvent.at)
        ).all()
        events += [_event(row) for row in rows]
        if not rows and first + _ATTEMPTS_AT_ONCE > (claimed or 0):
            break
    return events


def _events(session: Session, calls: Collection[str], kinds: Collection[str]) -> list[Event]:
    rows = session.scalars(
        select(JournalEvent)
        .where(JournalEvent.call_id.in_(calls), JournalEvent.kind.in_(kinds), JournalEvent.source == "flow")
        .order_by(JournalEvent.at, JournalEvent.position)
    )
    return [_event(row) for row in rows]


def _event(row: JournalEvent) -> Event:
    return Event(row.source, row.kind, row.at, row.call_id, row.channel_id, row.data)  # type: ignore[arg-type]


def _called_again(session: Session, calls: Collection[str]) -> list[str]:
    """Open callbacks to the numbers of these calls, which an agent has answered."""
    if not calls or not session.scalar(select(func.count()).where(Callback.state.in_(OPEN))):
        return []
    numbers = {callable_number(one) for one in session.scalars(select(Call.caller).where(Call.id.in_(calls)))}
    wanted = or_(Callback.number.in_([n for n in numbers if n]), Callback.id.in_(calls))
    return list(session.scalars(select(Callback.id).where(Callback.state.in_(OPEN), wanted)))
