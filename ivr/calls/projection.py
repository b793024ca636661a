"""Which calls an event concerns, and writing their records, what they leave behind, legs and due transcripts."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.orm import Session

from ivr.calls.aftermath import aftermath
from ivr.calls.events import Event
from ivr.calls.placed import read_placed
from ivr.calls.project import CallFacts, in_order, project
from ivr.calls.recordings import RecordingUnreadable, WavFacts, find_recordings, mend, resolve, wav_facts
from ivr.store.followup import Message, Rating, WrapUpNote
from ivr.store.models import Call, JournalEvent, Leg, LegRole, Transcript, leg_id
from ivr.store.session import Store

log = logging.getLogger(__name__)

PER_TRANSACTION = 100
"""Calls projected in one transaction, so that no other writer waits long."""

SETTLE = timedelta(seconds=30)
"""Asterisk finishes a recording's header a moment after the call; when it has not by then, it never will."""

RESTARTED = "QUEUESTART"
_LOOK_BACK = timedelta(days=7)


class Projection:
    """Writes calls as the stored events tell them; remembers which still wait for their recordings to be whole."""

    def __init__(self, recordings: Path, now: Callable[[], datetime]) -> None:
        self._recordings = recordings
        self._now = now
        self._waiting: dict[str, CallFacts] = {}

    def update(self, session: Session, events: Iterable[Event]) -> None:
        """Project every call that these (stored) events touch, and those that a restart of Asterisk cut off."""
        touched: set[str] = set()
        restarted = False
        for event in events:
            restarted = restarted or event.kind == RESTARTED
            if event.call_id is not None:
                touched.add(event.call_id)
        if restarted:
            session.flush()
            touched.update(session.scalars(select(Call.id).where(Call.ended_at.is_(None))))
        self.project(session, sorted(touched))

    def project(self, session: Session, ids: Collection[str]) -> None:
        """Write the records of these calls; a channel's id stands for the call it belongs to."""
        session.flush()
        calls = _calls_of(session, ids)
        by_call = _events_of(session, calls)
        _unite(session, by_call)
        starts = session.scalars(
            select(JournalEvent.at).where(JournalEvent.kind == RESTARTED, JournalEvent.source == "queue_log")
        )
        last_start = max((at for at in starts if at), default=None)
        for call_id in calls:
            try:
                self._write(session, by_call[call_id], call_id, last_start)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                # One call that cannot be told must not keep all others out of the record.
                log.error("Call %s cannot be projected (%s).", call_id, type(error).__name__)

    def resume(self, store: Store) -> None:
        """After a start: look again for the recordings of calls that ended without any being known."""
        since = self._now() - _LOOK_BACK
        with store.read() as session:
            without = select(Call.id).where(Call.ended_at >= since, ~select(Leg).where(Leg.call_id == Call.id).exists())
            ids = session.scalars(without).all()
        for call_id in ids:
            with store.write() as session:
                self.project(session, [call_id])

    def finish_recordings(self, store: Store) -> None:
        """Write the legs of ended calls whose recordings have become whole, or never will."""
        for call_id, facts in list(self._waiting.items()):
            found = self._recorded(facts)
            if found is None:
                continue
            with store.write() as session:
                if session.get(Call, call_id) is not None:
                    _write_legs(session, facts, found)
            del self._waiting[call_id]

    def _write(self, session: Session, events: list[Event], call_id: str, last_start: datetime | None) -> None:
        called_back = _called_back(session, events)
        facts = project(call_id, events, called_back=called_back)
        if facts is None:
            session.execute(delete(Call).where(Call.id == call_id))
            return
        if facts.ended_at is None and last_start is not None and last_start > facts.started_at:
            until = self._heard_until(session, facts)
            facts = project(call_id, events, cut_off=until, called_back=called_back) or facts
        values = asdict(facts)
        del values["recordings"]
        session.merge(Call(**values))
        _write_aftermath(session, call_id, events)
        self._waiting.pop(call_id, None)
        if facts.ended_at is None:
            return
        session.flush()
        found = self._recorded(facts)
        if found is None:
            self._waiting[call_id] = facts
        else:
            _write_legs(session, facts, found)

    def _heard_until(self, session: Session, facts: CallFacts) -> datetime:
        """How far the recording of a call goes whose end nobody could write down."""
        lengths = [leg.seconds or 0.0 for leg in session.scalars(select(Leg).where(Leg.call_id == facts.id))]
        for relative in find_recordings(self._recordings, facts.id, facts.recordings, facts.started_at).values():
            with suppress(RecordingUnreadable):
                lengths.append(wav_facts(resolve(self._recordings, relative)).seconds)
        return (facts.recorded_at or facts.started_at) + timedelta(seconds=round(max(lengths, default=0.0), 3))

    def _recorded(self, facts: CallFacts) -> "_Recorded | None":
        """The legs' files with their lengths; None while Asterisk may still be finishing them."""
        given_up = facts.ended_at is None or self._now() - facts.ended_at > SETTLE
        told = facts.recordings
        where = find_recordings(self._recordings, facts.id, told, facts.started_at)
        if len(where) < len(told) and not given_up:
            return None
        found: _Recorded = {}
        for name, relative in where.items():
            try:
                wav = wav_facts(resolve(self._recordings, relative))
            except RecordingUnreadable:
                wav = None
            if (wav is None or not wav.complete) and not given_up:
                return None
            found[name] = (relative, mend(wav) if wav else None)
        return found


