"""The phones of customers whom we ring: behind a carrier that SIPp plays, each with its own end of the sound.

The last digit of a number decides what its phone does (customers.xml): 2 is busy, 3 lets it ring, 4 declines; all
others answer, and then do what they are told here.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.sipp import SippRun

SCENARIO = Path(__file__).with_name("customers.xml")


@dataclass(frozen=True)
class Notice:
    """Something that a customer's phone noticed: rings, answered, is-released, gave-up, hung-up; `said`: the rest."""

    what: str
    number: str
    said: str = ""


class CustomerPhones:
    """Phones with these numbers, at the carrier's `port`; use it as a context manager.

    What they notice is what the customers know of us, whatever our own records say.
    """

    def __init__(
        self, numbers: Sequence[str], server: tuple[str, int], port: int, *, calls: int = 1000, seconds: float = 3000
    ) -> None:
        self._server = server
        self._stack = ExitStack()
        self._sound = RtpLines(len(numbers))
        self.lines: dict[str, RtpLine] = dict(zip(numbers, self._sound.lines, strict=True))
        # SIPp writes line 0 of a table as nothing: nobody has it.
        rows: list[list[str | int]] = [["nobody", 0]]
        rows += [[number, line.port] for number, line in self.lines.items()]
        more = ["-infindex", "calls.csv", "0"]
        self.run = SippRun(
            SCENARIO, server, "customers", rows, calls=calls, listen=port, limit_seconds=seconds, more=more
        )

    def __enter__(self) -> "CustomerPhones":
        self._stack.enter_context(self._sound)
        self._stack.enter_context(self.run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def notices(self) -> list[Notice]:
        """Everything that was noticed so far, in order."""
        return [Notice(*line.split(" ", 2)) for line in self.run.happened() if line.count(" ") >= 1]

    def noticed(self, what: str, number: str) -> int:
        """How often this customer noticed something."""
        return sum((notice.what, notice.number) == (what, number) for notice in self.notices())

    def speak(self, number: str) -> RtpLine:
        """The customer's end of the sound, of whom we are on the phone now: a phone speaks before it has heard us."""
        port = next(n.said for n in reversed(self.notices()) if (n.what, n.number) == ("speaks-to", number))
        line = self.lines[number]
        line.remote = (self._server[0], int(port.rpartition(" ")[2]))
        return line

    def hang_up(self, number: str) -> None:
        """The customer puts the phone down."""
        self.run.hang_up(number)
