"""Asterisk's manager interface (AMI): pyst2's manager with its faults mended.

Mended: an answer is found by its ActionID and not by its order; one writer at a time; every wait has an end; a
broken connection is made anew for the next action; lines are read in large pieces; all lines of an answer are
kept; a value that holds a line end is refused. What listens for events is `ivr.telephony.watch`.

Public shape: `AmiClient(address, user, secret)` with `ask(action, **headers)` and `ask_list(action, **headers)`.
Source: Asterisk documentation, "AMI v2 Specification".
"""

import contextlib
import itertools
import queue
import re
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from asterisk import manager as pyst2

from ivr.telephony.control import AsteriskUnreachable, CommandRefused, CommandUncertain, ControlError

SECONDS = 5.0
"""How long Asterisk may take to answer an action."""
MAX_MESSAGE = 1024 * 1024
"""Bytes of one message; Asterisk sends none so long."""
EVENTS_KEPT = 10_000

_END = b"\r\n\r\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REMEDY = "see `ivr status`, and log/asterisk.log in the state folder"


class Message(pyst2.ManagerMsg):  # type: ignore[misc]
    """One answer or event: header names and values as Asterisk sent them, in order; a name may stand twice."""

    lines: list[tuple[str, str]]

    def parse(self, response: list[str]) -> None:
        pairs = (line.partition(":") for line in response)
        self.lines = [(name.strip(), value.strip()) for name, colon, value in pairs if colon]
        self.headers = dict(reversed(self.lines))

    @property
    def event(self) -> str:
        """The event's name; empty for an answer."""
        return str(self.headers.get("Event", ""))

    @property
    def succeeded(self) -> bool:
        return self.headers.get("Response") in ("Success", "Goodbye")

    def get(self, name: str) -> str:
        """A header's (first) value; empty when it does not stand there."""
        return str(self.headers.get(name, ""))

    def all(self, name: str) -> list[str]:
        """Every value of a header, such as `Output`."""
        return [value for known, value in self.lines if known == name]


def split_messages(data: bytes) -> tuple[list[Message], bytes]:
    """The whole messages of a stream, and the torn rest that the next bytes will complete."""
    *whole, rest = data.split(_END)
    return [Message(one.decode("utf-8", "replace").split("\r\n")) for one in whole if one.strip()], rest


class _Pending:
    """Somebody who waits for the answer to one action."""

    def __init__(self, lists: bool) -> None:
        self.lists = lists
        self.reply: Message | None = None
        self.items: list[Message] = []
        self.complete = False
        self.ready = threading.Event()

    def take(self, message: Message) -> bool:
        """Keep a message that belongs to this action; False when it is an event for others."""
        if not message.event:
            self.reply = message
            if not (self.lists and message.succeeded and message.get("EventList").lower() == "start"):
                self._finish()
            return True
        if not self.lists:
            return False
        if message.get("EventList").lower() in ("complete", "cancelled"):
            self._finish()
        else:
            self.items.append(message)
        return True

    def _finish(self) -> None:
        self.complete = True
        self.ready.set()


