"""Which calls an event concerns, and writing their records, legs and due transcripts."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ivr.calls.events import Event
from ivr.calls.project import CallFacts, project
from ivr.calls.recordings import RecordingUnreadable, WavFacts, find_recordings, mend, resolve, wav_facts
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
        facts = project(call_id, events)
        if facts is None:
            return
        if facts.ended_at is None and last_start is not None and last_start > facts.started_at:
            facts = project(call_id, events, cut_off=self._heard_until(session, facts)) or facts
        values = asdict(facts)
        del values["recordings"]
        session.merge(Call(**values))
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

    def _recorded(self, facts: CallFacts) -> dict[LegRole, tuple[str, WavFacts | None]] | None:
        """The legs' files with their lengths; None while Asterisk may still be finishing them."""
        given_up = facts.ended_at is None or self._now() - facts.ended_at > SETTLE
        told = facts.recordings
        where = find_recordings(self._recordings, facts.id, told, facts.started_at)
        if len(where) < len(told) and not given_up:
            return None
        found: dict[LegRole, tuple[str, WavFacts | None]] = {}
        for role, relative in where.items():
            try:
                wav = wav_facts(resolve(self._recordings, relative))
            except RecordingUnreadable:
                wav = None
            if (wav is None or not wav.complete) and not given_up:
                return None
            found[role] = (relative, mend(wav) if wav else None)
        return found


def events_of(session: Session, call_id: str) -> list[Event]:
    """Everything the journal holds of a call, in order of time."""
    return _events_of(session, [call_id])[call_id]


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


def _write_legs(session: Session, facts: CallFacts, found: dict[LegRole, tuple[str, WavFacts | None]]) -> None:
    for role, (relative, wav) in found.items():
        seconds = round(wav.seconds, 3) if wav else None
        own = leg_id(facts.id, role)
        session.merge(Leg(id=own, call_id=facts.id, role=role, recording=relative, seconds=seconds))
        # Before an agent answers, the agent's side holds the hotline's own voice: nothing to transcribe.
        due = role == "caller" or facts.answered_at is not None
        if due and session.get(Transcript, own) is None:
            session.add(Transcript(leg_id=own, words=[]))
