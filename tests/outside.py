"""Those who are told outside, on loopback: a mail server and a web hook's receiver that behave as a test wants."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aiosmtpd.controller import Controller


class Receiver(BaseHTTPRequestHandler):
    """Keeps what was posted; answers what the test wants."""

    got: list[tuple[dict[str, str], bytes]]
    answer: tuple[int, dict[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        type(self).got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status, headers = type(self).answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def hook_server() -> Iterator[tuple[str, type[Receiver]]]:
    """The web hook's address, and what it receives."""
    kind = type("One", (Receiver,), {"got": [], "answer": (204, {})})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", kind
    server.shutdown()
    server.server_close()


class Mailbox:
    """A mail server's other side: takes letters, refuses whom the test wants refused."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refused: dict[str, str] = {}
        self.answer = "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.letters.append(BytesParser(policy=default).parsebytes(envelope.content))
        return self.answer


@contextlib.contextmanager
def mail_server() -> Iterator[tuple[int, Mailbox]]:
    """The mail server's port, and its mailbox."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield port, box
    server.stop()
