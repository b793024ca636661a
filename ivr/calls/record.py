"""The record of a call, as the terminal, the page and the reports read it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ivr.errors import IvrError
from ivr.store.models import (
    ROLES,
    Call,
    Direction,
    HungUpBy,
    Leg,
    LegRole,
    Outcome,
    Score,
    Transcript,
    TranscriptState,
    spoken_text,
)

MAX_PER_PAGE = 500
Item = TypeVar("Item")


class CallNotFound(IvrError):
    """No call has this id."""


@dataclass(frozen=True)
class LegRecord:
    """One side of the call: `recording` relative to the recordings folder, `words` with seconds from its start.

    `state` is None while no transcript is due; `demonstration` is true when the demonstration model heard it.
    """

    role: LegRole
    recording: str
    words: list[dict[str, Any]]
    seconds: float | None = None
    state: TranscriptState | None = None
    model: str | None = None
    demonstration: bool = False
    error: str | None = None

    @property
    def text(self) -> str:
        return spoken_text(self.words)

    def to_json(self) -> dict[str, Any]:
        return {"role": self.role, "recording": self.recording, "words": self.words}


@dataclass(frozen=True)
class ScoreRecord:
    """The call's scorecard; `total` is None when nothing could be assessed."""

    total: float | None
    items: list[dict[str, Any]]
    made_at: datetime | None = None
    model: str | None = None
    demonstration: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"total": self.total, "items": self.items}


@dataclass(frozen=True)
class CallRecord:
    """A call as the journal tells it, with what was heard and how it was judged; `outcome` None: still running."""

    id: str
    direction: Direction
    caller: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    queue: str | None
    agent: str | None
    wait_seconds: float | None
    talk_seconds: float | None
    menu_path: list[str]
    legs: list[LegRecord] = field(default_factory=list)
    score: ScoreRecord | None = None
    called: str | None = None
    language: str | None = None
    recorded_at: datetime | None = None
    hung_up_by: HungUpBy | None = None

    @property
    def demonstration(self) -> bool:
        """Whether any of its words come from the demonstration model, which must then be said."""
        return any(leg.demonstration and leg.words for leg in self.legs)

    def leg(self, role: LegRole) -> LegRecord | None:
        return next((leg for leg in self.legs if leg.role == role), None)

    def to_json(self) -> dict[str, Any]:
        """The JSON of `ivr call ID --json`; moments in ISO 8601, UTC."""
        return {
            "id": self.id,
            "direction": self.direction,
            "caller": self.caller,
            "started_at": self.started_at.isoformat(),
            "answered_at": _iso(self.answered_at),
            "ended_at": _iso(self.ended_at),
            "outcome": self.outcome,
            "queue": self.queue,
            "agent": self.agent,
            "wait_seconds": self.wait_seconds,
            "talk_seconds": self.talk_seconds,
            "menu_path": self.menu_path,
            "legs": [leg.to_json() for leg in self.legs],
            "score": self.score.to_json() if self.score else None,
        }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of a listing: `page` counts from 1, `total` is the number of items on all pages."""

    items: list[Item]
    page: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))


def list_calls(
    session: Session,
    *,
    caller: str | None = None,
    agent: str | None = None,
    queue: str | None = None,
    outcome: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    text: str | None = None,
    page: int = 1,
    per_page: int = 50,
) -> Page[CallRecord]:
    """Calls, newest first. `caller` matches a part of the number, `text` what was said on either leg.

    `outcome` may be "running". `since` is inclusive, `until` exclusive. A page out of range is empty.
    """
    wanted = _conditions(caller, agent, queue, outcome, since, until, text)
    page, per_page = max(1, page), min(max(1, per_page), MAX_PER_PAGE)
    total = session.scalar(select(func.count()).select_from(Call).where(*wanted)) or 0
    calls = session.scalars(
        select(Call)
        .where(*wanted)
        .order_by(Call.started_at.desc(), Call.id.desc())
        .limit(per_page)
        .offset((page - 1) * per_page)
    ).all()
    return Page(_records(session, calls), page, per_page, total)


def get_call(session: Session, call_id: str) -> CallRecord:
    """One call with its legs, words and score; raises CallNotFound."""
    call = session.get(Call, call_id) if "\x00" not in call_id else None
    if call is None:
        raise CallNotFound("There is no call with this id.", "`ivr calls` lists the calls there are")
    return _records(session, [call])[0]


def _conditions(
    caller: str | None,
    agent: str | None,
    queue: str | None,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
    text: str | None,
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if caller:
        wanted.append(Call.caller.contains(_plain(caller), autoescape=True))
    if agent:
        wanted.append(Call.agent == _plain(agent))
    if queue:
        wanted.append(Call.queue == _plain(queue))
    if outcome == "running":
        wanted.append(Call.outcome.is_(None))
    elif outcome:
        wanted.append(Call.outcome == _plain(outcome))
    if since:
        wanted.append(Call.started_at >= since)
    if until:
        wanted.append(Call.started_at < until)
    if text:
        said = Transcript.text.icontains(_plain(text), autoescape=True)
        heard = select(Leg.call_id).join(Transcript, Transcript.leg_id == Leg.id).where(said)
        wanted.append(Call.id.in_(heard))
    return wanted


def _plain(text: str) -> str:
    """PostgreSQL refuses NUL in a text; nothing stored holds one."""
    return text.replace("\x00", "\ufffd")


def _records(session: Session, calls: Sequence[Call]) -> list[CallRecord]:
    ids = [call.id for call in calls]
    legs = _legs(session, ids)
    scores = {row.call_id: row for row in session.scalars(select(Score).where(Score.call_id.in_(ids)))}
    return [_record(call, legs[call.id], scores.get(call.id)) for call in calls]


def _legs(session: Session, ids: Iterable[str]) -> dict[str, list[LegRecord]]:
    rows = session.execute(
        select(Leg, Transcript).outerjoin(Transcript, Transcript.leg_id == Leg.id).where(Leg.call_id.in_(list(ids)))
    )
    found: dict[str, list[LegRecord]] = defaultdict(list)
    for row in rows:
        found[row.Leg.call_id].append(_leg(row.Leg, row.Transcript))
    for legs in found.values():
        legs.sort(key=lambda leg: ROLES.index(leg.role))
    return found


def _leg(leg: Leg, transcript: Transcript | None) -> LegRecord:
    if transcript is None:
        return LegRecord(leg.role, leg.recording, [], leg.seconds)
    return LegRecord(
        role=leg.role,
        recording=leg.recording,
        words=transcript.words,
        seconds=leg.seconds,
        state=transcript.state,
        model=transcript.model,
        demonstration=transcript.demonstration,
        error=transcript.error,
    )


def _record(call: Call, legs: list[LegRecord], score: Score | None) -> CallRecord:
    return CallRecord(
        id=call.id,
        direction=call.direction,
        caller=call.caller,
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        outcome=call.outcome,
        queue=call.queue,
        agent=call.agent,
        wait_seconds=call.wait_seconds,
        talk_seconds=call.talk_seconds,
        menu_path=call.menu_path,
        legs=legs,
        score=_score(score) if score else None,
        called=call.called,
        language=call.language,
        recorded_at=call.recorded_at,
        hung_up_by=call.hung_up_by,
    )


def _score(row: Score) -> ScoreRecord:
    return ScoreRecord(row.total, row.items, row.made_at, row.model, row.demonstration)
