"""A caller with a script, and the Asterisk between them and a flow: it reads commands as res_agi.c does."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ivr.calls.caller_book import STRANGER, CallerFacts
from ivr.calls.journal import Journal
from ivr.calls.notice import NO_NOTICE, Notice
from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT
from ivr.telephony.agi import Channel
from ivr.telephony.call import Call, Desk
from ivr.telephony.line import LINE_FACTS
from ivr.telephony.server import SocketStream
from ivr.telephony.sounds import Sound
from ivr.telephony.survey_sheet import SHEET

HANG_UP = "hang up"
SECONDS = 2.0
"""Every prompt of these tests lasts so long."""


def parse_args(line: str) -> list[str]:
    """The words of a command as Asterisk's parse_args (res/res_agi.c) reads them."""
    words: list[str] = []
    quoted = escaped = False
    whitespace = True
    for char in line:
        if char == '"' and not escaped:
            quoted = not quoted
            if quoted and whitespace:
                words.append("")
                whitespace = False
        elif char in " \t" and not quoted and not escaped:
            whitespace = True
        elif char == "\\" and not escaped:
            escaped = True
        else:
            if whitespace:
                words.append("")
                whitespace = False
            words[-1] += char
            escaped = False
    return words


@dataclass
class Caller:
    """What a caller does each time they are asked (a key, None for silence, HANG_UP), and how busy the queue is."""

    keys: Iterable[str | None] = ()
    waiting: int = 0
    free: int = 1
    present: int = 1
    messages: Iterable[tuple[bytes, bool]] = ()
    """What is said into each recording (16 bit, 8 kHz), and whether the caller hangs up in it."""
    heard: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)
    """Everything the flow said, word by word."""
    ending: str = "HANGUP\n"
    """How Asterisk tells a hang-up: inline HANGUP, reply 511, or nothing but the end of the file."""

    def __post_init__(self) -> None:
        self._keys = iter(self.keys)
        self._messages = iter(self.messages)
        self.gone = False

    def answer(self, words: list[str]) -> str:
        """Asterisk's reply to a command."""
        match words:
            case ["GOSUB", "flow-play", "s", "1", files]:
                self._hear(files)
                return "100 result=0 Trying...\n200 result=0 Gosub complete\n"
            case ["GOSUB", "flow-ask", "s", "1", arguments]:
                self._hear(arguments.rpartition(",")[0])
                key = next(self._keys, None)
                if key == HANG_UP:
                    self.gone = True
                    return self.ending
                # Read() stores no hash key: it ends at it.
                self.variables["IVR_KEY"] = "TIMEOUT:" if key is None else "OK:" + key.replace("#", "")
                return "100 result=0 Trying...\n200 result=0 Gosub complete\n"
            case ["GOSUB", "flow-digits", "s", "1", arguments]:
                self._hear(arguments.rsplit(",", 2)[0])
                digits = next(self._keys, None)
                if digits == HANG_UP:
                    self.gone = True
                    return self.ending
                self.variables["IVR_DIGITS"] = digits or ""
                return "100 result=0 Trying...\n200 result=0 Gosub complete\n"
            case ["GET", "FULL", "VARIABLE", "${IVR_DIGITS}"]:
                return f"200 result=1 ({self.variables['IVR_DIGITS']})\n"
            case ["GET", "FULL", "VARIABLE", "${JOINED}:${IVR_CLASS}"]:
                return f"200 result=1 ({self.variables.get('JOINED', '')}:{self.variables.get('IVR_CLASS', '')})\n"
            case ["GET", "FULL", "VARIABLE", "${READSTATUS}:${IVR_KEY}"]:
                return f"200 result=1 ({self.variables['IVR_KEY']})\n"
            case ["GET", "FULL", "VARIABLE", expression] if expression.startswith("${QUEUE_MEMBER("):
                return f"200 result=1 ({self.present})\n"
            case ["GET", "FULL", "VARIABLE", expression] if expression == SHEET:
                return f"200 result=1 ({self.variables['SHEET']})\n"
            case ["GET", "FULL", "VARIABLE", "${RECORD_STATUS}"]:
                return f"200 result=1 ({self.variables.get('RECORD_STATUS', 'DTMF')})\n"
            case ["GOSUB", "flow-record", "s", "1", arguments]:
                return self._speak(arguments.rpartition(",")[0])
            case ["GET", "FULL", "VARIABLE", "${RECORDING}"]:
                return "200 result=1 (2026/01/05/ivr-test-1.1)\n"
            case ["GET", "FULL", "VARIABLE", expression] if expression == LINE_FACTS:
                known = ("QUEUE", "JOINED", "IVR_CLASS", "IVR_WHY", "MEMBERNAME", "IVR_REASON")
                return f"200 result=1 ({','.join(self.variables.get(name, '') for name in known)})\n"
            case ["GET", "FULL", "VARIABLE", expression] if "QUEUE" in expression:
                return f"200 result=1 ({self.waiting},{self.free},{self.present})\n"
            case ["SET", "VARIABLE", name, value] if name.startswith("ARRAY("):
                # A variable with __ before its name is read without, here and on the channels it is inherited by.
                names = [one.removeprefix("__") for one in name[6:-1].split(",")]
                self.variables |= dict(zip(names, value.split(","), strict=True))
                return "200 result=1\n"
            case ["SET", "VARIABLE", name, value]:
                self.variables[name] = value
                return "200 result=1\n"
        return "510 Invalid or unknown command\n"

    def _speak(self, file: str) -> str:
        """Say the next message into a file as Record() writes it; True after it: the caller hangs up in it."""
        samples, hangs_up = next(self._messages)
        target = Path(f"{file}.wav")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"RIFF".ljust(44, b"\0") + samples)
        self.gone = hangs_up
        return self.ending if hangs_up else "100 result=0 Trying...\n200 result=0 Gosub complete\n"

    def _hear(self, files: str) -> None:
        self.heard += [Path(file).name for file in files.split("&") if file]


