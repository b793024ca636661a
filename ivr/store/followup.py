"""What a call leaves to be done: callbacks, messages, ratings, notes, cases, and news sent out."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.base import Base

CallbackReason = Literal["requested", "abandoned", "cut_off"]
CallbackState = Literal["waiting", "dialling", "answered", "gave_up", "cancelled"]
CaseKind = Literal[
    "message",
    "low_rating",
    "complaint",
    "missed_callback",
    "survey_low",
    "survey_complaint",
    "survey_person",  # asked a survey for a person and reached nobody
    "survey_time",  # said when to be called again, and was not understood for sure
]
CaseState = Literal["open", "taken", "closed"]
NewsState = Literal["waiting", "sent", "failed"]


class Callback(Base):
    """A caller who keeps their place in line without holding the line (S10); `id` is the id of their call.

    `joined_at` is when they joined the line: that is their place. `state` is waiting until an attempt is claimed;
    answered, gave_up and cancelled are final.
    """

    __tablename__ = "callback"
    __table_args__ = (Index(None, "state", "next_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(index=True)
    queue: Mapped[str]
    language: Mapped[str]
    reason: Mapped[str]
    matter: Mapped[str] = mapped_column(default="")
    priority: Mapped[int] = mapped_column(Integer, default=0)
    joined_at: Mapped[datetime]
    requested_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime]
    last_result: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    answered_call_id: Mapped[str | None]


class CallbackAttempt(Base):
    """One attempt, claimed before anything is dialled: the key makes a second dialler fail, not ring twice."""

    __tablename__ = "callback_attempt"

    callback_id: Mapped[str] = mapped_column(ForeignKey("callback.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    claimed_at: Mapped[datetime]
    call_id: Mapped[str | None] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    result: Mapped[str | None]


class Message(Base):
    """What a caller left when nobody could take the call (S12); `recording` relative to the recordings folder."""

    __tablename__ = "message"

    call_id: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str]
    number: Mapped[str]
    recording: Mapped[str]
    seconds: Mapped[float] = mapped_column(Float(53))
    left_at: Mapped[datetime]


class Rating(Base):
    """What a caller said of the talk, 1 (worst) to 5."""

    __tablename__ = "rating"

    call_id: Mapped[str] = mapped_column(primary_key=True)
    score: Mapped[int] = mapped_column(Integer)
    agent: Mapped[str | None] = mapped_column(index=True)
    given_at: Mapped[datetime]


class WrapUpNote(Base):
    """What an agent wrote down about a call within wrap-up (S14); the latest of an agent counts."""

    __tablename__ = "wrap_up_note"

    call_id: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    disposition: Mapped[str]
    text: Mapped[str] = mapped_column(default="")
    written_at: Mapped[datetime]


class Case(Base):
    """Something a person still has to put right (S25); `origin` makes a call open a case of a kind only once."""

    __tablename__ = "service_case"
    # News knows cases by id: it must never become another's.
    __table_args__ = (
        UniqueConstraint("kind", "origin"),
        Index(None, "state", "due_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str]
    origin: Mapped[str]
    call_id: Mapped[str | None] = mapped_column(index=True)
    customer_id: Mapped[int | None] = mapped_column(Integer, index=True)
    number: Mapped[str] = mapped_column(default="", index=True)
    queue: Mapped[str | None]
    key: Mapped[bool] = mapped_column(Boolean, default=False)
    matter: Mapped[str] = mapped_column(default="")
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="open")
    owner: Mapped[str | None]
    outcome: Mapped[str] = mapped_column(default="")
    closed_at: Mapped[datetime | None]
    department: Mapped[str | None]
    resolve_by: Mapped[datetime | None]
    """By when it is to be put right (S25), where `due_at` is by when the customer must have heard from us."""
    escalated_at: Mapped[datetime | None]
    contact_id: Mapped[str | None] = mapped_column(index=True)
    """The contact of a survey that it came from."""


class News(Base):
    """Something to be told outside by e-mail or web hook (S21), tried again until it arrives or is given up."""

    __tablename__ = "news"
    __table_args__ = (UniqueConstraint("channel", "origin"), Index(None, "state", "next_at"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    channel: Mapped[str]
    """email or webhook."""
    origin: Mapped[str]
    """What it tells of, as `case:12`: each is told once on each channel."""
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime]
    error: Mapped[str | None]
