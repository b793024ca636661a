"""From everything the journal tells of one call to its record. Pure: the same events give the same record.

Asterisk's own two logs are enough; what the flows wrote adds the menu path and the language. Where both
speak, queue_log's numbers of seconds stand (reports must agree with it), CEL gives the moments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ivr.calls.events import UNREADABLE, Event
from ivr.calls.outcome import Ending, is_offered, outcome_of
from ivr.calls.placed import read_placed
from ivr.calls.talk import Stint, agents_by_channel, put_through, stints, talked_seconds, work_number
from ivr.calls.transfers import TRANSFERS, hold_seconds, transfers
from ivr.hotline.survey_prompts import SAID_TIME
from ivr.store.models import Direction, HungUpBy, Outcome
from ivr.surveys.events import ANSWER, ENDED

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
_COMPLETED: dict[str, HungUpBy] = {"COMPLETECALLER": "caller", "COMPLETEAGENT": "agent"}
_OF_A_CALL = frozenset({*_WAITED, *_COMPLETED, *TRANSFERS, "ENTERQUEUE", "RINGNOANSWER", "RINGCANCELED", "AGENTDUMP"})
_AT_THE_DESK = ("agent.", "wrap_up.ended")
_AT_ONCE = 0.5
"""Seconds within which the two ends of a talk hang up."""
_FEATURE = "*"
"""What an agent's phone dials to log in, pause, listen and the like begins with it."""


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
    customer_id: int | None = None
    offered: bool = False
    callback_of: str | None = None
    contact_id: str | None = None
    hold_seconds: float = 0.0
    transfers: list[dict[str, Any]] = field(default_factory=list)
    menu_path: list[str] = field(default_factory=list)
    recordings: dict[str, str] = field(default_factory=dict)
    """By the name of the leg, which `ivr.store.models.leg_id` wants."""


def project(
    call_id: str, events: Iterable[Event], *, cut_off: datetime | None = None, called_back: CallFacts | None = None
) -> CallFacts | None:
    """The record of a call from all its events, in any order; None when they do not tell of a call.

    Agents logging in, pausing or listening are no calls, nor is a place kept in line before anybody is dialled.
    `cut_off`: Asterisk was started again since, so the call has ended although the journal lacks its end: at
    its last event, or at `cut_off` (how far its recording goes) when that is later. `called_back`: the record of
    the call that this one calls back.
    """
    ordered = in_order(events)
    if not ordered:
        return None
    reading = _Reading(call_id, ordered, cut_off, called_back)
    return reading.facts() if reading.is_call() else None


def in_order(events: Iterable[Event]) -> list[Event]:
    """The events that have a moment and could be read, in order of time."""
    known = [event for event in events if event.at is not None and event.kind != UNREADABLE]
    return sorted(known, key=lambda event: (event.at, _ORDER[event.source]))


