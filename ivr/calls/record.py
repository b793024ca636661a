"""The record of a call, as the terminal, the page and the reports read it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from ivr.errors import IvrError
from ivr.store.followup import Callback, Message, Rating, WrapUpNote
from ivr.store.models import (
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
_LEG_ORDER: tuple[LegRole, ...] = ("caller", "agent", "message", "comment")
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
class MessageRecord:
    """What the caller left (S12): for which queue, the number to call, when, and how long it is in seconds."""

    queue: str
    number: str
    seconds: float
    left_at: datetime

    def to_json(self) -> dict[str, Any]:
        at = self.left_at.isoformat()
        return {"queue": self.queue, "number": self.number, "seconds": self.seconds, "left_at": at}


@dataclass(frozen=True)
class NoteRecord:
    """What an agent noted within wrap-up (S14)."""

    agent: str
    disposition: str
    text: str
    written_at: datetime

    def to_json(self) -> dict[str, Any]:
        at = self.written_at.isoformat()
        return {"agent": self.agent, "disposition": self.disposition, "text": self.text, "written_at": at}


@dataclass(frozen=True)
class CallbackRecord:
    """The callback that this call asked for (S10); `call_id` is the call in which the customer answered."""

    number: str
    state: str
    attempts: int
    last_result: str | None
    call_id: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "state": self.state,
            "attempts": self.attempts,
            "last_result": self.last_result,
            "call_id": self.call_id,
        }


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
    customer_id: int | None = None
    offered: bool = False
    callback_of: str | None = None
    contact_id: str | None = None
    hold_seconds: float = 0.0
    transfers: list[dict[str, Any]] = field(default_factory=list)
    message: MessageRecord | None = None
    rating: int | None = None
    notes: list[NoteRecord] = field(default_factory=list)
    callback: CallbackRecord | None = None

    @property
    def number(self) -> str | None:
        """The number of whoever is not ours: who called, or whom we called."""
        return self.called if self.direction == "outbound" else self.caller

    @property
    def agents(self) -> list[str]:
        """Everybody who spoke with the caller: who answered, then those it was transferred to."""
        to = [str(one.get("to")) for one in self.transfers if not one.get("returned")]
        return list(dict.fromkeys(one for one in (self.agent, *to) if one))

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
            "offered": self.offered,
            "callback_of": self.callback_of,
            "contact_id": self.contact_id,
            "hold_seconds": self.hold_seconds,
            "transfers": self.transfers,
            "message": self.message.to_json() if self.message else None,
            "rating": self.rating,
            "notes": [note.to_json() for note in self.notes],
            "callback": self.callback.to_json() if self.callback else None,
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
    """Calls, newest first. `caller` matches a part of the number (of a callback: the one that was dialled), `agent`
    whoever answered or was given the call, `text` what was said on any leg.

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
        part = _plain(caller)
        dialled = and_(Call.direction == "outbound", Call.called.contains(part, autoescape=True))
        wanted.append(or_(Call.caller.contains(part, autoescape=True), dialled))
    if agent:
        given = cast(Call.transfers, Text).contains(f'"to": "{_plain(agent)}"', autoescape=True)
        wanted.append(or_(Call.agent == _plain(agent), given))
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
    messages = {row.call_id: row for row in session.scalars(select(Message).where(Message.call_id.in_(ids)))}
    ratings = {row.call_id: row for row in session.scalars(select(Rating).where(Rating.call_id.in_(ids)))}
    callbacks = {row.id: row for row in session.scalars(select(Callback).where(Callback.id.in_(ids)))}
    notes = _notes(session, ids)
    return [
        _record(
            call,
            legs=legs[call.id],
            score=_score(scores[call.id]) if call.id in scores else None,
            message=_message(messages[call.id]) if call.id in messages else None,
            rating=ratings[call.id].score if call.id in ratings else None,
            notes=notes[call.id],
            callback=_callback(callbacks[call.id]) if call.id in callbacks else None,
        )
        for call in calls
    ]


def _notes(session: Session, ids: Sequence[str]) -> dict[str, list[NoteRecord]]:
    asked = select(WrapUpNote).where(WrapUpNote.call_id.in_(ids)).order_by(WrapUpNote.written_at, WrapUpNote.agent)
    found: dict[str, list[NoteRecord]] = defaultdict(list)
    for row in session.scalars(asked):
        found[row.call_id].append(NoteRecord(row.agent, row.disposition, row.text, row.written_at))
    return found


def _message(row: Message) -> MessageRecord:
    return MessageRecord(row.queue, row.number, row.seconds, row.left_at)


def _callback(row: Callback) -> CallbackRecord:
    return CallbackRecord(row.number, row.state, row.attempts, row.last_result, row.answered_call_id)


def _legs(session: Session, ids: Iterable[str]) -> dict[str, list[LegRecord]]:
    rows = session.execute(
        select(Leg, Transcript).outerjoin(Transcript, Transcript.leg_id == Leg.id).where(Leg.call_id.in_(list(ids)))
    )
    found: dict[str, list[LegRecord]] = defaultdict(list)
    for row in rows:
        found[row.Leg.call_id].append(_leg(row.Leg, row.Transcript))
    for legs in found.values():
        legs.sort(key=lambda leg: _LEG_ORDER.index(leg.role))
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


def _record(call: Call, **beside: Any) -> CallRecord:
    """The row with what stands `beside` it in other tables."""
    own = {one.name: getattr(call, one.name) for one in fields(CallRecord) if one.name not in beside}
    return CallRecord(**own, **beside)


def _score(row: Score) -> ScoreRecord:
    return ScoreRecord(row.total, row.items, row.made_at, row.model, row.demonstration)
