"""From everything the journal tells of one call to its record. Pure: the same events give the same record.

Asterisk's own two logs are enough; what the flows wrote adds the menu path and the language. Where both
speak, queue_log's numbers of seconds stand (reports must agree with it), CEL gives the moments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ivr.calls.events import UNREADABLE, Event
from ivr.calls.talk import Stint, stints, talked_seconds, work_number
from ivr.store.models import OUTCOMES, Direction, HungUpBy, LegRole, Outcome

_WITHHELD = frozenset({"anonymous", "asserted", "private", "restricted", "unavailable", "unknown", "withheld"})
_MAX_NUMBER = 64
_ORDER = {"cel": 0, "queue_log": 1, "flow": 2}

# Which of queue_log's data fields holds the seconds waited, for each way of leaving a queue.
_WAITED = {
    "CONNECT": 0,
    "ABANDON": 2,
    "EXITWITHTIMEOUT": 2,
    "EXITEMPTY": 2,
    "EXITWITHKEY": 3,
    "WITHDRAW": 2,
}
_TURNED_AWAY = frozenset({"EXITWITHTIMEOUT", "EXITEMPTY", "JOINEMPTY", "JOINUNAVAIL", "FULL"})
_COMPLETED: dict[str, HungUpBy] = {"COMPLETECALLER": "caller", "COMPLETEAGENT": "agent"}
_TRANSFERS = frozenset({"BLINDTRANSFER", "ATTENDEDTRANSFER", "TRANSFER"})
_DIALLED: dict[str, Outcome] = {"CANCEL": "abandoned", "NOANSWER": "timed_out"}
_FLOW_DECIDES: frozenset[str] = frozenset(OUTCOMES) - {"answered", "abandoned"}


@dataclass(frozen=True)
class CallFacts:
    """What the journal says of a call; the fields of `ivr.store.models.Call`, and where its legs were recorded."""

    id: str
    direction: Direction
    caller: str | None
    called: str | None
    language: str | None
    started_at: datetime
    recorded_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    queue: str | None
    agent: str | None
    wait_seconds: float | None
    talk_seconds: float | None
    hung_up_by: HungUpBy | None
    menu_path: list[str] = field(default_factory=list)
    recordings: dict[LegRole, str] = field(default_factory=dict)


def project(call_id: str, events: Iterable[Event], *, cut_off: datetime | None = None) -> CallFacts | None:
    """The record of a call from all its events, in any order; None when they do not tell of a call.

    `cut_off`: Asterisk was started again since, so the call has ended although the journal lacks its end: at
    its last event, or at `cut_off` (how far its recording goes) when that is later.
    """
    known = [event for event in events if event.at is not None and event.kind != UNREADABLE]
    ordered = sorted(known, key=lambda event: (event.at, _ORDER[event.source]))
    return _Reading(call_id, ordered, cut_off).facts() if ordered else None


class _Reading:
    """The events of one call, sorted out by who wrote them."""

    def __init__(self, call_id: str, events: Sequence[Event], cut_off: datetime | None) -> None:
        self.call_id = call_id
        self.cel = [event for event in events if event.source == "cel"]
        self.queue = [event for event in events if event.source == "queue_log"]
        self.flow = [event for event in events if event.source == "flow"]
        starts = [event for event in self.cel if event.kind == "CHAN_START"]
        own = [event for event in starts if event.channel_id == call_id]
        self.first = next(iter(own or starts), None)
        self.caller_channel = (self.first and self.first.channel_id) or call_id
        self.began, self.last = _at(self.first or events[0]), _at(events[-1])
        self.ended = next((_at(e) for e in self.cel if e.kind == "LINKEDID_END"), None)
        self.cut_off = cut_off is not None and self.ended is None
        if cut_off is not None and self.ended is None:
            self.ended = max(self.last, cut_off)
        self.talk: list[Stint] = stints(self.cel, self.caller_channel)
        self.connects = [event for event in self.queue if event.kind == "CONNECT"]

    def facts(self) -> CallFacts:
        direction, answered = self.direction(), self.answered_at()
        hung_up_by = self.hung_up_by() if self.ended else None
        recordings, recorded_at = self.recordings()
        return CallFacts(
            id=self.call_id,
            direction=direction,
            caller=self.caller(),
            called=(self.first.data["exten"] or None) if self.first else self.told("call.started", "called"),
            language=self.told("prompt.played", "language") or self.told("call.started", "language"),
            started_at=self.began,
            recorded_at=recorded_at,
            answered_at=answered,
            ended_at=self.ended,
            outcome=self.outcome(direction, answered, hung_up_by) if self.ended else None,
            queue=self.queue_name(),
            agent=self.agent(direction),
            wait_seconds=self.wait_seconds(),
            talk_seconds=self.talk_seconds(answered),
            hung_up_by=hung_up_by,
            menu_path=[
                f"{event.data.get('menu')}:{event.data.get('key')}" for event in self.flow if event.kind == "menu.key"
            ],
            recordings=recordings,
        )

    # ---- who -----------------------------------------------------------------------------------------

    def direction(self) -> Direction:
        if self.first is None or work_number(self.first.data["channel"]) is None:
            return "inbound"
        others = {e.data["channel"] for e in self.cel if e.channel_id != self.caller_channel}
        outside = any(work_number(name) is None and not name.startswith("Local/") for name in others)
        return "outbound" if outside else "internal"

    def caller(self) -> str | None:
        own = [e for e in self.cel if e.channel_id == self.caller_channel]
        # When it answers, the dialplan has reduced what the phone says about itself to a number.
        tidied = [e.data["number"] for e in own if e.kind == "ANSWER"]
        told = tidied or [e.data["number"] for e in own]
        told += [e.data["args"][1] for e in self.queue if e.kind == "ENTERQUEUE" and len(e.data["args"]) > 1]
        told.append(self.told("call.started", "caller") or "")
        return caller_number(next((number for number in told if number), None))

    def agent(self, direction: Direction) -> str | None:
        if self.connects:
            return _text(self.connects[0].data["agent"])
        if direction != "inbound" and self.first is not None:
            return work_number(self.first.data["channel"])
        return next((number for stint in self.talk if (number := work_number(stint.channel))), None)

    def queue_name(self) -> str | None:
        joined = [e.data["queue"] for e in self.queue if e.kind in ("ENTERQUEUE", "CONNECT") and e.data["queue"]]
        return joined[-1] if joined else self.told("queue.joined", "queue")

    # ---- when ----------------------------------------------------------------------------------------

    def answered_at(self) -> datetime | None:
        if self.talk:
            return self.talk[0].start
        return _at(self.connects[0]) if self.connects else None

    def wait_seconds(self) -> float | None:
        """From joining the first queue to leaving the last one; pauses between two queues are waiting too."""
        joined = [event for event in self.queue if event.kind == "ENTERQUEUE"]
        left = [event for event in self.queue if event.kind in _WAITED]
        if not joined:
            return None
        between = (_at(joined[-1]) - _at(joined[0])).total_seconds()
        if len(left) >= len(joined):
            waited = _number(left[-1], _WAITED[left[-1].kind])
            return between + waited if waited is not None else between
        if self.ended is None:
            return None
        until = self.talk[0].start if self.talk else self.ended
        return round(max(0.0, (until - _at(joined[0])).total_seconds()), 3)

    def talk_seconds(self, answered: datetime | None) -> float | None:
        if answered is None or self.ended is None:
            return None
        completed = [event for event in self.queue if event.kind in _COMPLETED]
        if len(completed) == 1 and not self.was_transferred():
            told = _number(completed[0], 1)
            if told is not None:
                return told
        if self.talk:
            return round(talked_seconds(self.talk, self.ended), 3)
        return round(max(0.0, (self.ended - answered).total_seconds()), 3)

    # ---- how it ended --------------------------------------------------------------------------------

    def was_transferred(self) -> bool:
        return any(event.kind in _TRANSFERS for event in (*self.queue, *self.cel))

    def hung_up_by(self) -> HungUpBy:
        if self.cut_off:
            return "system"
        completed = [event for event in self.queue if event.kind in _COMPLETED]
        if completed and not self.was_transferred():
            return _COMPLETED[completed[-1].kind]
        gone = [e for e in self.cel if e.kind == "HANGUP" and e.channel_id == self.caller_channel]
        source = str(gone[-1].data["extra"].get("hangupsource", "")) if gone else ""
        if gone and source == gone[-1].data["channel"]:
            return "caller"
        return "agent" if work_number(source) else "system"

    def outcome(self, direction: Direction, answered: datetime | None, by: HungUpBy | None) -> Outcome:
        """Exactly one for every call, so that tables add up."""
        if answered is not None:
            return "answered"
        if any(event.kind == "message.left" for event in self.flow):
            return "message"
        if self.cut_off:
            return "failed"
        if direction != "inbound" and not self.queue:
            return _DIALLED.get(self.dial_status(), "failed")
        if any(e.kind == "ENTERQUEUE" for e in self.queue) or self.told("queue.joined", "queue"):
            return self.outcome_of_waiting(by)
        said = self.flow_outcome()
        if said is not None:
            return said
        if by == "caller":
            return "ended_in_menu"
        return "silent" if self.flow and self.flow[-1].kind == "menu.silent" else "failed"

    def outcome_of_waiting(self, by: HungUpBy | None) -> Outcome:
        if by == "caller" or any(event.kind == "ABANDON" for event in self.queue):
            return "abandoned"
        if any(event.kind in _TURNED_AWAY for event in self.queue):
            return "timed_out"
        return self.flow_outcome() or "failed"

    def flow_outcome(self) -> Outcome | None:
        said = self.told("call.closed", "outcome")
        return next((known for known in OUTCOMES if known == said and said in _FLOW_DECIDES), None)

    def dial_status(self) -> str:
        gone = [e for e in self.cel if e.kind == "HANGUP" and e.channel_id == self.caller_channel]
        return str(gone[-1].data["extra"].get("dialstatus", "")) if gone else ""

    # ---- what the flow and the dialplan told ------------------------------------------------------------

    def told(self, kind: str, fact: str) -> str | None:
        """The last thing of this kind that a flow wrote."""
        said = [event.data.get(fact) for event in self.flow if event.kind == kind]
        return _text(said[-1]) if said else None

    def recordings(self) -> tuple[dict[LegRole, str], datetime | None]:
        for event in self.cel:
            path = event.data["extra"].get("extra")
            if event.kind == "RECORDING" and isinstance(path, str) and path:
                return {"caller": f"{path}-caller.wav", "agent": f"{path}-agent.wav"}, event.at
        for event in self.flow:
            if event.kind == "recording.started":
                caller, agent = _text(event.data.get("caller")), _text(event.data.get("agent"))
                if caller and agent:
                    return {"caller": caller, "agent": agent}, event.at
        return {}, None


def caller_number(text: str | None) -> str | None:
    """A number as the record keeps it: printable, at most 64 characters; None when absent or withheld."""
    shown = "".join(character for character in text or "" if character.isprintable()).strip()[:_MAX_NUMBER]
    return None if not shown or shown.lower() in _WITHHELD else shown


def _at(event: Event) -> datetime:
    assert event.at is not None  # project() sorts out the others
    return event.at


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(event: Event, index: int) -> float | None:
    args = event.data["args"]
    return float(args[index]) if index < len(args) and args[index].isdecimal() and len(args[index]) < 10 else None
