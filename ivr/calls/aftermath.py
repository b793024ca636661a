"""What a call leaves behind beside its record: a message, a rating, notes. Pure, from the journal's events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.calls.events import Event
from ivr.calls.talk import agents_by_channel, stints, work_number

_SCORES = range(1, 6)


@dataclass(frozen=True)
class LeftMessage:
    """What the caller left (S12); the fields of `ivr.store.followup.Message`."""

    call_id: str
    queue: str
    number: str
    recording: str
    seconds: float
    left_at: datetime


@dataclass(frozen=True)
class GivenRating:
    """What the caller said of the talk; the fields of `ivr.store.followup.Rating`."""

    call_id: str
    score: int
    agent: str | None
    given_at: datetime


@dataclass(frozen=True)
class WrittenNote:
    """What an agent noted within wrap-up (S14); the fields of `ivr.store.followup.WrapUpNote`."""

    call_id: str
    agent: str
    disposition: str
    text: str
    written_at: datetime


@dataclass(frozen=True)
class Aftermath:
    message: LeftMessage | None = None
    rating: GivenRating | None = None
    notes: tuple[WrittenNote, ...] = ()


def aftermath(call_id: str, events: Iterable[Event]) -> Aftermath:
    """The last message, the last rating, and each agent's last note, of events in order of time."""
    told = list(events)
    messages = [message for event in told if (message := _message(call_id, event))]
    ratings = [rating for event in told if (rating := _rating(call_id, event, told))]
    notes = {note.agent: note for event in told if (note := _note(call_id, event))}
    return Aftermath(
        messages[-1] if messages else None,
        ratings[-1] if ratings else None,
        tuple(notes[agent] for agent in sorted(notes)),
    )


def _message(call_id: str, event: Event) -> LeftMessage | None:
    if event.kind != "message.left" or event.at is None or not event.data.get("recording"):
        return None
    facts, seconds = event.data, event.data.get("seconds")
    return LeftMessage(
        call_id=call_id,
        queue=str(facts.get("queue") or ""),
        number=str(facts.get("number") or ""),
        recording=str(facts["recording"]),
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        left_at=event.at,
    )


def _rating(call_id: str, event: Event, told: Sequence[Event]) -> GivenRating | None:
    score = event.data.get("score")
    if event.kind != "rating.given" or event.at is None or not isinstance(score, int) or score not in _SCORES:
        return None
    return GivenRating(call_id, score, _spoke_with(call_id, event.at, told), event.at)


def _spoke_with(call_id: str, at: datetime, told: Sequence[Event]) -> str | None:
    """The agent whom the caller spoke with last before `at`."""
    talk = [stint for stint in stints((e for e in told if e.source == "cel"), call_id) if stint.start <= at]
    known = agents_by_channel(told)
    agents = [number for stint in talk if (number := known.get(stint.channel) or work_number(stint.channel))]
    if agents:
        return agents[-1]
    connects = [str(e.data["agent"]) for e in told if e.kind == "CONNECT" and e.data.get("agent")]
    return connects[-1] if connects else None


def _note(call_id: str, event: Event) -> WrittenNote | None:
    agent = event.data.get("agent")
    if event.kind != "wrap_up.noted" or event.at is None or not isinstance(agent, str) or not agent:
        return None
    facts = event.data
    return WrittenNote(call_id, agent, str(facts.get("disposition") or ""), str(facts.get("text") or ""), event.at)
