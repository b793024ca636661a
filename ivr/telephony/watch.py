"""Looking at what Asterisk does right now: it keeps the live board, the members of queues, and an eye on agents.

Runs as a thread of `ivr ingest`. Events only say that it is worth looking; what is seen is asked for, and facts are
read from the journal. When it is dead nothing is lost but the picture: it draws a new one when it is back.
"""

import datetime as dt
import logging
import queue
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec

from ivr.calls.cel import read_cel
from ivr.calls.events import Event, Found
from ivr.calls.live_board import InLine, Leg, Seat, Seen, draw, last_board, save_board
from ivr.calls.minder import NO_ANSWER, Holds, Reminders, Ringing
from ivr.calls.own_agent import line_of
from ivr.calls.queue_log import read_queue_log
from ivr.cases.return_calls import is_return_call
from ivr.errors import IvrError
from ivr.hotline import Hotline, HotlineInForce
from ivr.instance import LOOPBACK, Instance
from ivr.settings import Settings
from ivr.store.session import Store
from ivr.telephony import duty
from ivr.telephony.ami import AmiClient, Connection, Message
from ivr.telephony.asterisk_control import AsteriskControl, Channel, channel_of
from ivr.telephony.control import CommandRefused, Control, ControlError, DeskCall, is_desk_call
from ivr.telephony.duty import ROSTER, Member

log = logging.getLogger(__name__)

P = ParamSpec("P")

LOOK_SECONDS = 2.0
"""Without any event it looks so often."""
REST_SECONDS = 0.25
"""Between two looks: many events are one change of the picture."""
RETRY_SECONDS = 1.0
BEGIN_BYTES = 512 * 1024
"""How much of a journal file's end is read at the start."""

_UNREACHABLE = (4, 5)


class Tail:
    """What was written to a file of the journal since the last look, from near its end on; follows a new file."""

    def __init__(self, path: Path, read: Callable[[bytes], tuple[list[Found], int]]) -> None:
        self._path, self._read = path, read
        self._inode = -1
        self._offset = 0

    def news(self) -> list[Event]:
        """New events; none when the file cannot be read now."""
        try:
            state = self._path.stat()
            if state.st_ino != self._inode or state.st_size < self._offset:
                self._inode, self._offset = state.st_ino, max(0, state.st_size - BEGIN_BYTES)
            if state.st_size == self._offset:
                return []
            with self._path.open("rb") as file:
                file.seek(self._offset)
                found, taken = self._read(file.read())
        except OSError:
            return []
        self._offset += taken
        return [event for _, event in found]