class _Reading:
    """The events of one call, sorted out by who wrote them."""

    def __init__(
        self, call_id: str, events: Sequence[Event], cut_off: datetime | None, called_back: CallFacts | None
    ) -> None:
        self.call_id = call_id
        self.called_back = called_back
        self.cel = [event for event in events if event.source == "cel"]
        self.queue = [event for event in events if event.source == "queue_log"]
        self.flow = [event for event in events if event.source == "flow"]
        starts = [event for event in self.cel if event.kind == "CHAN_START"]
        own = [event for event in starts if event.channel_id == call_id]
        self.first = next(iter(own or starts), None)
        self.placed = read_placed(events)
        self.callback_of = self.placed.callback_of if self.placed else None
        self.caller_channel = self.customer_channel(starts)
        self.began, self.last = _at(self.first or events[0]), _at(events[-1])
        self.ended = next((_at(e) for e in self.cel if e.kind == "LINKEDID_END"), None)
        self.cut_off = cut_off is not None and self.ended is None
        if cut_off is not None and self.ended is None:
            self.ended = max(self.last, cut_off)
        self.agents = agents_by_channel(events)
        heard = stints(self.cel, self.caller_channel)
        self.talk: list[Stint] = put_through(heard)
        self.connects = self.connected(heard)

    def connected(self, heard: Sequence[Stint]) -> list[Event]:
        """The agents' answers that led to a talk; all, where the channel event log is lost."""
        answers = [event for event in self.queue if event.kind == "CONNECT"]
        if not heard or self.callback_of:
            return answers
        ends = [*(_at(event) for event in answers[1:]), None]
        return [
            event
            for event, end in zip(answers, ends, strict=False)
            if any(_at(event) <= stint.start and (end is None or stint.start < end) for stint in self.talk)
        ]

    def customer_channel(self, starts: Sequence[Event]) -> str:
        """The id of the channel of whoever is not ours: of a call that we placed it is the one that was dialled."""
        if self.placed:
            outside = (e for e in starts if not e.data["channel"].startswith("Local/"))
            return next((str(e.channel_id) for e in outside if work_number(e.data["channel"]) is None), "")
        return (self.first and self.first.channel_id) or self.call_id

    def is_call(self) -> bool:
        if self.placed or (self.first and self.first.data["channel"].startswith("Local/")):
            return self.placed is not None and self.placed.dialled
        if self.first is not None and work_number(self.first.data["channel"]) is not None:
            listens = any(event.kind == "SUPERVISE" for event in self.cel)
            at_desk = any(event.kind.startswith(_AT_THE_DESK) for event in self.flow)
            return not (listens or at_desk or self.first.data["exten"].startswith(_FEATURE))
        if self.cel or any(event.kind in _OF_A_CALL for event in self.queue):
            return True
        return any(event.kind == "call.started" for event in self.flow)

    def facts(self) -> CallFacts:
        direction, answered = self.direction(), self.answered_at()
        hung_up_by = self.hung_up_by() if self.ended else None
        recordings, recorded_at = self.recordings()
        outcome = outcome_of(self.ending(direction, answered, hung_up_by)) if hung_up_by else None
        queue = self.queue_name()
        return CallFacts(
            id=self.call_id,
            direction=direction,
            caller=self.caller(),
            called=self.called(),
            language=self.language(),
            started_at=self.began,
            recorded_at=recorded_at,
            answered_at=answered,
            ended_at=self.ended,
            outcome=outcome,
            queue=queue,
            agent=self.agent(direction),
            wait_seconds=None if self.callback_of else self.wait_seconds(),
            talk_seconds=self.talk_seconds(answered),
            hung_up_by=hung_up_by,
            customer_id=self.customer_id(),
            offered=is_offered(direction, outcome, queue is not None, self.callback_of is not None),
            callback_of=self.callback_of,
            contact_id=self.placed.contact_id if self.placed else None,
            hold_seconds=hold_seconds(self.cel, self.ended or self.last),
            transfers=transfers(self.cel, self.queue, self.agents),
            menu_path=[
                f"{event.data.get('menu')}:{event.data.get('key')}" for event in self.flow if event.kind == "menu.key"
            ],
            recordings=recordings,
        )

    # ---- who -----------------------------------------------------------------------------------------

    def direction(self) -> Direction:
        if self.placed:
            return "outbound"
        if self.first is None or work_number(self.first.data["channel"]) is None:
            return "inbound"
        others = {e.data["channel"] for e in self.cel if e.channel_id != self.caller_channel}
        outside = any(work_number(name) is None and not name.startswith("Local/") for name in others)
        return "outbound" if outside else "internal"

    def called(self) -> str | None:
        if self.placed:
            return self.placed.number or (self.called_back.caller if self.called_back else None)
        if self.first is None:
            return self.told("call.started", "called")
        return self.first.data["exten"] or None

    def caller(self) -> str | None:
        if self.placed:
            answered = _text(self.connects[0].data["agent"]) if self.callback_of and self.connects else None
            return self.placed.caller or answered
        own = [e for e in self.cel if e.channel_id == self.caller_channel]
        # When it answers, the dialplan has reduced what the phone says about itself to a number.
        tidied = [e.data["number"] for e in own if e.kind == "ANSWER"]
        told = tidied or [e.data["number"] for e in own]
        told += [e.data["args"][1] for e in self.queue if e.kind == "ENTERQUEUE" and len(e.data["args"]) > 1]
        told.append(self.told("call.started", "caller") or "")
        return caller_number(next((number for number in told if number), None))

    def agent(self, direction: Direction) -> str | None:
        if self.placed and self.placed.agent:
            return self.placed.agent
        if self.connects:
            return _text(self.connects[0].data["agent"])
        if direction != "inbound" and self.first is not None and not self.placed:
            return work_number(self.first.data["channel"])
        talked = (self.agents.get(stint.channel) or work_number(stint.channel) for stint in self.talk)
        return next((number for number in talked if number), None)

    def queue_name(self) -> str | None:
        """The queue whose agent answered first, else the last one that the caller joined."""
        if self.connects and self.connects[0].data["queue"]:
            return _text(self.connects[0].data["queue"])
        joined = [e.data["queue"] for e in self.queue if e.kind == "ENTERQUEUE" and e.data["queue"]]
        return joined[-1] if joined else self.told("queue.joined", "queue")

    def customer_id(self) -> int | None:
        if self.placed and self.placed.customer_id is not None:
            return self.placed.customer_id
        told = [e.data.get("customer_id") for e in self.flow if e.kind in ("caller.known", "caller.blocked")]
        if not told and self.called_back:
            return self.called_back.customer_id
        return next((one for one in reversed(told) if isinstance(one, int)), None)

    def language(self) -> str | None:
        told = self.told("prompt.played", "language") or self.told("call.started", "language")
        return told or (self.called_back.language if self.called_back else None)

    # ---- when ----------------------------------------------------------------------------------------

    def answered_at(self) -> datetime | None:
        if self.talk:
            return self.talk[0].start
        # In a callback the agent answers before the customer does.
        return _at(self.connects[0]) if self.connects and not self.callback_of else None

    def wait_seconds(self) -> float | None:
        """From joining the first queue to the first answer, or to leaving the last queue unanswered.

        Pauses between two queues, and choosing what else to do, are waiting too.
        """
        waited = self.queue[: self.queue.index(self.connects[0]) + 1] if self.connects else self.queue
        joined = [event for event in waited if event.kind == "ENTERQUEUE"]
        # An agent who answered and was gone at once has not ended the wait.
        left = [e for e in waited if e.kind in _WAITED and (e.kind != "CONNECT" or e in self.connects)]
        if not joined:
            return None
        between = (_at(joined[-1]) - _at(joined[0])).total_seconds()
        if left and [event for event in waited if event in (joined[-1], left[-1])][-1] is left[-1]:
            at_last = _number(left[-1], _WAITED[left[-1].kind])
            return between + at_last if at_last is not None else between
        if self.ended is None:
            return None
        until = self.talk[0].start if self.talk else self.ended
        return round(max(0.0, (until - _at(joined[0])).total_seconds()), 3)

    def talk_seconds(self, answered: datetime | None) -> float | None:
        if answered is None or self.ended is None:
            return None
        completed = [event for event in self.queue if event.kind in _COMPLETED]
        if len(completed) == 1 and not self.was_transferred() and not self.talks_after(completed[0]):
            told = _number(completed[0], 1)
            if told is not None:
                return told
        if self.talk:
            return round(talked_seconds(self.talk, self.ended), 3)
        return round(max(0.0, (self.ended - answered).total_seconds()), 3)

    # ---- how it ended --------------------------------------------------------------------------------

    def ending(self, direction: Direction, answered: datetime | None, by: HungUpBy) -> Ending:
        # The queue in which a callback's place stood is not one that the customer waited in.
        own = [e for e in self.queue if not self.callback_of or e.channel_id == self.caller_channel]
        surveyed = self.placed is not None and self.placed.contact_id is not None
        return Ending(direction, answered is not None, self.cut_off, by, self.dial_status(), own, self.flow, surveyed)

    def was_transferred(self) -> bool:
        return any(event.kind in TRANSFERS for event in (*self.queue, *self.cel))

    def hung_up_by(self) -> HungUpBy:
        if self.cut_off:
            return "system"
        turns = [event for event in self.queue if event.kind in _COMPLETED or event.kind == "ENTERQUEUE"]
        last = turns[-1] if turns else None
        if last and last.kind in _COMPLETED and not self.was_transferred() and not self.talks_after(last):
            return _COMPLETED[last.kind]
        gone = [e for e in self.cel if e.kind == "HANGUP" and e.channel_id == self.caller_channel]
        source = str(gone[-1].data["extra"].get("hangupsource", "")) if gone else ""
        if gone and (source == gone[-1].data["channel"] or self.was_gone(source, gone[-1])):
            return "caller"
        return "agent" if work_number(source) else "system"

    def talks_after(self, completed: Event) -> bool:
        """Whether the caller spoke on after the queue was done with them: a forgotten hold rings back."""
        return any(stint.start > _at(completed) + timedelta(seconds=1) for stint in self.talk)

    def was_gone(self, channel: str, hangup: Event) -> bool:
        """Whether a channel had left for good before: Asterisk names the agent who transferred the caller away."""
        left = [_at(e) for e in self.cel if e.kind == "HANGUP" and e.data["channel"] == channel]
        exits = [e.channel_id for e in self.cel if e.kind == "BRIDGE_EXIT"]
        back = exits[::-1].index(self.caller_channel) if self.caller_channel in exits else 0
        return bool(left) and _seconds(left[0], hangup) > _AT_ONCE and back > 0

    def dial_status(self) -> str:
        if self.placed:
            return self.placed.status
        gone = [e for e in self.cel if e.kind == "HANGUP" and e.channel_id == self.caller_channel]
        return str(gone[-1].data["extra"].get("dialstatus", "")) if gone else ""

    # ---- what the flow and the dialplan told ------------------------------------------------------------

    def told(self, kind: str, fact: str) -> str | None:
        """The last thing of this kind that a flow wrote."""
        said = [event.data.get(fact) for event in self.flow if event.kind == kind]
        return _text(said[-1]) if said else None

    def recordings(self) -> tuple[dict[str, str], datetime | None]:
        """Where the legs lie, and when their recording began."""
        message = self.told("message.left", "recording")
        legs, began = self.recorded_legs()
        return legs | ({"message": message} if message else {}) | self.comments(), began

    def comments(self) -> dict[str, str]:
        """What was spoken as an answer to a survey's questions (S26); the last one to a question."""
        answers = [event.data for event in self.flow if event.kind == ANSWER]
        said = {
            f"comment-{question}": recording
            for each in answers
            if (question := _text(each.get("question"))) and (recording := _text(each.get("recording")))
        }
        when = self.told(ENDED, "recording")
        return said | ({f"comment-{SAID_TIME}": when} if when else {})

    def recorded_legs(self) -> tuple[dict[str, str], datetime | None]:
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


def _seconds(start: datetime, event: Event) -> float:
    return (_at(event) - start).total_seconds()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(event: Event, index: int) -> float | None:
    args = event.data["args"]
    return float(args[index]) if index < len(args) and args[index].isdecimal() and len(args[index]) < 10 else None