class StudioSounds:
    """Every prompt has a sound of SECONDS, except those in `missing`."""

    def __init__(self, missing: Iterable[str] = ()) -> None:
        self.missing = set(missing)

    def find(self, prompt: str, language: str) -> Sound | None:
        return None if prompt in self.missing else Sound(f"/prompts/{language}/{prompt}", SECONDS)


HEADER = "agi_network: yes\nagi_network_script: hotline\nagi_uniqueid: ivr-test-1.1\nagi_callerid: 13800138000\n" + (
    "agi_extension: 4008001001\nagi_arg_1: 2026/01/02/x-caller.wav\nagi_arg_2: 2026/01/02/x-agent.wav\n\n"
)


@contextmanager
def on_the_line(caller: Caller, header: str = HEADER) -> Iterator[Channel]:
    """The caller's channel, over a real socket."""
    ours, theirs = socket.socketpair()
    peer = threading.Thread(target=_serve, args=(theirs, caller, header), daemon=True)
    peer.start()
    try:
        yield Channel(SocketStream(ours))
    finally:
        ours.close()
        peer.join(10)


def _serve(theirs: socket.socket, caller: Caller, header: str) -> None:
    with theirs, theirs.makefile("rwb", 0) as lines:
        lines.write(header.encode())
        for line in iter(lines.readline, b""):
            words = parse_args(line.decode().rstrip("\n"))
            caller.commands.append(words)
            try:
                lines.write(caller.answer(words).encode())
            except OSError:
                return
            if caller.gone:
                return


class Clock:
    """Runs on as fast as the caller hears; `at` is the wall clock."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Told:
    """What a flow left behind: journal events without their times, and the dialplan's variables."""

    caller: Caller
    events: list[dict[str, Any]]
    error: BaseException | None

    def event_names(self) -> list[str]:
        return [event["event"] for event in self.events]

    def event(self, name: str) -> dict[str, Any]:
        return next(event for event in self.events if event["event"] == name)


NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
"""A Monday, 12:00 in Shanghai."""
NIGHT = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)
"""02:00 in Shanghai."""


def tell(
    flow: Callable[[Call], None],
    caller: Caller,
    journal: Path,
    *,
    hotline: Hotline | None = None,
    at: datetime = NOON,
    missing: Iterable[str] = (),
    talk_seconds: float | None = None,
    seconds_before_key: float = 60.0,
    who: CallerFacts = STRANGER,
    notice: Notice = NO_NOTICE,
    recordings: Path | None = None,
    header: str = HEADER,
) -> Told:
    """Let a caller go through a flow; `seconds_before_key`: how long prompts are listened to before a key; `who`:
    what the caller book knows of them; `recordings`: where the caller's side of the recording grows."""
    import json

    ticks = [0.0]

    def monotonic() -> float:
        ticks[0] += seconds_before_key
        return ticks[0]

    desk = Desk(
        hotline or load_hotline(ROOT / "hotline.yaml"),
        StudioSounds(missing),  # type: ignore[arg-type]
        Journal(journal, now=Clock(at).now),
        now=Clock(at).now,
        monotonic=monotonic,
        talk_seconds=lambda queue: talk_seconds,
        who_calls=lambda number: who,
        notice=notice,
        recordings=recordings,
    )
    error: BaseException | None = None
    with on_the_line(caller, header) as channel:
        call = Call(channel, desk)
        try:
            call.begin()
            flow(call)
        except Exception as raised:
            error = raised
    return Told(caller, [json.loads(line) for line in journal.read_text().splitlines()], error)
