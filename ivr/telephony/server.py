"""The FastAGI server: one thread a call, flows from agi_scripts/, on the loopback only."""

import gc
import importlib.util
import logging
import re
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType

from ivr.errors import IvrError
from ivr.instance import LOOPBACK, Instance, PortTaken
from ivr.settings import ROOT, Settings
from ivr.telephony.agi import AgiError, CallerHungUp, Channel
from ivr.telephony.flow import DeskKeeper, Flow, run_flow

FLOWS = ROOT / "agi_scripts"
CALLS_AT_ONCE = 200
"""Flows at once, each a few seconds of a call; more are left to the dialplan, which needs no Python."""
STOP_SECONDS = 20.0
"""How long running flows may go on after SIGTERM; what is left then is taken over by the dialplan."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_LONGEST_WAIT = 300.0
_HEADER_PAUSE = 0.001
_BREATH = 0.5
"""Seconds before trying again when the system gives no more connections."""

logger = logging.getLogger(__name__)


class FlowBroken(IvrError):
    """A file of agi_scripts/ is no flow."""


def load_flows(folder: Path = FLOWS) -> dict[str, Flow]:
    """Every flow by its file's name; raises FlowBroken naming the file that has no `run(call)`."""
    if str(ROOT) not in sys.path:  # flows use each other: from agi_scripts.message import leave_message
        sys.path.append(str(ROOT))
    return {file.stem: _load(file) for file in sorted(folder.glob("*.py")) if _NAME.fullmatch(file.stem)}


def _load(file: Path) -> Flow:
    spec = importlib.util.spec_from_file_location(f"agi_scripts.{file.stem}", file)
    if spec is None or spec.loader is None:
        raise FlowBroken(f"{file} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        flow: Flow = module.run
    except Exception as error:
        raise FlowBroken(f"{file}: {type(error).__name__}: {error}", "a flow is `def run(call)`") from error
    return flow


class SocketStream:
    """A FastAGI connection, line by line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = b""
        self._wait = _LONGEST_WAIT

    def read_until(self, end: bytes, limit: int, /) -> bytes:
        deadline = 0.0
        while (found := self._pending.find(end, 0, limit)) < 0 and len(self._pending) < limit:
            if self._pending:  # what comes in drips has one wait in all, like what comes at once
                deadline = deadline or time.monotonic() + self._wait
                if time.monotonic() > deadline:
                    raise TimeoutError
            try:
                more = self._connection.recv(limit)
            except BlockingIOError as error:
                raise TimeoutError from error
            if not more:
                break
            self._pending += more
        taken = found + len(end) if found >= 0 else min(limit, len(self._pending))
        text, self._pending = self._pending[:taken], self._pending[taken:]
        return text

    def send(self, line: bytes, /) -> None:
        self._connection.sendall(line)

    def wait_at_most(self, seconds: float, /) -> None:
        self._wait = max(0.001, min(seconds, _LONGEST_WAIT))
        whole, part = divmod(self._wait, 1)
        timeval = struct.pack("@ll", int(whole), int(part * 1e6))
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)


class FlowServer:
    """Answers Asterisk's AGI(agi://…/<flow>); refuses what is no flow by closing, so that the dialplan goes on.

    Its threads are there before the first call and stay: starting one costs as much as a short flow. Callers
    above CALLS_AT_ONCE are not taken; the dialplan's clock takes them on.
    """

    def __init__(
        self, host: str, port: int, flows: dict[str, Flow], keeper: DeskKeeper, calls: int = CALLS_AT_ONCE
    ) -> None:
        """Listens at once, answers from `start` on; raises PortTaken."""
        self._flows = flows
        self._keeper = keeper
        try:
            self._listener = socket.create_server((host, port), backlog=128)
        except OSError as error:
            raise PortTaken(
                f"Port {port} (FastAGI) on {host} cannot be used: {error.strerror}.",
                "end the program that holds it, or change agi in the state folder's instance.json",
            ) from error
        # Its connections have it, too. Commands are short and each waits for its answer: none may be held back to be
        # sent with more.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        names = (f"call-{number}" for number in range(calls))
        self._workers = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]

    def start(self) -> None:
        """Answer from now on."""
        # What is loaded by now stays; looking through it for garbage again and again would cost every call.
        gc.freeze()
        for worker in self._workers:
            worker.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Take no more calls, and give running flows `seconds` to end their part."""
        self._stopping.set()
        # Wakes every thread that waits for a call; closing alone would not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        deadline = time.monotonic() + seconds
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if not self._stopping.is_set():
                    logger.error("a call was not taken: %s", error.strerror)
                    time.sleep(_BREATH)
                continue
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        try:
            # Asterisk writes its header line by line, in a fraction of a millisecond; to be woken for each would cost
            # more than all the rest.
            time.sleep(_HEADER_PAUSE)
            channel = Channel(SocketStream(connection))
            name = channel.env.get("agi_network_script", "").partition("?")[0]
            flow = self._flows.get(name)
            if flow is None:
                logger.error("Asterisk asked for a flow that is not in agi_scripts")
                return
            run_flow(name, flow, channel, self._keeper.desk())
        except (AgiError, CallerHungUp):
            return
        except Exception as error:
            # The thread must live to take the next call; this one goes on in the dialplan. Not the exception's text:
            # it may hold what the caller typed.
            where = "".join(traceback.format_tb(error.__traceback__))
            logger.error("%s; a call was left to the dialplan\n%s", type(error).__name__, where)


def serve(settings: Settings) -> None:
    """Run the FastAGI server of an instance until SIGTERM or SIGINT (`ivr agi`)."""
    instance = Instance.load(settings.paths)
    flows = load_flows()
    server = FlowServer(LOOPBACK, instance.agi, flows, DeskKeeper(settings))
    ended = threading.Event()

    def end(signum: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    server.start()
    logger.info("flows %s on port %d", ", ".join(sorted(flows)), server.port)
    ended.wait()
    server.stop()
