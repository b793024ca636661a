"""The customer file (S23): who they are, by which numbers they call, and what was done for them."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.base import Base


class Customer(Base):
    """A customer. `title` is 先生 or 女士 (S2); `key` marks a key customer (S22), `elder` one who reaches a person
    without a menu whatever the birth year; `blocked` numbers hear a polite line and nothing else."""

    __tablename__ = "customer"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012
    # The journal knows customers by id: a forgotten one's id must never become another's.

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(default="")
    surname: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="")
    birth_year: Mapped[int | None] = mapped_column(Integer)
    elder: Mapped[bool] = mapped_column(Boolean, default=False)
    key: Mapped[bool] = mapped_column(Boolean, default=False)
    blocked: Mapped[bool] = mapped_column(Boolean, default=False)
    agent: Mapped[str | None]
    """The work number of a key customer's own agent."""
    language: Mapped[str | None]
    notes: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime]


class CustomerNumber(Base):
    """A number a customer calls from, digits only; it belongs to one customer."""

    __tablename__ = "customer_number"

    number: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)


class Visit(Base):
    """A purchase or service visit that ended at `at`; `external_id` is the sender's, so that nothing is taken twice.

    `by`: the technician or agent who served; `consent`: whether the customer may be called about it (S26). Nobody is
    rung about a visit without consent, or one with `withdrawn_at`.
    """

    __tablename__ = "visit"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    external_id: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    at: Mapped[datetime] = mapped_column("visited_at", index=True)
    by: Mapped[str] = mapped_column("visited_by", default="")
    number: Mapped[str | None]
    """The number given for this visit; None: the first of the customer's."""
    language: Mapped[str | None]
    consent: Mapped[bool] = mapped_column(Boolean, default=True)
    withdrawn_at: Mapped[datetime | None]
    """When the sender took it back."""
    notes: Mapped[str] = mapped_column(default="")
