"""The sound of calls whose signalling another program (SIPp) does: an ear, and a thumb for the keys.

SIPp plays key presses through raw sockets, which only root may open; these lines need no rights.
"""

import secrets
import selectors
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType

FRAME = 160
"""Samples of one packet: 20 ms at 8 kHz (RFC 3551)."""

_FRAME_SECONDS = 0.02
_PCMU, _TELEPHONE_EVENT = 0, 101
_RTCP = range(192, 224)
"""Second bytes of packets that carry no sound but tell of one (RFC 5761, 4); they go to the next port, which may be
another line's."""
_SILENCE = b"\xff" * FRAME
_HUM = bytes((0xA0, 0x98, 0xA0, 0xB8, 0x20, 0x18, 0x20, 0x38)) * (FRAME // 8)
"""A tone of 1 kHz at about -12 dB below full scale in µ-law (G.711)."""

_KEY_FRAMES = 5
"""Packets of one key press, 100 ms; the end is sent three times (RFC 4733, 2.5.1.4)."""

_GAP_FRAMES = 5
_LOUD = 0x70
"""µ-law magnitudes below this code (bits inverted, sign off) are louder than about -45 dB."""

_OVER_SECONDS = 1.0
"""Nobody who is still speaking is silent for so long."""


@dataclass
class RtpLine:
    """One call's end of the sound: says what it is given, presses keys, notices what it hears."""

    sock: socket.socket
    remote: tuple[str, int] | None = None
    heard_frames: int = 0
    loud_frames: int = 0
    _keys: deque[str] = field(default_factory=deque)
    _pending: deque[tuple[bytes, bool]] = field(default_factory=deque)
    _sequence: int = field(default_factory=lambda: secrets.randbelow(60000))
    _clock: int = field(default_factory=lambda: secrets.randbelow(1 << 31))
    _pressed_at: int = 0
    _source: int = field(default_factory=lambda: secrets.randbelow(1 << 32))
    _sound: deque[bytes] = field(default_factory=deque)
    _heard_at: float = 0.0

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    @property
    def heard_seconds(self) -> float:
        """Seconds in which something louder than silence was heard."""
        return self.loud_frames * _FRAME_SECONDS

    def has_heard_out(self, since: int) -> bool:
        """Whether something has been said since `loud_frames` was `since`, and it seems to be over."""
        return self.loud_frames > since and time.monotonic() - self._heard_at > _OVER_SECONDS

    def press(self, keys: str) -> None:
        """Press keys one after the other, 100 ms each with 100 ms between."""
        self._keys.extend(keys)

    def fall_silent(self) -> None:
        """The call is over: nothing more is sent, as Asterisk gives its port to the next call at once."""
        self.remote = None
        self._sound, self._keys, self._pending = deque(), deque(), deque()

    def hum(self, seconds: float) -> None:
        """Make a sound as loud as a voice for so long: words that no machine needs to understand."""
        self._sound = deque([_HUM] * round(seconds / _FRAME_SECONDS))

    def say(self, sound: bytes) -> None:
        """Say this from now on: µ-law at 8 kHz."""
        frames = (sound[at : at + FRAME] for at in range(0, len(sound), FRAME))
        self._sound = deque(frame.ljust(FRAME, _SILENCE[:1]) for frame in frames)

    def hear(self, packet: bytes, sender: tuple[str, int]) -> None:
        """Take one RTP packet; its sender is where ours go to."""
        if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] in _RTCP:
            return
        self.remote = sender
        if packet[1] & 0x7F == _PCMU:
            self.heard_frames += 1
            sound = packet[12:]
            # The codes of µ-law count downwards: silence is 0x7F or 0xFF (G.711).
            if sum((code & 0x7F) < _LOUD for code in sound) * 4 > len(sound):
                self.loud_frames += 1
                self._heard_at = time.monotonic()

    def speak(self) -> bytes:
        """The packet of the next 20 ms."""
        if not self._pending and self._keys:
            self._pending.extend(key_packets(self._keys.popleft()))
        if self._pending:
            payload, first = self._pending.popleft()
        else:
            payload, first = b"", False
        saying = self._sound  # another thread may give it something else to say at any moment
        sound = saying.popleft() if saying else _SILENCE
        kind = _TELEPHONE_EVENT if payload else _PCMU
        header = struct.pack(
            "!BBHII",
            0x80,
            kind | (0x80 if first else 0),
            self._sequence & 0xFFFF,
            self._stamp(payload, first) & 0xFFFFFFFF,
            self._source,
        )
        self._sequence += 1
        self._clock += FRAME
        return header + (payload or sound)

    def _stamp(self, payload: bytes, first: bool) -> int:
        # All packets of one key carry the time at which it was pressed (RFC 4733, 2.1).
        if first:
            self._pressed_at = self._clock
        return self._pressed_at if payload else self._clock


def key_packets(key: str) -> list[tuple[bytes, bool]]:
    """The RFC 4733 payloads of one key and the pause after it: (payload, first); an empty payload is silence."""
    code = "0123456789*#".index(key)
    running = [(struct.pack("!BBH", code, 10, FRAME * n), n == 1) for n in range(1, _KEY_FRAMES + 1)]
    end = [(struct.pack("!BBH", code, 0x80 | 10, FRAME * _KEY_FRAMES), False)] * 3
    return running + end + [(b"", False)] * _GAP_FRAMES


class RtpLines:
    """Some lines on loopback, served by one thread; use it as a context manager."""

    def __init__(self, count: int, host: str = "127.0.0.1") -> None:
        self.lines = [RtpLine(_bound(host)) for _ in range(count)]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "RtpLines":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for line in self.lines:
            line.sock.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for line in self.lines:
                selector.register(line.sock, selectors.EVENT_READ, line)
            due = time.monotonic()
            while not self._ended.is_set():
                for ready, _ in selector.select(max(0.0, due - time.monotonic())):
                    _read(ready.data)
                if time.monotonic() >= due:
                    due += _FRAME_SECONDS
                    for line in self.lines:
                        _write(line)


def _bound(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.setblocking(False)
    return sock


def _read(line: RtpLine) -> None:
    while True:
        try:
            packet, sender = line.sock.recvfrom(2048)
        except OSError:
            return
        line.hear(packet, sender)


def _write(line: RtpLine) -> None:
    if line.remote is None:
        return
    try:
        line.sock.sendto(line.speak(), line.remote)
    except OSError:
        # The other end has hung up: its port is closed.
        line.remote = None
