"""Asterisk's line as the dialler sees it: places are taken in it, given up, and looked for."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Place:
    """A place to take in a queue's line for a caller who has hung up; the words are for the agent (S8)."""

    callback_id: str
    attempt: int
    number: str
    language: str
    queue: str
    joined_at: datetime
    priority: int
    matter: str = ""
    customer: str = ""
    """Surname and title, for the agent's screen."""
    surname: str = ""
    """The prompt that says them."""


class Line(Protocol):
    """Raises IvrError where Asterisk cannot be asked; then nobody knows, and the dialler looks again later."""

    def take(self, place: Place) -> None:
        """Have a placeholder join the line. An attempt that has been taken before is not taken again."""

    def standing(self) -> Set[str]:
        """The ids of all calls of callbacks that are up now: in line, or talking."""

    def withdraw(self, call_id: str) -> None:
        """Give up a place; nothing when it is gone already."""
