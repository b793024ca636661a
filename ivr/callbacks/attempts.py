"""What became of each attempt, as the journal tells it. Pure: the same events give the same attempts.

An attempt is one place in the line: a call whose id is `<callback id>-cb<attempt>` (see dialplan/callback.j2).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.calls.events import Event

ANSWERED = "ANSWER"
"""The customer answered. All other results are Asterisk's DIALSTATUS, or one of those below."""
REFUSED = "REFUSED"
"""The dialplan would not: a second place, a number or an hour that is not allowed."""
AGENT_GONE = "AGENT_GONE"
"""The agent put the phone down before the customer was dialled."""
LOST = "LOST"
"""The place is gone and nobody was dialled: withdrawn, or Asterisk or the dialler died."""
UNKNOWN = "UNKNOWN"
"""The customer was dialled and nobody could write down what became of it."""

PLACE, DIALLED, RESULT = "CALLBACK_PLACE", "CALLBACK_DIALLED", "CALLBACK_RESULT"
ENDED = "LINKEDID_END"
TOLD = (PLACE, DIALLED, RESULT, ENDED)

_CALL_ID = re.compile(r"(?P<callback>.+)-cb(?P<attempt>\d{1,6})")


@dataclass(frozen=True)
class Attempt:
    """One attempt; `dialled_at` None: the customer's phone has not rung; `result` None: it goes on."""

    number: int
    call_id: str
    placed_at: datetime | None
    dialled_at: datetime | None
    ended_at: datetime | None
    result: str | None

    @property
    def is_over(self) -> bool:
        return self.result is not None


def attempt_call_id(callback_id: str, attempt: int) -> str:
    """The id of an attempt's call, chosen before it exists: Asterisk makes no two channels of one id."""
    return f"{callback_id}-cb{attempt}"


def read_call_id(call_id: str | None) -> tuple[str, int] | None:
    """(callback id, attempt) of an attempt's call; None for every other call."""
    match = _CALL_ID.fullmatch(call_id or "")
    return (match["callback"], int(match["attempt"])) if match else None


def read_attempts(events: Iterable[Event], restarts: Sequence[datetime] = ()) -> list[Attempt]:
    """Every attempt that these events of one callback's calls tell of, in order; `restarts`: Asterisk's starts."""
    by_call: dict[str, list[Event]] = {}
    for event in events:
        if event.at is not None and event.kind in TOLD and read_call_id(event.call_id):
            by_call.setdefault(str(event.call_id), []).append(event)
    found = [_attempt(call_id, told, restarts) for call_id, told in by_call.items()]
    return sorted(found, key=lambda attempt: attempt.number)


def _attempt(call_id: str, events: Sequence[Event], restarts: Sequence[datetime]) -> Attempt:
    known = read_call_id(call_id)
    assert known is not None  # read_attempts sorts out the others
    placed, dialled = (_first(events, kind) for kind in (PLACE, DIALLED))
    status = _status(events)
    ended = _first(events, ENDED)
    if ended is None and placed is not None:
        ended = min((at for at in restarts if at > placed), default=None)
    if status is not None:
        ended = ended or max(event.at for event in events if event.kind == RESULT and event.at)
    elif ended is not None:
        status = LOST if dialled is None else UNKNOWN
    return Attempt(known[1], call_id, placed, dialled, ended, status)


def _status(events: Sequence[Event]) -> str | None:
    """The customer's answer counts before all; a refused second try of the same attempt after all."""
    told = [_extra(event).rpartition("/")[2] for event in events if event.kind == RESULT]
    ranked = sorted(told, key=lambda status: (status != ANSWERED, status == REFUSED))
    if ranked and ranked[0] == REFUSED and _first(events, PLACE) is not None and _first(events, DIALLED) is None:
        # A second originate of an attempt whose place stands: that one goes on until it ends.
        return REFUSED if _first(events, ENDED) is not None else None
    return ranked[0] if ranked else None


def _first(events: Sequence[Event], kind: str) -> datetime | None:
    return min((event.at for event in events if event.kind == kind and event.at), default=None)


def _extra(event: Event) -> str:
    return str((event.data.get("extra") or {}).get("extra", ""))
