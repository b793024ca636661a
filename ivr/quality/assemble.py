"""A talk put together from the store: words, times, who hung up, and what the hotline announced."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.quality.talk import Announcement, Role, Talk
from ivr.speech.words import Word
from ivr.store.models import Call, JournalEvent, Leg, Transcript


def read_talk(session: Session, call: Call, company: Sequence[str]) -> Talk:
    """Everything the rules need to know about a call; `company` are the names it may be called by."""
    rows = session.execute(
        select(Leg, Transcript)
        .join(Transcript, Transcript.leg_id == Leg.id, isouter=True)
        .where(Leg.call_id == call.id)
    )
    words: dict[Role, tuple[Word, ...]] = {}
    missing: dict[Role, str] = {}
    length, demonstration = 0.0, False
    for leg, transcript in rows:
        if leg.role == "message" or leg.role == "comment":  # left when nobody was there: no agent's work
            continue
        length = max(length, leg.seconds or 0.0)
        if transcript is not None and transcript.state == "done":
            demonstration |= transcript.demonstration
            words[leg.role] = tuple(Word.from_json(word) for word in transcript.words)
        else:
            missing[leg.role] = (transcript.error if transcript else None) or ""
    return Talk(
        words=words,
        answered_at=call.answered_offset,
        ended_at=_ended_offset(call) or length or None,
        hung_up_by=call.hung_up_by,
        company=tuple(company),
        work_number=call.agent,
        announced=_announced(session, call.id),
        language=call.language or "zh-CN",
        demonstration=demonstration,
        missing=missing,
    )


def _ended_offset(call: Call) -> float | None:
    """Seconds from the recording's start to the call's end."""
    if call.ended_at is None:
        return None
    return max(0.0, (call.ended_at - (call.recorded_at or call.started_at)).total_seconds())


def _announced(session: Session, call_id: str) -> frozenset[Announcement]:
    """What the hotline itself said to this caller: the flow's prompts, and the dialplan's work number."""
    events = session.scalars(
        select(JournalEvent).where(
            JournalEvent.call_id == call_id, JournalEvent.kind.in_(("prompt.played", "WORK_NUMBER"))
        )
    )
    said: set[Announcement] = set()
    for event in events:
        if event.kind == "WORK_NUMBER":
            said.add("work_number")
        elif event.data.get("prompt") == "greeting":
            said.add("company")
    return frozenset(said)
