"""A real SIP phone that a program operates: baresip, one process a phone, driven over its control socket.

Facts of baresip 1.1 this module rests on: an audio file that ends also ends the call, so every sound is
followed by long silence; the control socket serves one client; file names of audio devices hold at most
127 bytes, so they are relative to the phone's own folder; tones would be written into the file of what
was heard, so the phone is given none; `net_interface` takes an address, but not the loopback's name.
"""

import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ivr.demo.ports import free_port
from ivr.errors import IvrError
from ivr.tools import Tool, end_program, tool

RATE = 8000
"""Hz of every sound a phone says or hears (G.711)."""

CALL_SECONDS = 600
"""The longest silence after a sound: a call in which nothing new is said ends then by itself."""

T = TypeVar("T")

_MODULES = ("account", "menu", "uuid", "g711", "aufile", "ctrl_tcp")
_START_SECONDS = 20.0
_STARTS = 4
_COMMAND_SECONDS = 10.0

_CONFIG = """\
poll_method epoll
sip_listen {host}:{sip}
sip_trans_def udp
call_local_timeout 120
call_max_calls 4
audio_path {folder}/tones
audio_player aufile,heard.wav
audio_source aufile,silence.wav
audio_alert aufile,alert.wav
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
ausrc_format s16
auplay_format s16
audio_buffer 40-160
rtp_ports 40000-49000
jitter_buffer_type fixed
jitter_buffer_delay 2-10
net_interface {host}
statmode_default off
ring_aufile
ringback_disabled yes
sip_autoanswer_beep no
ctrl_tcp_listen {host}:{control}
module_path {modules}
{module_lines}
"""


class PhoneError(IvrError):
    """A phone did not start, was refused, or what was waited for did not happen in time."""


@dataclass(frozen=True)
class PhoneEvent:
    """What a phone reported, and when: REGISTER_OK, CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED, …"""

    at: datetime
    kind: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """baresip's own words, such as why a call was closed."""
        return str(self.data.get("param", ""))


