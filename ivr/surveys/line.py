"""The carrier's line as the survey dialler sees it: who is rung, what is up, and how busy inbound is."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Order:
    """One attempt to be made, with all that the call needs to know: it waits for no database.

    `surname`: the prompt that says surname and title, empty where nobody can say it; `customer`: both in writing, for
    an agent's screen. `asking`: the question to go on with, `answers` those given before, as question → value.
    """

    contact_id: str
    attempt: int
    number: str
    survey: str
    language: str
    customer_id: int | None = None
    surname: str = ""
    customer: str = ""
    visit_kind: str = ""
    asking: str = ""
    answers: tuple[tuple[str, str], ...] = ()
    key: bool = False


class Line(Protocol):
    """Raises IvrError where Asterisk cannot be asked; then nobody knows, and the dialler looks again later."""

    def ring(self, order: Order) -> None:
        """Have the customer rung. An attempt that has been rung before is not rung again, whatever is asked."""

    def up(self) -> Set[str]:
        """The ids of all survey calls that are up now: ringing, or talking."""

    def waiting_callers(self) -> int:
        """How many callers wait in any queue: each takes one line away from surveys."""

    def hang_up(self, call_id: str) -> None:
        """Stop ringing (the emergency stop). Nothing when it is over already, or answered: then they are talked to."""
