"""What became of each attempt to reach a customer, and how far they have come with their answers, as the journal
tells it. Pure: the same events, in any order, give the same.

An attempt is one call whose id is `ivr.surveys.ids.attempt_call_id(contact, attempt)` (see dialplan/survey.j2).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict, get_args

from ivr.calls.events import Event
from ivr.store.surveys import AttemptResult, ContactState
from ivr.surveys.events import (
    ANSWER,
    ANSWERED,
    ASKING,
    CANCELLED,
    CONFIRMED,
    DIALLED,
    ENDED,
    EXPIRED,
    GAVE_UP,
    NOT_ANSWERED,
    TAKEN_BACK,
    TIME_SET,
)
from ivr.surveys.ids import read_call_id

CALL_OVER = "LINKEDID_END"
TOLD = (DIALLED, ANSWERED, NOT_ANSWERED, CALL_OVER, ENDED, CONFIRMED, ASKING, ANSWER, TAKEN_BACK)
"""The kinds of events that tell of an attempt."""
DECISIONS: dict[str, ContactState] = {CANCELLED: "cancelled", GAVE_UP: "gave_up", EXPIRED: "expired"}
"""What may become of a contact without a call."""
OF_THE_CONTACT = (*DECISIONS, TIME_SET)
"""The kinds of events in whose place the contact's id stands."""

_SAID: frozenset[str] = frozenset(get_args(AttemptResult))
_FINAL: dict[AttemptResult, ContactState] = {
    "completed": "completed",
    "person": "person",
    "declined": "declined",
    "do_not_call": "do_not_call",
    "wrong_person": "wrong_person",
}
_REFUSED = "REFUSED"
_CAUSES: dict[str, AttemptResult] = {"17": "busy", "21": "rejected", "18": "no_answer", "19": "no_answer"}
_STATUSES: dict[str, AttemptResult] = {"BUSY": "busy", "NOANSWER": "no_answer"}


@dataclass(frozen=True)
class Attempt:
    """One attempt; `dialled_at` None: the customer's phone has not rung; `ended_at` and `result` None: it goes on.

    `said`: how the flow said that it ended, which is known while the customer still waits for a person; `said_at` when.
    """

    number: int
    call_id: str
    dialled_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    result: AttemptResult | None = None
    said: AttemptResult | None = None
    said_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.result is not None


@dataclass(frozen=True)
class Given:
    """An answer that counts; the fields of `ivr.store.surveys.Answer`."""

    question: str
    value: str
    recording: str | None
    seconds: float | None
    call_id: str
    given_at: datetime


class _Later(TypedDict):
    agreed_at: datetime | None
    time_said_in: str | None


@dataclass(frozen=True)
class Progress:
    """How far a contact has come; `state` None: open, somebody or something has still to happen. `reason`: why it was
    given up, where that was decided without a call."""

    state: ContactState | None = None
    ended_at: datetime | None = None
    reason: str = ""
    reached_at: datetime | None = None
    agreed_at: datetime | None = None
    time_said_in: str | None = None
    asking: str | None = None


def read_attempts(events: Iterable[Event], restarts: Sequence[datetime] = ()) -> list[Attempt]:
    """Every attempt that these events of one contact's calls tell of, in order; `restarts`: Asterisk's starts."""
    by_call: dict[str, list[Event]] = {}
    for event in events:
        if event.at is not None and event.kind in TOLD and read_call_id(event.call_id):
            by_call.setdefault(str(event.call_id), []).append(event)
    found = [_attempt(call_id, told, restarts) for call_id, told in by_call.items()]
    return sorted(found, key=lambda attempt: attempt.number)


def read_answers(events: Iterable[Event]) -> dict[str, Given]:
    """The last answer to each question that was not taken back, in the order in which they were given."""
    found: dict[str, Given] = {}
    for event in _in_order(events, (ANSWER, TAKEN_BACK)):
        question = str(event.data.get("question") or "")
        found.pop(question, None)
        if event.kind == ANSWER and question:
            found[question] = _given(question, event)
    return found


def read_progress(events: Iterable[Event], attempts: Sequence[Attempt]) -> Progress:
    """What a contact's own row says, from its events and the attempts read from them."""
    told = list(events)
    state, ended_at, reason = _end(told, attempts)
    return Progress(
        state=state,
        ended_at=ended_at,
        reason=reason,
        reached_at=_first(told, CONFIRMED),
        **_later(told),
        asking=_asking(told),
    )