_Recorded = dict[str, tuple[str, WavFacts | None]]
"""The legs' files, by the legs' names, with their lengths."""
Place = tuple[datetime, str, str]
"""Where an event stands in the journal as a whole: its moment, file and position."""


def events_after(session: Session, place: Place | None, limit: int) -> list[tuple[Place, Event]]:
    """Events with a moment, in order of time, from after `place` on."""
    order = (JournalEvent.at, JournalEvent.source, JournalEvent.position)
    asked = select(JournalEvent).where(JournalEvent.at.is_not(None))
    if place is not None:
        asked = asked.where(tuple_(*order) > tuple_(*place))
    rows = session.scalars(asked.order_by(*order).limit(limit))
    return [((row.at, row.source, row.position), _event(row)) for row in rows if row.at]


def events_of(session: Session, call_id: str) -> list[Event]:
    """Everything the journal holds of a call, in order of time."""
    return _events_of(session, [call_id])[call_id]


def _unite(session: Session, by_call: Mapping[str, Sequence[Event]]) -> None:
    """Remove records of what has turned out to be a channel of another call (queue_log may be read before CEL)."""
    parts = {
        str(e.channel_id) for call_id, events in by_call.items() for e in events if e.channel_id not in (None, call_id)
    }
    if parts:
        session.execute(delete(Call).where(Call.id.in_(parts)))


def _called_back(session: Session, events: Sequence[Event]) -> CallFacts | None:
    """The record of the call that these events of another one call back."""
    placed = read_placed(events)
    origin = placed.callback_of if placed else None
    if origin is None or any(event.call_id == origin for event in events):
        return None
    asked = events_of(session, origin)
    facts = project(origin, asked, called_back=_called_back(session, asked))
    numbers = [str(e.data["number"]) for e in asked if e.kind == "callback.requested" and e.data.get("number")]
    if facts is not None and numbers:
        return replace(facts, caller=numbers[-1])
    return facts and replace(facts, caller=facts.called if facts.direction == "outbound" else facts.caller)


def _write_aftermath(session: Session, call_id: str, events: Sequence[Event]) -> None:
    """Write the message, rating and notes that a call left; what is told no more goes."""
    left = aftermath(call_id, in_order(events))
    rows: list[Message | Rating | WrapUpNote] = [WrapUpNote(**asdict(note)) for note in left.notes]
    rows += [Message(**asdict(left.message))] if left.message else []
    rows += [Rating(**asdict(left.rating))] if left.rating else []
    session.execute(
        delete(WrapUpNote).where(WrapUpNote.call_id == call_id, WrapUpNote.agent.not_in([n.agent for n in left.notes]))
    )
    if left.message is None:
        session.execute(delete(Message).where(Message.call_id == call_id))
    if left.rating is None:
        session.execute(delete(Rating).where(Rating.call_id == call_id))
    for row in rows:
        session.merge(row)


def _calls_of(session: Session, ids: Collection[str]) -> list[str]:
    """The calls that these ids (of calls, or of channels in them) belong to."""
    belongs = select(JournalEvent.channel_id, JournalEvent.call_id).where(
        JournalEvent.source == "cel", JournalEvent.kind == "CHAN_START", JournalEvent.channel_id.in_(ids)
    )
    known = {row.channel_id: row.call_id for row in session.execute(belongs)}
    return sorted({known.get(one) or one for one in ids})


def _events_of(session: Session, calls: Collection[str]) -> dict[str, list[Event]]:
    """All events of each call, also those that bear the id of another of its channels."""
    order = (JournalEvent.at, JournalEvent.source, JournalEvent.position)
    own = session.scalars(select(JournalEvent).where(JournalEvent.call_id.in_(calls)).order_by(*order)).all()
    found: dict[str, list[Event]] = defaultdict(list)
    others: dict[str, str] = {}
    for row in own:
        assert row.call_id is not None
        found[row.call_id].append(_event(row))
        if row.source == "cel" and row.channel_id not in (None, row.call_id):
            others[str(row.channel_id)] = row.call_id
    aside = select(JournalEvent).where(
        JournalEvent.call_id.in_(others), or_(JournalEvent.source == "queue_log", JournalEvent.source == "flow")
    )
    for row in session.scalars(aside.order_by(*order)):
        found[others[str(row.call_id)]].append(_event(row))
    return found


def _event(row: JournalEvent) -> Event:
    return Event(row.source, row.kind, row.at, row.call_id, row.channel_id, row.data)  # type: ignore[arg-type]


def _write_legs(session: Session, facts: CallFacts, found: _Recorded) -> None:
    for name, (relative, wav) in found.items():
        seconds = round(wav.seconds, 3) if wav else None
        own, role = leg_id(facts.id, name), cast(LegRole, name.partition("-")[0])
        session.merge(Leg(id=own, call_id=facts.id, role=role, recording=relative, seconds=seconds))
        # Before an agent answers, the agent's side holds the hotline's own voice: nothing to transcribe.
        due = role != "agent" or facts.answered_at is not None
        if due and session.get(Transcript, own) is None:
            session.add(Transcript(leg_id=own, words=[]))