class Watch:
    """One look after the other; `look` is a single one, for tests."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        control: Control | None = None,
    ) -> None:
        self._settings, self._store, self._now = settings, store, now
        self._control = control or AsteriskControl(settings)
        self._hotline = HotlineInForce(settings)
        journal = settings.paths.journal
        self._queue_log = Tail(journal / "queue_log", read_queue_log)
        self._cel = Tail(journal / "cel-custom" / "cel.csv", read_cel)
        self._ringing, self._holds, self._reminders = Ringing(), Holds(), Reminders()
        self._before: dict[str, Any] | None = None

    def run_forever(self, stop: threading.Event) -> None:
        """Look until `stop`; what does not answer is waited for, and said so once."""
        complained = False
        while not stop.is_set():
            try:
                self._run(stop)
            except Exception as error:  # whatever it is: a thread that has ended would leave an old picture for ever
                if not complained:
                    log.error("The live board waits: %s", error if isinstance(error, IvrError) else _told(error))
                complained = True
                stop.wait(RETRY_SECONDS)
                continue
            complained = False

    def _run(self, stop: threading.Event) -> None:
        instance = Instance.load(self._settings.paths)
        with AmiClient((LOOPBACK, instance.ami), "ivr-watch", instance.ami_secret) as client:
            connection = client.connection()
            self._order(duty.put_right, self._settings.paths, instance, self._hotline())
            while not stop.is_set() and not connection.broken.is_set():
                self.look(client)
                stop.wait(REST_SECONDS)
                _wait_for_news(connection)

    def look(self, client: AmiClient) -> None:
        """Ask, draw, write, and mind; raises ControlError, StoreUnavailable, OSError."""
        hotline, now = self._hotline(), self._now()
        self._ringing.take(self._queue_log.news())
        self._holds.take(self._cel.news())
        status, channels = client.ask_list("QueueStatus"), client.ask_list("CoreShowChannels")
        members = [duty.member_of(event) for event in status if event.event == "QueueMember"]
        listed = [event for event in channels if event.event == "CoreShowChannel"]
        entries = [_in_line(event) for event in status if event.event == "QueueEntry"]
        seen = self._seen(client, hotline, members, entries, [channel_of(event) for event in listed], now)
        self._write(hotline, seen, now)
        self._mind(hotline, members, duty.own_queues(status), seen, now)

    def _seen(
        self,
        client: AmiClient,
        hotline: Hotline,
        members: list[Member],
        waiting: list[InLine],
        channels: list[Channel],
        now: dt.datetime,
    ) -> Seen:
        numbers = {channel.id: channel.caller for channel in channels}
        return Seen(
            seats=[_seat(member) for member in members if member.queue == ROSTER],
            legs=[leg for channel in channels if (leg := _leg(client, channel)) is not None],
            waiting=waiting,
            callers={c.call: numbers[c.call] for c in channels if numbers.get(c.call)},
            queues=self._ringing.queues,
            held=self._holds.held(channel.call for channel in channels),
            wrap_up=self._wrap_up(hotline, members, now),
        )

    def _wrap_up(self, hotline: Hotline, members: list[Member], now: dt.datetime) -> Mapping[str, dt.datetime]:
        """Agent → when app_queue rings the agent again: the last call's end and its queue's wrap-up time."""
        ends: dict[str, dt.datetime] = {}
        for member in members:
            last = self._ringing.last_queue.get(member.agent, member.queue)
            if member.last_call and last in hotline.queues and member.queue != ROSTER:
                seconds = hotline.queues[last].wrap_up_seconds
                ends[member.agent] = dt.datetime.fromtimestamp(member.last_call + seconds, dt.UTC)
        return ends

    def _write(self, hotline: Hotline, seen: Seen, now: dt.datetime) -> None:
        if self._before is None:
            with self._store.read() as session:
                self._before = last_board(session)
        board = draw(hotline.agents, seen, self._before, now)
        with self._store.write() as session:
            save_board(session, board, now)
        self._before = board

    def _mind(
        self, hotline: Hotline, members: list[Member], own_queues: set[str], seen: Seen, now: dt.datetime
    ) -> None:
        if duty.plan(hotline, members, own_queues=own_queues):
            self._order(duty.put_right, self._settings.paths, Instance.load(self._settings.paths), hotline)
        for agent in self._ringing.to_pause(seat.agent for seat in seen.seats if not seat.paused):
            self._order(self._control.pause, agent, NO_ANSWER)
        held = {leg.desk for leg in seen.legs if leg.held}
        holding = {seat.agent: seat.desk for seat in seen.seats if seat.desk in held}
        for agent in self._reminders.due(holding, hotline.standards.hold_reminder_seconds, now):
            self._order(self._control.ring_desk, DeskCall(holding[agent], context="hold-reminder", exten="s"))

    def _order(self, command: Callable[P, object], *arguments: P.args, **named: P.kwargs) -> None:
        try:
            command(*arguments, **named)
        except ControlError as error:
            log.warning("An agent could not be minded: %s", error.message)


def _told(error: Exception) -> str:
    """What and where; the error's own words may hold callers' data."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno}"


def _wait_for_news(connection: Connection) -> None:
    """Return at the first event, or after a while; all that came is one piece of news."""
    try:
        connection.events.get(timeout=LOOK_SECONDS)
        while True:
            connection.events.get_nowait()
    except queue.Empty:
        return


def _seat(member: Member) -> Seat:
    return Seat(
        agent=member.agent,
        desk=member.desk,
        paused=member.paused,
        reason=member.reason,
        reachable=member.status not in _UNREACHABLE,
    )


def _leg(client: AmiClient, channel: Channel) -> Leg | None:
    """The channel as a desk's, None when it is a carrier's or no phone's."""
    technology, _, rest = channel.name.partition("/")
    desk = rest.rpartition("-")[0]
    if technology != "PJSIP" or not desk.isdigit():
        return None
    held = bool(channel.bridge) and _is_held(client, channel)
    return Leg(
        desk=desk,
        id=channel.id,
        call=channel.call,
        up=channel.up,
        ringing=channel.ringing,
        joined=bool(channel.bridge),
        held=held,
        rung=is_return_call(channel.call),
        aside=is_desk_call(channel.call),
    )


def _is_held(client: AmiClient, channel: Channel) -> bool:
    """Whether the phone itself has put its end on hold (Asterisk documentation, CHANNEL(rtp,hold) of PJSIP)."""
    try:
        return (
            client.ask("Getvar", repeatable=True, Channel=channel.name, Variable="CHANNEL(rtp,hold)").get("Value")
            == "1"
        )
    except CommandRefused:
        return False  # it has ended meanwhile


def _in_line(entry: Message) -> InLine:
    return InLine(
        call=entry.get("Uniqueid"),
        caller=entry.get("CallerIDNum").removeprefix("unknown"),
        queue=line_of(entry.get("Queue")),
        position=int(entry.get("Position") or 0),
        waited=int(entry.get("Wait") or 0),
        priority=int(entry.get("Priority") or 0),
    )