def moment_of(text: object) -> datetime | None:
    """A moment as the journal's facts hold it; None for anything else."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _attempt(call_id: str, events: Sequence[Event], restarts: Sequence[datetime]) -> Attempt:
    known = read_call_id(call_id)
    assert known is not None  # read_attempts sorts out the others
    dialled, answered, ended = (_first(events, kind) for kind in (DIALLED, ANSWERED, CALL_OVER))
    said, said_at = _said(events)
    began = min(event.at for event in events if event.at)
    if ended is None:
        ended = min((at for at in restarts if at > began), default=None)
    unanswered = _unanswered(events, dialled is not None or answered is not None)
    if ended is None and answered is None and unanswered is not None:
        ended = _first(events, NOT_ANSWERED)
    result: AttemptResult | None = None
    if ended is not None:
        if answered is not None or said is not None:
            result = said or "broken_off"
        else:
            result = unanswered or ("lost" if dialled is None else "unknown")
    return Attempt(known[1], call_id, dialled, answered, ended, result, said, said_at)


def _unanswered(events: Iterable[Event], was_dialled: bool) -> AttemptResult | None:
    """Why nobody answered. A refused second try of an attempt that was dialled tells nothing of it."""
    for event in _in_order(events, (NOT_ANSWERED,)):
        *_, status, cause = ["", *_extra(event).split("/")]
        if status != _REFUSED:
            return _CAUSES.get(cause) or _STATUSES.get(status, "failed")
        if not was_dialled:
            return "refused"
    return None


def _said(events: Iterable[Event]) -> tuple[AttemptResult | None, datetime | None]:
    for event in reversed(_in_order(events, (ENDED,))):
        result = event.data.get("result")
        if result in _SAID:
            return result, event.at
    return None, None


def _end(events: Sequence[Event], attempts: Sequence[Attempt]) -> tuple[ContactState | None, datetime | None, str]:
    """What the customer said counts before what was decided about them."""
    for attempt in attempts:
        if attempt.said in _FINAL:
            return _FINAL[attempt.said], attempt.said_at, ""
    for event in _in_order(events, DECISIONS):
        return DECISIONS[event.kind], event.at, str(event.data.get("reason") or "")
    return None, None, ""


def _later(events: Iterable[Event]) -> _Later:
    """The moment that was agreed last, and in which call the customer said it in their own words."""
    found: _Later = {"agreed_at": None, "time_said_in": None}
    for event in _in_order(events, (ENDED, TIME_SET)):
        if event.kind == TIME_SET:
            found["agreed_at"] = moment_of(event.data.get("agreed")) or found["agreed_at"]
        elif event.data.get("result") == "later":
            found["agreed_at"] = moment_of(event.data.get("agreed"))
            found["time_said_in"] = event.call_id if event.data.get("recording") else None
    return found


def _asking(events: Iterable[Event]) -> str | None:
    """The question that was asked last, unless it was answered: there a call that broke off goes on."""
    asking: str | None = None
    for event in _in_order(events, (ASKING, ANSWER)):
        question = str(event.data.get("question") or "") or None
        if event.kind == ASKING:
            asking = question
        elif question == asking:
            asking = None
    return asking


def _given(question: str, event: Event) -> Given:
    facts, seconds = event.data, event.data.get("seconds")
    assert event.at is not None  # _in_order leaves the others out
    return Given(
        question=question,
        value=str(facts.get("value") or ""),
        recording=str(facts["recording"]) if facts.get("recording") else None,
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        call_id=str(event.call_id),
        given_at=event.at,
    )


def _in_order(events: Iterable[Event], kinds: Iterable[str]) -> list[Event]:
    wanted = frozenset(kinds)
    return sorted((e for e in events if e.at is not None and e.kind in wanted), key=lambda e: (e.at, e.kind))


def _first(events: Iterable[Event], kind: str) -> datetime | None:
    return min((event.at for event in events if event.kind == kind and event.at), default=None)


def _extra(event: Event) -> str:
    return str((event.data.get("extra") or {}).get("extra", ""))
