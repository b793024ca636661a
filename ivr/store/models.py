"""The tables: the journal's events, the calls projected from them, what was heard and judged, and who may look."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column, validates

from ivr.store.base import Base

Direction = Literal["inbound", "outbound", "internal"]
Outcome = Literal[
    "answered",
    "abandoned",
    "callback",
    "ended_in_menu",
    "message",
    "closed",
    "timed_out",
    "blocked",
    "silent",
    "surveyed",
    "failed",
]
OUTCOMES: tuple[Outcome, ...] = (
    "answered",
    "abandoned",
    "callback",
    "ended_in_menu",
    "message",
    "closed",
    "timed_out",
    "blocked",
    "silent",
    "surveyed",
    "failed",
)
LegRole = Literal["caller", "agent", "message", "comment"]
ROLES: tuple[LegRole, ...] = ("caller", "agent")
"""The two sides of a talk; a message (S12) and each comment of a survey (S26) are recordings of their own."""
HungUpBy = Literal["caller", "agent", "system"]
TranscriptState = Literal["pending", "running", "done", "failed"]

Base.registry.update_type_annotation_map(
    dict.fromkeys((Direction, Outcome, LegRole, HungUpBy, TranscriptState), Text())
)


class JournalEvent(Base):
    """One line of the journal; `position` names the file and the byte it starts at, so it is taken once only.

    `call_id` is None for lines of no call; `at` is None for lines that could not be read (kind "unreadable").
    """

    __tablename__ = "journal_event"
    __table_args__ = (Index(None, "kind", "at"),)

    source: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str | None] = mapped_column(index=True)
    channel_id: Mapped[str | None] = mapped_column(index=True)
    at: Mapped[datetime | None]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]


class JournalPosition(Base):
    """How far each file of the journal has been read: `offset` in bytes."""

    __tablename__ = "journal_position"

    source: Mapped[str] = mapped_column(primary_key=True)
    file_id: Mapped[str] = mapped_column(primary_key=True)
    inode: Mapped[int] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger)


class Call(Base):
    """One call as the journal tells it; `outcome` and `ended_at` are None while it runs.

    `answered_at` is when an agent answered; `recorded_at` is when the recording began: times in transcripts
    are seconds from there. `wait_seconds` counts in queues until the first answer, `talk_seconds` with agents,
    holding included. `caller` is who placed the call, `called` whom; a callback is outbound, so its customer is
    `called`.
    """

    __tablename__ = "call"

    id: Mapped[str] = mapped_column(primary_key=True)
    direction: Mapped[Direction]
    caller: Mapped[str | None] = mapped_column(index=True)
    called: Mapped[str | None]
    language: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(index=True)
    recorded_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[Outcome | None] = mapped_column(index=True)
    queue: Mapped[str | None]
    agent: Mapped[str | None] = mapped_column(index=True)
    wait_seconds: Mapped[float | None] = mapped_column(Float(53))
    talk_seconds: Mapped[float | None] = mapped_column(Float(53))
    hung_up_by: Mapped[HungUpBy | None]
    menu_path: Mapped[list[str]] = mapped_column(default=list)
    customer_id: Mapped[int | None] = mapped_column(Integer, index=True)
    offered: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether the caller asked for a person: what the figures of S32 and S33 count."""
    callback_of: Mapped[str | None] = mapped_column(index=True)
    """The call this one calls back; such calls count neither as offered nor as answered calls of their own."""
    contact_id: Mapped[str | None] = mapped_column(index=True)
    """The contact that a survey call (S26) was placed for; its customer is `called`, and whoever answered without
    reaching an agent was `surveyed`."""
    hold_seconds: Mapped[float] = mapped_column(Float(53), default=0.0)
    transfers: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """Every transfer: `{at, by, to, kind, returned}`, kind warm or blind; see ivr.calls.transfers."""

    @property
    def answered_offset(self) -> float | None:
        """Seconds from the recording's start to the agent's answer; None when nobody answered."""
        if self.answered_at is None:
            return None
        return max(0.0, (self.answered_at - (self.recorded_at or self.started_at)).total_seconds())


class Leg(Base):
    """One side of a recorded call, or a message; `recording` is relative to the recordings folder; `seconds` long."""

    __tablename__ = "leg"

    id: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"), index=True)
    role: Mapped[LegRole]
    recording: Mapped[str]
    seconds: Mapped[float | None] = mapped_column(Float(53))


def leg_id(call_id: str, name: str) -> str:
    """The id of a leg: `name` is its role, and of a comment the question too (`ivr.store.surveys.comment_leg`)."""
    return f"{call_id}-{name}"


class Transcript(Base):
    """What was heard on a leg: words as `{word, start, end, confidence}`, seconds from the recording's start.

    Not tied to the leg by a foreign key: it survives a rebuild of the calls from the journal. `text` is the
    words joined for searching; it follows `words` by itself when set through the ORM.
    """

    __tablename__ = "transcript"

    leg_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[TranscriptState] = mapped_column(default="pending", index=True)
    model: Mapped[str | None]
    demonstration: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None]
    made_at: Mapped[datetime | None]
    words: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    text: Mapped[str] = mapped_column(default="")

    @validates("words")
    def _follow(self, _key: str, words: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.text = spoken_text(words)
        return words


class Score(Base):
    """A call judged against the standards; `total` is None when nothing could be assessed."""

    __tablename__ = "score"

    call_id: Mapped[str] = mapped_column(primary_key=True)
    total: Mapped[float | None] = mapped_column(Float(53))
    items: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    made_at: Mapped[datetime]
    model: Mapped[str | None]
    demonstration: Mapped[bool] = mapped_column(default=False)


class User(Base):
    """Somebody who may log in; `role` is one of agent, qa, supervisor, admin.

    `work_number` is the agent this person is: whose desk page it is, and whose phone a supervisor listens with.
    An agent without one is the agent of the login.
    """

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    language: Mapped[str] = mapped_column(default="zh-CN")
    work_number: Mapped[str | None]


class ApiToken(Base):
    """A program that may use the API; `may` is what for (see ivr.web.tokens), `token_hash` the token's SHA-256 in hex.

    The token itself stands nowhere: it is 32 random bytes, so its plain hash gives nothing away.
    """

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    may: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    made_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class EndedSession(Base):
    """A session that somebody logged out of, for as long as its cookie may still be shown (see ivr.web.auth).

    `key_hash` is the SHA-256, in hex, of the session's form token.
    """

    __tablename__ = "ended_session"

    key_hash: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


class AccessLog(Base):
    """Who looked at what (S24); `user` is the login as text, so that it outlives the account."""

    __tablename__ = "access_log"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    user: Mapped[str] = mapped_column("login")
    action: Mapped[str]
    call_id: Mapped[str | None] = mapped_column(index=True)
    customer_id: Mapped[int | None] = mapped_column(Integer, index=True)


def spoken_text(words: Iterable[Mapping[str, Any]]) -> str:
    """Words joined as people write them: blanks between Latin words, none next to Han characters."""
    parts = [str(word["word"]) for word in words if word.get("word")]
    joined = parts[0] if parts else ""
    for before, after in pairwise(parts):
        latin = before[-1].isascii() and after[0].isascii()
        joined += f" {after}" if latin else after
    return joined
