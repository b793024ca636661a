"""A stand-in for Asterisk's manager interface: it speaks the protocol over a real socket, and can misbehave.

It knows app_queue's members, and keeps every action it was told. `tear` sends everything in pieces of that many
bytes; `between` are events sent before every answer; actions in `hang` are never answered, those in `cut` end the
connection after they were carried out, those in `reset` before.
"""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SECRET = "a-secret-of-tests"

Headers = list[tuple[str, str]]


@dataclass
class FakeMember:
    """A member as app_queue keeps it."""

    name: str
    penalty: int = 0
    paused: str = "0"
    reason: str = ""
    status: int = 1
    last_call: int = 0
    login_time: int = 0

    def headers(self, queue: str, interface: str) -> Headers:
        return [
            ("Event", "QueueMember"),
            ("Queue", queue),
            ("Name", self.name),
            ("Location", interface),
            ("StateInterface", interface),
            ("Penalty", str(self.penalty)),
            ("LastCall", str(self.last_call)),
            ("LoginTime", str(self.login_time)),
            ("InCall", "0"),
            ("Status", str(self.status)),
            ("Paused", self.paused),
            ("PausedReason", self.reason),
        ]


@dataclass
class FakeAmi:
    """What the stand-in knows, did, and how it misbehaves."""

    queues: dict[str, dict[str, FakeMember]] = field(default_factory=dict)
    channels: list[dict[str, str]] = field(default_factory=list)
    waiting: list[dict[str, str]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    tear: int = 0
    between: list[Headers] = field(default_factory=list)
    hang: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    reset: set[str] = field(default_factory=set)
    port: int = 0
    sockets: list[socket.socket] = field(default_factory=list)
    clock: int = 1000

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def done(self, action: str) -> list[dict[str, Any]]:
        """Every action of this name, in order."""
        return [one for one in self.actions if one["Action"] == action]

    def drop_everybody(self) -> None:
        """End all connections, as a restart of Asterisk does."""
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def members(self) -> set[tuple[str, str, str]]:
        """(queue, agent, interface) of every member."""
        return {(queue, m.name, place) for queue, members in self.queues.items() for place, m in members.items()}

    def answer(self, asked: dict[str, Any]) -> list[Headers]:
        """What Asterisk says to an action, as messages."""
        name = asked["Action"]
        handler = getattr(self, f"_{name.lower()}", None)
        if handler is None:
            return [[("Response", "Success"), ("Message", "done")]]
        answers: list[Headers] = handler(asked)
        return answers

    def _login(self, asked: dict[str, Any]) -> list[Headers]:
        if asked.get("Secret") != SECRET:
            return [_no("Authentication failed")]
        return [[("Response", "Success"), ("Message", "Authentication accepted")]]

    def _queuestatus(self, asked: dict[str, Any]) -> list[Headers]:
        rows = [m.headers(queue, place) for queue, members in self.queues.items() for place, m in members.items()]
        rows += [[("Event", "QueueParams"), ("Queue", queue)] for queue in self.queues]
        rows += [[("Event", "QueueEntry"), *entry.items()] for entry in self.waiting]
        return _listing(rows, "QueueStatusComplete")

    def _coreshowchannels(self, asked: dict[str, Any]) -> list[Headers]:
        return _listing(
            [[("Event", "CoreShowChannel"), *channel.items()] for channel in self.channels],
            "CoreShowChannelsComplete",
        )

    def _queueadd(self, asked: dict[str, Any]) -> list[Headers]:
        members = self.queues.get(asked["Queue"])
        if members is None:
            return [_no("Unable to add interface to queue: No such queue")]
        if asked["Interface"] in members:
            return [_no("Unable to add interface: Already there")]
        self.clock += 1
        members[asked["Interface"]] = FakeMember(
            asked["MemberName"],
            int(asked["Penalty"]),
            "1" if asked.get("Paused") == "yes" else "0",
            asked.get("Reason", ""),
            login_time=self.clock,
        )
        return [[("Response", "Success"), ("Message", "Added interface to queue")]]

    def _queueremove(self, asked: dict[str, Any]) -> list[Headers]:
        if self.queues.get(asked["Queue"], {}).pop(asked["Interface"], None) is None:
            return [_no("Unable to remove interface: Not there")]
        return [[("Response", "Success"), ("Message", "Removed interface from queue")]]

    def _queuepenalty(self, asked: dict[str, Any]) -> list[Headers]:
        self.queues[asked["Queue"]][asked["Interface"]].penalty = int(asked["Penalty"])
        return [[("Response", "Success")]]

    def _queuepause(self, asked: dict[str, Any]) -> list[Headers]:
        found = [members[asked["Interface"]] for members in self.queues.values() if asked["Interface"] in members]
        for member in found:
            member.paused = "1" if asked["Paused"] == "true" else "0"
            member.reason = asked.get("Reason", "")
        return [[("Response", "Success")]] if found else [_no("Interface not found")]


def _no(words: str) -> Headers:
    return [("Response", "Error"), ("Message", words)]


def _listing(rows: list[Headers], complete: str) -> list[Headers]:
    return [
        [("Response", "Success"), ("EventList", "start"), ("Message", "will follow")],
        *rows,
        [("Event", complete), ("EventList", "Complete"), ("ListItems", str(len(rows)))],
    ]


@contextlib.contextmanager
def ami_server(**state: Any) -> Iterator[FakeAmi]:
    """The stand-in on a port of its own."""
    fake = FakeAmi(**state)

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            fake.sockets.append(self.request)
            with contextlib.suppress(OSError):
                self.request.sendall(b"Asterisk Call Manager/11.0.0\r\n")
                while (asked := _read(self.rfile)) is not None:
                    _serve(fake, self.request, asked)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Session) as server:
        fake.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield fake
        finally:
            fake.drop_everybody()
            server.shutdown()


def _serve(fake: FakeAmi, line: socket.socket, asked: dict[str, Any]) -> None:
    name = asked["Action"]
    if name in fake.reset:
        fake.reset.discard(name)
        line.shutdown(socket.SHUT_RDWR)
        return
    if name != "Login":
        fake.actions.append(asked)
    answers = fake.answer(asked)
    if name in fake.hang:
        return
    if name in fake.cut:
        fake.cut.discard(name)
        line.shutdown(socket.SHUT_RDWR)
        return
    for headers in answers:
        for event in fake.between if name != "Login" else []:
            _send(fake, line, event)
        _send(fake, line, [*headers, ("ActionID", asked["ActionID"])])


def _send(fake: FakeAmi, line: socket.socket, headers: Headers) -> None:
    data = ("".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode()
    step = fake.tear or len(data)
    for start in range(0, len(data), step):
        line.sendall(data[start : start + step])
        if fake.tear:
            time.sleep(0.0005)


def _read(lines: Any) -> dict[str, Any] | None:
    asked: dict[str, Any] = {}
    for raw in lines:
        text = raw.decode().rstrip("\r\n")
        if not text:
            if asked:
                return asked
            continue
        name, _, value = text.partition(": ")
        if name in asked:
            asked[name] = [*(asked[name] if isinstance(asked[name], list) else [asked[name]]), value]
        else:
            asked[name] = value
    return None
