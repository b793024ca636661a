"""What the dialler writes into the tables: a claim before it rings, what it waits for, and ends nobody else wrote."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.callbacks.caps import being_rung
from ivr.store.customers import Visit
from ivr.store.session import Store
from ivr.store.surveys import AttemptResult, Campaign, Contact, ContactAttempt, DoNotCall
from ivr.surveys.ids import attempt_call_id
from ivr.surveys.line import Order


def claim(store: Store, order: Order, reason: str, now: datetime) -> bool:
    """Claim an attempt for this dialler alone, and say why now.

    False when it is not the next one, when another was quicker, or when what allowed it is so no more: the campaign
    was paused, the visit withdrawn or its consent, the number was put on the do-not-call list, or it rings already.
    Raises StoreUnavailable.
    """
    try:
        with store.write() as session:
            store.lock(session, "dialling")  # queue callbacks are claimed under it too
            if being_rung(session, [order.number], now):
                return False
            claimed = session.execute(
                update(Contact)
                .where(
                    Contact.id == order.contact_id,
                    Contact.state == "planned",
                    Contact.attempts == order.attempt - 1,
                    exists().where(Campaign.survey == order.survey, Campaign.state == "running"),
                    exists().where(Visit.id == Contact.visit_id, Visit.consent, Visit.withdrawn_at.is_(None)),
                    ~exists().where(DoNotCall.number == order.number),
                )
                .values(state="dialling", attempts=order.attempt, reason=reason)
                .execution_options(synchronize_session=False)
            )
            if claimed.rowcount != 1:  # type: ignore[attr-defined]
                return False
            session.add(
                ContactAttempt(
                    contact_id=order.contact_id,
                    attempt=order.attempt,
                    number=order.number,
                    call_id=attempt_call_id(order.contact_id, order.attempt),
                    claimed_at=now,
                )
            )
    except IntegrityError:
        return False  # the attempt stands there already
    return True


def under_way(session: Session) -> list[ContactAttempt]:
    """Attempts that are claimed and have no end."""
    return list(session.scalars(select(ContactAttempt).where(ContactAttempt.result.is_(None))))


def close_attempt(store: Store, contact_id: str, attempt: int, now: datetime) -> None:
    """End an attempt whose end nobody wrote down. Raises StoreUnavailable."""
    with store.write() as session:
        store.lock(session, "ingest")  # whatever the journal tells counts more
        row = session.get(ContactAttempt, (contact_id, attempt))
        if row is None or row.result is not None:
            return
        row.result, row.ended_at = _became(row), now
        session.execute(
            update(Contact)
            .where(Contact.id == contact_id, Contact.state == "dialling")
            .values(state="planned", next_at=now, last_result=row.result)
        )


def note(store: Store, changed: Sequence[tuple[str, str, datetime]]) -> None:
    """Write (contact, reason, next moment) of those that wait. Raises StoreUnavailable."""
    if not changed:
        return
    waiting = (
        update(Contact.__table__)  # type: ignore[arg-type]
        .where(Contact.__table__.c.id == bindparam("contact"), Contact.__table__.c.state == "planned")
        .values(reason=bindparam("why"), next_at=bindparam("then"))
    )
    with store.write() as session:
        rows = [{"contact": contact, "why": reason, "then": at} for contact, reason, at in changed]
        session.connection().execute(waiting, rows)


def _became(row: ContactAttempt) -> AttemptResult:
    if row.answered_at is not None:
        return "broken_off"
    return "lost" if row.dialled_at is None else "unknown"
