"""How a call ended: exactly one outcome for each, so that tables add up."""

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.calls.events import Event
from ivr.store.models import OUTCOMES, Direction, HungUpBy, Outcome
from ivr.surveys.events import ENDED, HEARD

OFFERED: tuple[Outcome, ...] = ("answered", "abandoned", "callback", "message", "closed", "timed_out", "blocked")
"""The outcomes of calls that asked for a person; the others never did, or failed by our own fault."""

LEAVING = frozenset({"CONNECT", "ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY", "WITHDRAW"})
"""queue_log's ways of leaving a queue that a caller has joined."""

_TURNED_AWAY = frozenset({"EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY", "JOINEMPTY", "JOINUNAVAIL", "FULL"})
_DIALLED: dict[str, Outcome] = {"CANCEL": "abandoned", "NOANSWER": "timed_out"}
_FLOW_DECIDES: frozenset[str] = frozenset(OUTCOMES) - {"answered", "abandoned"}
_PROMISES: dict[str, Outcome] = {"message.left": "message", "callback.requested": "callback"}
_SILENT = frozenset({"menu.silent", "line.silent"})


@dataclass(frozen=True)
class Ending:
    """What an outcome is told from; `queue` and `flow` are the call's events of these logs, in order of time.

    `answered`: a person of ours spoke with the caller. `cut_off`: Asterisk itself broke off. `dial_status`: Asterisk's
    DIALSTATUS of a call that our side placed. `survey`: it was placed to ask a customer (S26).
    """

    direction: Direction
    answered: bool
    cut_off: bool
    hung_up_by: HungUpBy
    dial_status: str
    queue: Sequence[Event]
    flow: Sequence[Event]
    survey: bool = False

    @property
    def queued(self) -> bool:
        return any(e.kind == "ENTERQUEUE" for e in self.queue) or any(e.kind == "queue.joined" for e in self.flow)


def outcome_of(end: Ending) -> Outcome:
    """A talk counts first, then what was promised to the caller, then why there was neither."""
    if end.answered:
        return "answered"
    promised = _promised(end.flow)
    if promised is not None:
        return promised
    if end.cut_off:
        return "failed"
    if end.survey and not end.queued:
        return _of_a_survey(end)
    if end.direction != "inbound" and not end.queued:
        return _DIALLED.get(end.dial_status, "failed")
    if any(event.kind == "caller.blocked" for event in end.flow):
        return "blocked"
    if end.queued:
        return _of_waiting(end)
    return _of_the_flow(end)


def is_offered(direction: Direction, outcome: Outcome | None, queued: bool, calls_back: bool) -> bool:
    """Whether a call counts in the figures of S32 and S33; while it runs (`outcome` None) it does once it queues.

    An agent's call to a colleague asks for no queue; a callback counts with the call that it calls back.
    """
    if calls_back or (direction != "inbound" and not queued):
        return False
    return queued if outcome is None else outcome in OFFERED


def _promised(flow: Sequence[Event]) -> Outcome | None:
    """A message or a callback that the caller was promised, the last one; not one we owe for our own fault."""
    promises = [e for e in flow if e.kind in _PROMISES and e.data.get("reason") not in ("abandoned", "cut_off")]
    return _PROMISES[promises[-1].kind] if promises else None


def _of_a_survey(end: Ending) -> Outcome:
    """Surveyed is who was spoken to, as far as the flow could tell; a machine is nobody who answers."""
    if end.dial_status != "ANSWER":
        return "timed_out" if end.dial_status == "NOANSWER" else "failed"
    heard = any(event.kind == HEARD and event.data.get("who") in ("human", "uncertain") for event in end.flow)
    ended = {event.data.get("result") for event in end.flow if event.kind == ENDED}
    return "surveyed" if heard and not ended & {"machine", "phone_menu", "no_human"} else "timed_out"


def _of_waiting(end: Ending) -> Outcome:
    if end.hung_up_by == "caller" or any(event.kind == "ABANDON" for event in end.queue):
        return "abandoned"
    if any(event.kind in _TURNED_AWAY for event in end.queue):
        return "timed_out"
    return _said(end.flow) or "failed"


def _of_the_flow(end: Ending) -> Outcome:
    said = _said(end.flow)
    if said is not None:
        return said
    # Who puts the phone down on hearing that all is closed was told so all the same.
    if any(event.kind == "prompt.played" and event.data.get("prompt") == "closed" for event in end.flow):
        return "closed"
    if end.hung_up_by == "caller":
        return "ended_in_menu"
    return "silent" if end.flow and end.flow[-1].kind in _SILENT else "failed"


def _said(flow: Sequence[Event]) -> Outcome | None:
    closed = [event.data.get("outcome") for event in flow if event.kind == "call.closed"]
    said = closed[-1] if closed else None
    return next((known for known in OUTCOMES if known == said and said in _FLOW_DECIDES), None)
