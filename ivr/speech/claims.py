"""Which worker has which leg: claims by conditional UPDATE, renewed while the work goes on.

While a transcript is `running` its `made_at` is the moment the claim was last renewed. Only who knows that very
moment may renew, finish or give back; a claim not renewed for LEASE belongs to a dead worker and is free.
"""

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, Update, and_, case, exists, func, or_, select, update
from sqlalchemy.orm import Session

from ivr.speech.models import SpeechModel
from ivr.speech.words import Word
from ivr.store.models import Call, Leg, LegRole, Score, Transcript

LEASE = dt.timedelta(seconds=20)
CRASHES = 2
"""The attempt after which a crash is final: tried, and retried once."""

ATTEMPTS = 5
"""Claims after which a recording that takes the whole worker along is given up."""

SETTLE = dt.timedelta(seconds=2)
"""A call has to be over for so long: the recorder may still be closing its files."""

_FINAL = ("done", "failed")


@dataclass
class Claim:
    """One leg in one worker's hands; `renewed_at` is the token that proves it.

    Hold `guard` around every transaction that uses or changes the token: it is renewed from another thread.
    """

    leg_id: str
    call_id: str
    role: LegRole
    recording: str
    answered_offset: float | None
    attempts: int
    renewed_at: dt.datetime
    guard: threading.Lock = field(default_factory=threading.Lock)


def waiting(session: Session, now: dt.datetime) -> bool:
    """Whether there is a leg to take."""
    return session.execute(_takeable(now)).first() is not None


def take(session: Session, now: dt.datetime) -> Claim | None:
    """Claim a leg, of the newest call first: somebody may be waiting to see it. Several workers may do so at once."""
    _give_up_hopeless(session, now)
    while True:
        row = session.execute(_takeable(now)).first()
        if row is None:
            return None
        transcript, leg, call = row
        attempts = transcript.attempts + 1
        claimed = (
            update(Transcript)
            .where(
                Transcript.leg_id == leg.id,
                Transcript.state == transcript.state,
                Transcript.attempts == transcript.attempts,
                _same_moment(transcript.made_at),
            )
            .values(state="running", attempts=attempts, made_at=now)
        )
        if _changed(session, claimed):
            return Claim(leg.id, call.id, leg.role, leg.recording, call.answered_offset, attempts, now)


def renew(session: Session, claim: Claim, now: dt.datetime) -> bool:
    """Say that the work goes on; False when the claim is no longer ours. The token changes with the commit."""
    return _changed(session, _ours(claim).values(made_at=now)) == 1


def finish(
    session: Session,
    claim: Claim,
    model: SpeechModel,
    words: Sequence[Word] | None,
    error: str | None,
    now: dt.datetime,
) -> bool:
    """Write the words, or the failure when there are none; False when the claim is no longer ours."""
    if not _changed(session, _ours(claim).values(made_at=now)):
        return False
    transcript = session.get_one(Transcript, claim.leg_id, populate_existing=True)
    transcript.state = "failed" if words is None else "done"
    transcript.error = error
    if words is not None:
        transcript.words = [word.to_json() for word in words]
        transcript.model = model.name
        transcript.demonstration = model.demonstration
    session.flush()
    return True


def give_back(session: Session, claim: Claim, *, count: bool, error: str | None) -> None:
    """Let another attempt be made; without `count` this one does not matter."""
    attempts = claim.attempts if count else claim.attempts - 1
    _changed(session, _ours(claim).values(state="pending", attempts=attempts, error=error))


def reset(session: Session, call_id: str | None) -> int:
    """Make the transcripts of one call, or of all, wait again; returns how many."""
    of_calls = select(Leg.id) if call_id is None else select(Leg.id).where(Leg.call_id == call_id)
    return _changed(
        session,
        update(Transcript).where(Transcript.leg_id.in_(of_calls)).values(state="pending", attempts=0, error=None),
    )


def all_finished(session: Session, call_id: str) -> bool:
    """Whether no leg of the call waits or is under way."""
    return not session.scalar(
        select(exists().where(Leg.call_id == call_id, Transcript.leg_id == Leg.id, Transcript.state.not_in(_FINAL)))
    )


def unscored_calls(session: Session) -> list[str]:
    """Calls whose legs are all finished and whose score is missing or older than a transcript."""
    unfinished = func.sum(case((Transcript.state.in_(_FINAL), 0), else_=1))
    return list(
        session.scalars(
            select(Leg.call_id)
            .join(Transcript, Transcript.leg_id == Leg.id)
            .join(Score, Score.call_id == Leg.call_id, isouter=True)
            .group_by(Leg.call_id, Score.made_at)
            .having(unfinished == 0, or_(Score.made_at.is_(None), Score.made_at < func.max(Transcript.made_at)))
        )
    )


def heard_by(session: Session, call_id: str) -> tuple[str | None, bool]:
    """The model behind a call's words, and whether any of them came from the demonstration model."""
    rows = session.execute(
        select(Transcript.model, Transcript.demonstration)
        .join(Leg, Leg.id == Transcript.leg_id)
        .where(Leg.call_id == call_id, Transcript.state == "done")
        .order_by(Leg.role)
    ).all()
    return next((row[0] for row in rows), None), any(row[1] for row in rows)


def _takeable(now: dt.datetime) -> "Select[Transcript, Leg, Call]":
    return (
        select(Transcript, Leg, Call)
        .join(Leg, Leg.id == Transcript.leg_id)
        .join(Call, Call.id == Leg.call_id)
        .where(
            Call.ended_at <= now - SETTLE,
            or_(
                Transcript.state == "pending",
                and_(Transcript.state == "running", Transcript.made_at < now - LEASE),
            ),
        )
        .order_by(Transcript.attempts, Call.ended_at.desc(), Leg.role)
        .limit(1)
        .execution_options(populate_existing=True)
    )


def _give_up_hopeless(session: Session, now: dt.datetime) -> None:
    hopeless = update(Transcript).where(
        Transcript.state == "running", Transcript.made_at < now - LEASE, Transcript.attempts >= ATTEMPTS
    )
    error = f"the worker died {ATTEMPTS} times over this recording"
    _changed(session, hopeless.values(state="failed", error=error, made_at=now))


def _ours(claim: Claim) -> Update:
    return update(Transcript).where(
        Transcript.leg_id == claim.leg_id,
        Transcript.state == "running",
        Transcript.made_at == claim.renewed_at,
    )


def _changed(session: Session, statement: Update) -> int:
    """Carry out an UPDATE; how many rows it met."""
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], done).rowcount


def _same_moment(moment: dt.datetime | None) -> ColumnElement[bool]:
    return Transcript.made_at.is_(None) if moment is None else Transcript.made_at == moment
