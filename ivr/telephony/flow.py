"""Running a flow: what it is given, and what happens when it fails. The same for FastAGI and classic AGI."""

import logging
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ivr.calls.caller_book import CallerBook
from ivr.calls.journal import Journal
from ivr.calls.notice import NoticeBoard
from ivr.calls.talk_times import TalkTimes
from ivr.hotline import Hotline, HotlineFileError, load_hotline
from ivr.instance import Instance
from ivr.settings import Settings
from ivr.speech.prompts import PromptStore
from ivr.telephony.agi import AgiError, CallerHungUp, Channel, PipeStream
from ivr.telephony.call import Call, Desk
from ivr.telephony.sounds import Sounds
from ivr.throttle import Throttle

Flow = Callable[[Call], None]

LOOK_SECONDS = 1.0
"""How often the business file is looked at: looking at it for every call would cost as much as its greeting."""

WRONG_PINS, WRONG_PIN_SECONDS = 10, 600.0
"""So many wrong PINs of an agent in so long, in however many calls; then none is taken, be it the right one."""

logger = logging.getLogger(__name__)


class DeskKeeper:
    """Keeps the business file in force: a new one counts from the next call on, a bad one never."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Reads the file; raises HotlineFileError when there is no good one yet."""
        self._settings = settings
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._pins = Throttle(WRONG_PINS, WRONG_PIN_SECONDS, monotonic)
        self._lock = threading.Lock()
        self._notices = NoticeBoard.of(settings.paths)
        self._callers = CallerBook(settings.paths.state / "callers.db")
        self._talk_times = TalkTimes(settings.paths.journal / "queue_log")
        self._stamp = self._look()
        self._desk = self._make(load_hotline(settings.checked_hotline_file))

    def desk(self) -> Desk:
        """What the next call is given; files that changed are noticed within LOOK_SECONDS."""
        with self._lock:
            now = self._monotonic()
            if now - self._looked_at < LOOK_SECONDS:
                return self._desk
            self._looked_at = now
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._reload()
            self._desk.sounds.refresh()
            notice = self._notices.read()
            if notice != self._desk.notice:
                self._desk = replace(self._desk, notice=notice)
            return self._desk

    def _reload(self) -> None:
        try:
            self._desk = self._make(load_hotline(self._settings.checked_hotline_file))
        except HotlineFileError as error:
            logger.error("the business file in force stays: %s", error)

    def _look(self) -> tuple[Path, int]:
        file = self._settings.checked_hotline_file
        try:
            return file, file.stat().st_mtime_ns
        except OSError:
            return file, 0

    def _make(self, hotline: Hotline) -> Desk:
        paths = self._settings.paths
        return Desk(
            hotline,
            Sounds(PromptStore(paths, hotline)),
            Journal(paths.journal / "flow.jsonl"),
            talk_seconds=self._talk_times,
            patience=self._talk_times.patience,
            who_calls=self._callers.look_up,
            notice=self._notices.read(),
            recordings=paths.recordings,
            knows_pin=self._knows_pin,
        )

    def _knows_pin(self, agent: str, pin: str) -> bool:
        if self._pins.attempt(agent) > 0:
            logger.warning("agent %s: too many wrong PINs, none is taken for a while", agent)
            return False
        # Read each time: `ivr agents pin` may have given the agent another one.
        known = Instance.load(self._settings.paths).agent_pins.get(agent, "")
        right = bool(known) and secrets.compare_digest(known.encode(), pin.encode())
        if right:
            self._pins.forgive(agent)
        return right


def run_flow(name: str, flow: Flow, channel: Channel, desk: Desk) -> bool:
    """Run a flow for one caller; False when it failed, which leaves the call to the dialplan."""
    call = Call(channel, desk)
    try:
        call.begin()
        flow(call)
    except CallerHungUp:
        return True
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
        # Not the exception's text: it may hold what the caller typed.
        logger.error("flow %s failed: %s", name, what)
        call.journal("flow.failed", flow=name, error=what)
        return False
    return True


def run_as_agi_script(flow: Flow) -> None:
    """Run a flow for the caller whose channel is on standard input and output (AGI(hotline.py))."""
    # Asterisk sends SIGHUP when the caller hangs up; the same news comes on standard input.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        channel = Channel(PipeStream(sys.stdin.buffer, sys.stdout.buffer))
    except (AgiError, CallerHungUp):
        sys.exit(1)
    name = Path(sys.argv[0]).stem
    sys.exit(0 if run_flow(name, flow, channel, DeskKeeper(Settings()).desk()) else 1)