class Phone:
    """One phone with one account; use it as a context manager.

    `server` is the SIP address (host, port) of the hotline. With a password it registers (an agent's phone),
    without one it only calls (a caller behind the carrier's trunk). Raises PhoneError.
    """

    def __init__(
        self,
        user: str,
        server: tuple[str, int],
        *,
        password: str | None = None,
        display_name: str = "",
        program: Tool | None = None,
    ) -> None:
        self.user = user
        self.server = server
        self.folder = Path(tempfile.mkdtemp(prefix="ivr-phone-"))
        self._password = password
        self._display_name = display_name
        self._program = program or tool("baresip")
        self._news = threading.Condition()
        self._events: list[PhoneEvent] = []
        self._answers: dict[str, dict[str, Any]] = {}
        self._token = 0
        self._sounds = 0
        self._spoke = False
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> "Phone":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Life of the program

    def start(self) -> None:
        """Start the program; with a password, wait until the server has accepted the registration."""
        for tries_left in reversed(range(_STARTS)):
            try:
                self._control = self._run()
                break
            except PhoneError:
                # Between the choice of a port and its use somebody else may have taken it.
                if not tries_left or not self._met_taken_port():
                    raise
                self._end()
        threading.Thread(target=self._listen, args=(self._control,), daemon=True).start()
        if self._password is not None:
            self._wait_until_registered()

    def _run(self) -> socket.socket:
        sip, control = (
            free_port(self.server[0], socket.SOCK_DGRAM),
            free_port(self.server[0], socket.SOCK_STREAM),
        )
        self._write_config(sip, control)
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._program.argv("-f", self.folder),
                cwd=self.folder,
                env=self._program.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._connect(control)

    def _met_taken_port(self) -> bool:
        return "address already in use" in (self.folder / "log").read_text(errors="replace").lower()

    def close(self) -> None:
        """End the program, politely first, and remove its folder."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            end_program(self._process)
            self._process = None

    def pull_the_plug(self) -> None:
        """Be gone without a word, as when the power fails."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.close()

    @property
    def has_crashed(self) -> bool:
        """Whether its program has ended by itself: baresip 1.1 does so now and then, between two sounds."""
        return self._process is not None and self._process.poll() is not None

    def start_again(self) -> None:
        """Start the program once more after it has crashed; what was noticed before stays in `events`."""
        self._end()
        self._spoke = False
        self.start()

    # What a person does with a phone

    def dial(self, number: str) -> None:
        """Call a number of the server's."""
        self._fall_silent()
        self.command("dial", f"sip:{number}@{self.server[0]}:{self.server[1]}")

    def answer(self) -> None:
        """Take the call that rings."""
        self._fall_silent()
        self.command("accept")

    def press(self, keys: str) -> None:
        """Press keys one after the other (RFC 4733 events)."""
        for key in keys:
            self.command("sndcode", key)

    def say(self, sound: Path) -> float:
        """Speak the sound (mono WAV, 16 bit, 8 kHz) into the call from now on; gives its seconds."""
        self._sounds += 1
        name = f"say-{self._sounds}.wav"
        seconds = _with_silence(sound, self.folder / name)
        self._spoke = True
        self.command("ausrc", f"aufile,{name}")
        return seconds

    def hang_up(self) -> None:
        """Put the phone down."""
        self.command("hangup")

    def keep_heard(self, where: Path) -> Path:
        """Copy what the phone heard in its last call (mono WAV, 8 kHz); complete once the call is closed."""
        shutil.copyfile(self.folder / "heard.wav", where)
        return where

    # What a phone notices

    @property
    def running(self) -> bool:
        return self._control is not None

    @property
    def events(self) -> list[PhoneEvent]:
        """Everything the phone has reported so far, in order."""
        with self._news:
            return list(self._events)

    def wait_for(self, *kinds: str, seconds: float = 30.0, since: int = 0) -> PhoneEvent:
        """The first event of these kinds from event number `since` on; raises PhoneError after `seconds`."""

        def found() -> PhoneEvent | None:
            return next((e for e in self._events[since:] if e.kind in kinds), None)

        with self._news:
            event = self._wait(found, seconds)
            happened = [e.kind for e in self._events[since:]]
        if event is None:
            raise PhoneError(
                f"Phone {self.user} waited {seconds:.0f} s for {' or '.join(kinds)}, but saw {happened}.",
                self._last_words(),
            )
        return event

    def command(self, name: str, params: str | None = None) -> str:
        """Send one of baresip's long commands; gives its answer. Raises PhoneError when it is refused."""
        control = self._control
        if control is None:
            raise PhoneError(f"Phone {self.user} is not running.")
        with self._news:
            self._token += 1
            token = str(self._token)
        request = {"command": name, "token": token} | ({} if params is None else {"params": params})
        body = json.dumps(request).encode()
        try:
            control.sendall(b"%d:%s," % (len(body), body))
        except OSError as error:
            raise PhoneError(f"Phone {self.user} has ended.", self._last_words()) from error
        with self._news:
            reply = self._wait(lambda: self._answers.pop(token, None), _COMMAND_SECONDS)
        if reply is None or not reply.get("ok"):
            raise PhoneError(f"Phone {self.user} refused {name}: {reply and reply.get('data')}.", self._last_words())
        return str(reply.get("data", ""))

    # Inside

    def _wait(self, found: Callable[[], T | None], seconds: float) -> T | None:
        ends = time.monotonic() + seconds
        while (result := found()) is None:
            left = ends - time.monotonic()
            if left <= 0 or not self._news.wait(left):
                return found()
        return result

    def _write_config(self, sip: int, control: int) -> None:
        (self.folder / "tones").mkdir(exist_ok=True)
        _write_silence(self.folder / "silence.wav")
        modules = self._program.data
        (self.folder / "config").write_text(
            _CONFIG.format(
                host=self.server[0],
                sip=sip,
                control=control,
                folder=self.folder,
                rate=RATE,
                modules=modules or "",
                module_lines="\n".join(f"module {name}.so" for name in _MODULES),
            )
        )
        register = 0 if self._password is None else 120
        name = f'"{self._display_name}" ' if self._display_name else ""
        secret = "" if self._password is None else f";auth_pass={self._password}"
        (self.folder / "accounts").write_text(
            f"{name}<sip:{self.user}@{self.server[0]}:{self.server[1]};transport=udp>"
            f";regint={register};audio_codecs=pcmu,pcma;dtmfmode=rtpevent;answermode=manual{secret}\n"
        )

    def _connect(self, port: int) -> socket.socket:
        ends = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                control = socket.create_connection((self.server[0], port), timeout=1)
            except OSError:
                time.sleep(0.05)
                continue
            control.settimeout(None)
            return control
        raise PhoneError(f"Phone {self.user} does not start.", self._last_words())

    def _fall_silent(self) -> None:
        # What was said last in one call would be said first in the next. Only then: now and then a sound begun on a
        # ringing call "ends" at once, and the call with it.
        if self._spoke:
            self.command("ausrc", "aufile,silence.wav")
            self._spoke = False

    def _wait_until_registered(self) -> None:
        # The answer may have come before the control socket was open, so the state is asked for as well.
        if "\x1b[32mOK" in (state := self.command("reginfo")):
            return
        if self.wait_for("REGISTER_OK", "REGISTER_FAIL", seconds=_START_SECONDS).kind != "REGISTER_OK":
            raise PhoneError(f"Phone {self.user} may not register: {state.strip()}", self._last_words())

    def _listen(self, control: socket.socket) -> None:
        for message in _messages(control):
            with self._news:
                if message.get("response"):
                    self._answers[str(message.get("token"))] = message
                else:
                    self._events.append(PhoneEvent(datetime.now(UTC), str(message.get("type")), message))
                self._news.notify_all()

    def _last_words(self) -> str:
        try:
            lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return "its program said: " + " | ".join(line.strip() for line in lines[-3:])


def _messages(control: socket.socket) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of netstrings (cr.yp.to/proto/netstrings.txt), until it ends."""
    buffer = b""
    while True:
        head, colon, rest = buffer.partition(b":")
        if colon and head.isdigit() and len(rest) > int(head):
            yield json.loads(rest[: int(head)])
            buffer = rest[int(head) + 1 :]
            continue
        try:
            more = control.recv(65536)
        except OSError:
            return
        if not more:
            return
        buffer += more


def _write_silence(where: Path) -> None:
    with wave.open(str(where), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(bytes(2 * RATE * CALL_SECONDS))


def _with_silence(sound: Path, where: Path) -> float:
    with wave.open(str(sound), "rb") as source:
        form = (source.getnchannels(), source.getsampwidth(), source.getframerate())
        if form != (1, 2, RATE):
            raise PhoneError(f"{sound} is not mono, 16 bit, {RATE} Hz.")
        spoken = source.readframes(source.getnframes())
    with wave.open(str(where), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(spoken + bytes(2 * RATE * CALL_SECONDS))
    return len(spoken) / 2 / RATE