class Connection(pyst2.Manager):  # type: ignore[misc]
    """One connection that is logged in; it breaks once and for all. pyst2's constructor and loops are not used."""

    def __init__(self, address: tuple[str, int], user: str, secret: str, seconds: float = SECONDS) -> None:
        """Raises AsteriskUnreachable."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: dict[str, _Pending] = {}
        self._ids = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count(1))
        self.events: queue.Queue[Message | None] = queue.Queue(EVENTS_KEPT)
        """Events nobody asked for; None once, when the connection has ended. The newest are lost when it is full."""
        self.broken = threading.Event()
        self._buffer = b""
        try:
            self._sock = socket.create_connection(address, timeout=seconds)
            self._read_greeting()
        except OSError as error:
            raise AsteriskUnreachable("Asterisk's manager interface does not answer.", _REMEDY) from error
        threading.Thread(target=self._read, name="ami reader", daemon=True).start()
        try:
            self.login(user, secret)
        except (pyst2.ManagerException, ControlError) as error:
            self.close()
            raise AsteriskUnreachable("Asterisk's manager interface refused the login.", _REMEDY) from error

    def _read_greeting(self) -> None:
        """One line, such as "Asterisk Call Manager/11.0.0"."""
        deadline = time.monotonic() + self._seconds
        try:
            while b"\r\n" not in self._buffer:
                data = self._sock.recv(4096)
                if not data or len(self._buffer) > 4096 or time.monotonic() > deadline:
                    raise OSError("no greeting")
                self._buffer += data
        except OSError:
            self._sock.close()
            raise
        self._buffer = self._buffer.split(b"\r\n", 1)[1]

    def __del__(self) -> None:
        """pyst2 logs off here, which may hang."""

    def close(self) -> None:
        """End the connection; whoever waits gets CommandUncertain."""
        self.broken.set()
        with contextlib.suppress(OSError):  # it may have ended already
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    # ---- asking ----------------------------------------------------------------------------------------

    def send_action(self, cdict: Mapping[str, Any] | None = None, **more: Any) -> Message:
        """What pyst2's verbs call; gives the answer, whatever it says."""
        return self.exchange({**(cdict or {}), **more})[0]

    def exchange(self, headers: Mapping[str, Any], lists: bool = False) -> tuple[Message, list[Message]]:
        """Send one action; its answer, and the list that follows it. Raises AsteriskUnreachable, CommandUncertain."""
        with self._lock:
            if self.broken.is_set():
                raise AsteriskUnreachable("The connection to Asterisk is broken.", _REMEDY)
            name = next(self._ids)
            pending = self._waiting[name] = _Pending(lists)
            try:
                self._sock.sendall(encode({**headers, "ActionID": name}))
            except OSError as error:
                # Without its last bytes Asterisk does not begin an action.
                self.close()
                raise AsteriskUnreachable("Asterisk takes no command.", _REMEDY) from error
        pending.ready.wait(self._seconds)
        with self._lock:
            self._waiting.pop(name, None)
        if not pending.complete:
            self.close()  # Asterisk works actions off in order: what hangs here hangs for the next one too
        if pending.reply is None or not pending.complete:
            raise CommandUncertain("Asterisk did not answer.", _REMEDY)
        return pending.reply, pending.items

    # ---- reading ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while True:
                messages, self._buffer = split_messages(self._buffer)
                for message in messages:
                    self._deliver(message)
                if len(self._buffer) > MAX_MESSAGE:
                    break
                try:
                    data = self._sock.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    break
                self._buffer += data
        except OSError:
            pass  # reset, or closed by us: the end either way
        finally:
            self._end()

    def _deliver(self, message: Message) -> None:
        pending = self._waiting.get(message.get("ActionID"))
        if pending is not None and pending.take(message):
            return
        if message.event:
            try:
                self.events.put_nowait(message)
            except queue.Full:
                return  # nothing is learnt from an event alone

    def _end(self) -> None:
        self.broken.set()
        self._sock.close()
        with self._lock:
            for pending in self._waiting.values():
                pending.ready.set()
        try:
            self.events.put_nowait(None)
        except queue.Full:
            return


def encode(headers: Mapping[str, Any]) -> bytes:
    """An action as it goes over the wire; a list stands as several headers of one name. Raises CommandRefused."""
    lines: list[str] = []
    for name, value in headers.items():
        for one in value if isinstance(value, list) else [value]:
            text = str(one)
            if _CONTROL.search(text):
                raise CommandRefused("asterisk", f"The value of {name} holds a control character.", "clean it first")
            lines.append(f"{name}: {text}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


class AmiClient:
    """Actions for Asterisk from any thread; connects at the first one, and again after a break."""

    def __init__(self, address: tuple[str, int], user: str, secret: str, *, seconds: float = SECONDS) -> None:
        self._address, self._user, self._secret, self._seconds = address, user, secret, seconds
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        """The connection that works, made anew where it is broken; raises AsteriskUnreachable."""
        with self._lock:
            if self._connection is None or self._connection.broken.is_set():
                self._connection = Connection(self._address, self._user, self._secret, self._seconds)
            return self._connection

    def ask(self, action: str, *, repeatable: bool = False, **headers: Any) -> Message:
        """Carry out one action; gives Asterisk's yes.

        `repeatable`: doing it twice is like doing it once, so it is tried once more where nobody knows. Raises
        CommandRefused (Asterisk said no), AsteriskUnreachable (not done), CommandUncertain (nobody knows).
        """
        return self._ask(action, headers, lists=False, repeatable=repeatable)[0]

    def ask_list(self, action: str, **headers: Any) -> list[Message]:
        """The events by which Asterisk answers an action that lists something; raises as `ask`."""
        return self._ask(action, headers, lists=True, repeatable=True)[1]

    def _ask(
        self, action: str, headers: Mapping[str, Any], *, lists: bool, repeatable: bool
    ) -> tuple[Message, list[Message]]:
        try:
            reply, items = self.connection().exchange({"Action": action, **headers}, lists)
        except AsteriskUnreachable:
            reply, items = self.connection().exchange({"Action": action, **headers}, lists)
        except CommandUncertain:
            if not repeatable:
                raise
            reply, items = self.connection().exchange({"Action": action, **headers}, lists)
        if not reply.succeeded:
            raise CommandRefused("asterisk", f"Asterisk refused {action}: {reply.get('Message')}")
        return reply, items

    def close(self) -> None:
        """End the connection, if there is one."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self) -> "AmiClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
