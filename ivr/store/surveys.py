"""Callbacks after a visit (S26): whom a survey is to reach, every attempt to, and what was answered."""

from datetime import datetime
from typing import Literal, TypeVar

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, SQLColumnExpression, Text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.base import Base

ContactState = Literal[
    "planned",  # waits for its next attempt
    "dialling",  # an attempt is claimed, or under way
    "completed",  # every question that was due was answered
    "person",  # asked for a person and was taken to the queue
    "declined",  # would rather not, this time
    "do_not_call",  # never again
    "wrong_person",  # somebody else has this number
    "gave_up",  # the attempts are used up; answers given by then are kept
    "expired",  # too late to ask about the visit
    "cancelled",  # by hand, or the visit was withdrawn
]
OPEN_STATES: tuple[ContactState, ...] = ("planned", "dialling")
AttemptResult = Literal[
    # not answered
    "busy",
    "no_answer",
    "rejected",
    "failed",  # the carrier or our own line
    "refused",  # the dialplan would not: a second time, a number or an hour that is not allowed, the emergency stop
    "lost",  # nobody was dialled: Asterisk or the dialler died before
    "unknown",  # dialled, and nobody could write down what became of it
    # answered
    "machine",
    "phone_menu",
    "no_human",  # nobody said or pressed anything
    "wrong_person",
    "later",
    "declined",
    "do_not_call",
    "broken_off",
    "person",
    "completed",
]
CampaignState = Literal["planned", "running", "paused"]

Base.registry.update_type_annotation_map(dict.fromkeys((ContactState, AttemptResult, CampaignState), Text()))


class Campaign(Base):
    """Whether a survey's customers are being rung; a survey without a row is planned: nobody is rung."""

    __tablename__ = "campaign"

    survey: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[CampaignState] = mapped_column(default="planned")
    changed_at: Mapped[datetime]
    by: Mapped[str] = mapped_column("changed_by", default="")


class Contact(Base):
    """A customer whom a survey is to reach about one visit; `id` is `ivr.surveys.ids.contact_id`.

    `next_at` is when it is worth looking again, `reason` the last decision's (a text key: why now, or why not).
    `asking` is the question that was being asked when a call broke off; `agreed_at` a time the customer chose;
    `time_said_in` the call in which they said it instead of choosing by key: until it is understood, nobody rings.
    """

    __tablename__ = "contact"
    # The dialler reads the first rows of each in its order, however many contacts are open.
    __table_args__ = (
        Index(None, "survey", "state", "key", "next_at", "due_at"),
        Index(None, "state", "agreed_at"),
        Index(None, "state", "expires_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    survey: Mapped[str]
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id", ondelete="CASCADE"), index=True)
    number: Mapped[str] = mapped_column(index=True)
    language: Mapped[str]
    key: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[ContactState] = mapped_column(default="planned")
    reason: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime]
    next_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    agreed_at: Mapped[datetime | None]
    time_said_in: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    last_result: Mapped[AttemptResult | None]
    asking: Mapped[str | None]
    reached_at: Mapped[datetime | None]
    """When the right person was first on the line."""
    ended_at: Mapped[datetime | None]


class ContactAttempt(Base):
    """One attempt, claimed before anything is dialled: the key makes a second dialler fail, not ring twice.

    `number` stands here too: the caps count dials to a number, whichever contact they were for.
    """

    __tablename__ = "contact_attempt"
    __table_args__ = (Index(None, "number", "claimed_at"), Index(None, "result"))

    contact_id: Mapped[str] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[str]
    call_id: Mapped[str] = mapped_column(unique=True)
    claimed_at: Mapped[datetime]
    dialled_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[AttemptResult | None]


class Answer(Base):
    """What a customer answered; `value` as keyed (a comment's is empty), `recording` of a comment relative to the
    recordings folder. The last answer to a question counts."""

    __tablename__ = "answer"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True)
    question: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(default="")
    recording: Mapped[str | None]
    seconds: Mapped[float | None] = mapped_column(Float(53))
    call_id: Mapped[str] = mapped_column(index=True)
    given_at: Mapped[datetime]


Words = TypeVar("Words", str, SQLColumnExpression[str])


def comment_leg(call_id: Words, question: Words) -> Words:
    """The id of the leg (role "comment") that a spoken answer is: its words are that leg's transcript.

    Of texts, or of columns in a query.
    """
    return call_id + "-comment-" + question


class DoNotCall(Base):
    """A number that is never rung by us unasked; `reason`: key (pressed 9), page, api, command. `call_id` where it
    was said."""

    __tablename__ = "do_not_call"

    number: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    reason: Mapped[str]
    by: Mapped[str] = mapped_column("added_by", default="")
    call_id: Mapped[str | None]
