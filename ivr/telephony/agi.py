"""One call's AGI conversation: pyst2's AGI with its faults mended.

Mended: a hang-up is seen however it comes (inline HANGUP, reply 511, end of file, broken pipe); arguments
are quoted as Asterisk's parser reads them and control characters are refused; nothing is echoed; no signal
handler is installed; lines are limited; every wait has an end; "100 Trying" is passed over.
"""

import re
from typing import BinaryIO, Protocol

from asterisk import agi as pyst2

from ivr.errors import IvrError

LINE_LIMIT = 8192
"""Bytes of one AGI line, its end included (res_agi.c)."""
HEADER_LIMIT = 16384
"""Bytes of the opening header; Asterisk sends about 700, and some more per argument."""

_MARGIN = 10.0
"""Seconds an answer may come later than its sounds last, before it counts as lost."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_PLAIN = re.compile(r"[^\w ·、，。（）/+.-]")
"""What could be read as more than a text by ARRAY() or by the dialplan."""


class AgiError(IvrError):
    """The conversation with Asterisk broke off, or made no sense."""


class CallerHungUp(IvrError):
    """The caller has gone, or Asterisk has taken the call back: the flow ends here."""

    def __init__(self) -> None:
        super().__init__("The caller has hung up.")


class UnsafeArgument(AgiError):
    """An argument that would end its line, or not fit on one."""


class Stream(Protocol):
    """What carries the conversation: a socket's or a pipe's two directions."""

    def read_until(self, end: bytes, limit: int, /) -> bytes:
        """The next bytes up to `end`, less when there are no more, or more than `limit`."""

    def send(self, line: bytes, /) -> None: ...

    def wait_at_most(self, seconds: float, /) -> None:
        """How long read_until may block from now on; it raises TimeoutError then."""


class PipeStream:
    """Standard input and output of a classic AGI script; Asterisk ends it by SIGHUP or end of file."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target

    def read_until(self, end: bytes, limit: int, /) -> bytes:
        text = b""
        while not text.endswith(end) and (line := self._source.readline(limit - len(text))):
            text += line
        return text

    def send(self, line: bytes, /) -> None:
        self._target.write(line)
        self._target.flush()

    def wait_at_most(self, seconds: float, /) -> None:
        """A pipe ends with Asterisk itself; there is nothing to time."""


def quote(argument: object) -> str:
    """One argument as Asterisk's parse_args reads it back; raises UnsafeArgument on control characters."""
    text = str(argument)
    if _CONTROL.search(text):
        raise UnsafeArgument("An AGI argument holds a control character.", "clean the text before it is sent")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def plain(text: str) -> str:
    """A text without anything that Asterisk could take for its own: letters of any script, digits, blanks, marks."""
    return _NOT_PLAIN.sub(" ", text)


class _Silence:
    """pyst2 echoes digits and variables to its error stream, prettily printed; here nobody listens."""

    def write(self, _: str) -> None:
        return

    def pformat(self, _: object) -> str:
        return ""


# Printing nicely for nobody would be half of what a flow costs.
pyst2.pprint = _Silence()


