"""What is going on right now, as Asterisk last said: a picture that is replaced, never a source of facts."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from ivr.store.base import Base


class LiveBoard(Base):
    """One row (`id` 1): agents, callers waiting and talking; `version` rises with every change."""

    __tablename__ = "live_board"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    board: Mapped[dict[str, Any]]
