"""Who is owed a callback without having asked: cut off by our side (S10), and, if set, those who gave up waiting.

Only calls of the last hours count; that somebody is owed one goes to the journal first, like everything else.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.callbacks.attempts import ENDED, read_call_id
from ivr.callbacks.numbers import as_shown, callable_number
from ivr.callbacks.projection import REQUESTED
from ivr.calls.journal import Journal
from ivr.hotline import Hotline
from ivr.store.followup import Callback, CallbackReason
from ivr.store.models import Call, JournalEvent

LOOK_BACK = timedelta(hours=2)
"""A call that ended longer ago is not called back by itself: the caller has found another way."""
CUT_OFF_RANK = 2
KEY_RANK = 1

_LONGEST_CALL = timedelta(hours=4)


@dataclass(frozen=True)
class Owed:
    """A callback to be requested: `call` is the call it is for."""

    call: Call
    number: str
    queue: str
    reason: CallbackReason
    joined_at: datetime
    priority: int


def write_owed(session: Session, hotline: Hotline, journal: Journal, now: datetime) -> list[Owed]:
    """Journal a request for everybody who is owed a callback and has none. Raises OSError, StoreUnavailable."""
    found = find_owed(session, hotline, now)
    for one in found:
        journal.write(
            one.call.id,
            REQUESTED,
            number=one.number,
            queue=one.queue,
            language=one.call.language or hotline.languages[0],
            reason=one.reason,
            matter="",
            joined_at=int(one.joined_at.timestamp()),
            priority=one.priority,
        )
    return found


def find_owed(session: Session, hotline: Hotline, now: datetime) -> list[Owed]:
    """Everybody who is owed a callback and has asked for none."""
    calls = session.scalars(
        select(Call)
        .where(
            Call.started_at > now - LOOK_BACK - _LONGEST_CALL,
            Call.ended_at > now - LOOK_BACK,
            Call.outcome.in_(("abandoned", "answered", "failed")),
            ~select(Callback.id).where(Callback.id == Call.id).exists(),
        )
        .order_by(Call.ended_at)
    )
    found = (_owed(session, hotline, call) for call in calls)
    return [one for one in found if one is not None]


def _owed(session: Session, hotline: Hotline, call: Call) -> Owed | None:
    customer = _customer_number(session, call)
    number = callable_number(customer, {hotline.hotline.number})
    reason = _reason(session, hotline, call)
    if number is None or reason is None or call.ended_at is None or _called_since(session, number, call):
        return None
    queue = call.queue if call.queue in hotline.queues else hotline.default_queue
    if not hotline.queues[queue].callback:
        return None
    if reason == "cut_off":
        return Owed(call, number, queue, reason, call.ended_at, CUT_OFF_RANK)
    rank = KEY_RANK if _is_key(session, call) else 0
    return Owed(call, number, queue, reason, _joined(session, call), rank)


def _reason(session: Session, hotline: Hotline, call: Call) -> CallbackReason | None:
    was_cut = _happened(session, call, "CUT_OFF")
    if call.outcome == "abandoned":
        if was_cut:
            return "cut_off"
        waited = call.wait_seconds or 0.0
        settings = hotline.callbacks
        return "abandoned" if settings.abandoned and waited >= settings.abandoned_after_seconds else None
    # An end that nobody could write down: Asterisk itself was gone.
    ended_by_us = call.hung_up_by == "system" and not _happened(session, call, ENDED)
    return "cut_off" if ended_by_us and (call.direction == "inbound" or _is_ours(call)) else None


def _is_ours(call: Call) -> bool:
    """Whether we placed the call, and somebody of ours owes the customer a talk: a survey is rung again by its rule."""
    return read_call_id(call.id) is not None or (call.contact_id is not None and call.queue is not None)


def _customer_number(session: Session, call: Call) -> str | None:
    attempt = read_call_id(call.id)
    if call.contact_id is not None:
        return call.called if call.queue is not None else None
    if attempt is None:
        return call.caller if call.direction == "inbound" else None
    called_back = session.get(Callback, attempt[0])
    return called_back.number if called_back else None


def _happened(session: Session, call: Call, kind: str) -> bool:
    told = select(JournalEvent.call_id).where(JournalEvent.call_id == call.id, JournalEvent.kind == kind)
    return session.scalar(told.limit(1)) is not None


def _joined(session: Session, call: Call) -> datetime:
    joined = select(JournalEvent.at).where(JournalEvent.call_id == call.id, JournalEvent.kind == "ENTERQUEUE")
    return min((at for at in session.scalars(joined) if at), default=call.started_at)


def _is_key(session: Session, call: Call) -> bool:
    known = select(JournalEvent.data).where(JournalEvent.call_id == call.id, JournalEvent.kind == "caller.known")
    return any(facts.get("key") for facts in session.scalars(known))


def _called_since(session: Session, number: str, call: Call) -> bool:
    """Whether they have called again: then that call counts, not this one."""
    later = select(Call.id).where(
        Call.caller.in_(as_shown(number)), Call.started_at > call.started_at, Call.id != call.id
    )
    return any(read_call_id(found) is None for found in session.scalars(later))