class Channel(pyst2.AGI):  # type: ignore[misc]
    """A caller's channel. All methods raise CallerHungUp when the caller has gone, else AgiError."""

    env: dict[str, str]

    def __init__(self, stream: Stream, header_seconds: float = 5.0) -> None:
        """Reads the opening header. pyst2's own constructor is not called: it takes over SIGHUP and echoes."""
        self._stream = stream
        self._last_line = ""
        self.stdin = self.stdout = self
        self.stderr = _Silence()
        self._got_sighup = False
        stream.wait_at_most(header_seconds)
        # All at once: line by line, as pyst2 reads it, the header would cost more than the rest of a short flow.
        entries = (line.partition(":") for line in self._read(b"\n\n", HEADER_LIMIT).split("\n"))
        self.env = {name: value.strip() for name, _, value in entries}

    # What pyst2 calls on its streams.

    def readline(self) -> str:
        """The next line that answers something; raises CallerHungUp."""
        while True:
            line = self._read(b"\n", LINE_LIMIT)
            if line.startswith(("HANGUP", "511")):
                raise CallerHungUp
            if line.startswith("100"):
                continue
            if not line:
                continue
            self._last_line = line
            return line

    def _read(self, end: bytes, limit: int) -> str:
        try:
            text = self._stream.read_until(end, limit)
        except TimeoutError as error:
            raise AgiError("Asterisk gave no answer in time.") from error
        except OSError as error:
            raise CallerHungUp from error
        if not text.endswith(end):
            if len(text) >= limit:
                raise AgiError(f"Asterisk sent more than {limit} bytes where less was to be expected.")
            raise CallerHungUp
        return text.decode("utf-8", "replace").strip()

    def write(self, command: str) -> None:
        line = command.encode()
        if len(line) > LINE_LIMIT:
            raise UnsafeArgument(f"An AGI command is longer than {LINE_LIMIT} bytes.", "say it in several")
        if b"\n" in line[:-1]:
            raise UnsafeArgument("An AGI command holds a line end.", "quote its arguments")
        try:
            self._stream.send(line)
        except TimeoutError as error:
            raise AgiError("Asterisk takes no more commands.") from error
        except OSError as error:
            raise CallerHungUp from error

    def flush(self) -> None:
        """`write` sends at once."""

    def _quote(self, string: object) -> str:
        return quote(string)

    # What flows need, each in one round trip.

    def ask_asterisk(self, command: str, *arguments: object, seconds: float = 10.0, least: int = 1) -> tuple[str, str]:
        """Send one command, wait at most `seconds` for its result; returns (value, data in brackets)."""
        self._stream.wait_at_most(seconds)
        try:
            result = self.execute(command, *(quote(argument) for argument in arguments))
        except (pyst2.AGIUnknownError, ValueError) as error:
            raise AgiError("Asterisk's answer makes no sense.") from error
        except (pyst2.AGIInvalidCommand, pyst2.AGIUsageError) as error:
            raise AgiError(f"Asterisk does not know the command {command}.") from error
        except pyst2.AGIAppError as error:
            if "not found" in self._last_line:
                raise AgiError("The dialplan lacks what the flow asks for.", "run `ivr up` again") from error
            # -1 is the only result of a command on a caller who has gone; the clock's take-back looks the same.
            raise CallerHungUp from error
        value, data = result["result"]
        return str(value), str(data)

    def play_files(self, files: list[str], seconds: float) -> None:
        """Play sounds one after the other, whatever keys are pressed; they last `seconds`."""
        self._subroutine("flow-play", "&".join(files), seconds)

    def key_during(self, files: list[str], wait_seconds: float, seconds: float) -> str | None:
        """Play sounds until a key is pressed, then wait `wait_seconds` for one; None when none came."""
        self._subroutine("flow-ask", f"{'&'.join(files)},{wait_seconds:g}", seconds + wait_seconds)
        status, _, key = self.evaluate("${READSTATUS}:${IVR_KEY}").partition(":")
        # Read() ends at the hash key without storing it.
        return (key or "#") if status == "OK" else None

    def digits_during(self, files: list[str], most: int, wait_seconds: float, seconds: float) -> str:
        """Play sounds until a key is pressed, then take up to `most` digits until the hash key or a pause."""
        arguments = f"{'&'.join(files)},{most},{wait_seconds:g}"
        self._subroutine("flow-digits", arguments, seconds + most * wait_seconds)
        digits = self.evaluate("${IVR_DIGITS}")
        return digits if digits.isascii() and digits.isdigit() else ""

    def record(self, file: str, most_seconds: int) -> None:
        """Record the caller into `file` (without .wav) until a key, eight seconds of silence, or `most_seconds`."""
        self._subroutine("flow-record", f"{file},{most_seconds}", most_seconds + 2.0)

    def _subroutine(self, context: str, arguments: str, seconds: float) -> None:
        """Run a subroutine of extensions.conf; there Asterisk's own clock watches this flow."""
        self.ask_asterisk("GOSUB", context, "s", "1", arguments, seconds=seconds + _MARGIN)

    def set(self, **variables: object) -> None:
        """Set channel variables; values may hold anything but control characters."""
        for name, value in variables.items():
            self.ask_asterisk("SET VARIABLE", name, value)

    def set_plain(self, names: list[str], values: list[object]) -> None:
        """Set several variables or functions in one round trip; their values are `plain`."""
        texts = [str(value) for value in values]
        if any(_NOT_PLAIN.search(text) for text in texts):
            raise UnsafeArgument("A value of a joint assignment holds more than letters and digits.")
        self.ask_asterisk("SET VARIABLE", f"ARRAY({','.join(names)})", ",".join(texts))

    def evaluate(self, expression: str) -> str:
        """What Asterisk makes of an expression of `${…}`; empty when it has no value."""
        value, data = self.ask_asterisk("GET FULL VARIABLE", expression)
        return data if value == "1" else ""
