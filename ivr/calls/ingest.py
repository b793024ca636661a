"""From the journal on disk to the tables: every line once, resumable after a kill at any point.

A batch of lines, the positions they bring each file to, the calls they change and what else follows the journal
(callbacks, cases) are one short transaction.
Asterisk writes QUEUESTART to queue_log when it starts: a call that began before and has no end was cut off, and
is closed at the last thing known of it.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ivr.calls.events import Event, Found
from ivr.calls.journal_files import FILES, JournalFile, identities, journal_files
from ivr.calls.projection import PER_TRANSACTION, Projection, events_after
from ivr.settings import StatePaths
from ivr.store.followup import Message, Rating, WrapUpNote
from ivr.store.migrate import migrate_store
from ivr.store.models import Call, JournalEvent, JournalPosition
from ivr.store.session import Store, StoreUnavailable

log = logging.getLogger(__name__)

POLL_SECONDS = 0.3
RETRY_SECONDS = 1.0

Follower = Callable[[Session, list[Event]], None]
"""Another projection of the journal: given events that are stored, after their calls are; the same ones again
change nothing."""
_EVENTS_AT_ONCE = 2000
_OF_A_CALL = (Call.id, Message.call_id, Rating.call_id, WrapUpNote.call_id)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Piece:
    """What was read of a file: the events between two offsets."""

    file: JournalFile
    file_id: str
    start: int
    end: int
    found: list[Found]


class Ingestor:
    """Reads the journal into the store. Two at once do no harm: each batch is taken by one of them."""

    def __init__(
        self,
        paths: StatePaths,
        store: Store,
        now: Callable[[], datetime] = _utc_now,
        followers: Sequence[Follower] = (),
    ) -> None:
        self._paths = paths
        self._followers = followers
        self._store = store
        self._projection = Projection(paths.recordings, now)
        self._nothing_new: object = None

    def once(self) -> int:
        """Take everything there is now; returns the number of events. Raises StoreUnavailable, OSError."""
        return self._read_on(self._followers)

    def _read_on(self, followers: Sequence[Follower]) -> int:
        total = 0
        while True:
            files = journal_files(self._paths.journal)
            if files == self._nothing_new:
                break
            taken, moved = self._take(files, followers)
            total += taken
            if not moved:
                self._nothing_new = files
        self._projection.finish_recordings(self._store)
        return total

    def rebuild(self) -> int:
        """Make the calls again from the journal; returns the number of events read again from disk.

        What stood in files that are gone from disk is taken from the events kept of them. Words, scores, users
        and the access log stay. May be killed at any point: reading goes on from there.
        """
        for file, file_id in self._identified(journal_files(self._paths.journal)):
            with self._store.write() as session:
                self._store.lock(session, "ingest")
                _forget(session, file, file_id)
        self._nothing_new = None
        # Files are read one after the other: whoever follows would see later events before earlier ones.
        total = self._read_on(())
        self._project_all()
        return total

    def run_forever(self, stop: threading.Event) -> None:
        """Ingest until `stop`; a database that is locked or absent is waited for, and said so once."""
        ready = complained = False
        while not stop.is_set():
            try:
                if not ready:
                    migrate_store(self._store)
                    self._projection.resume(self._store)
                    ready = True
                self.once()
            except (StoreUnavailable, OSError) as error:
                if not complained:
                    log.error("Ingestion waits: %s", error if isinstance(error, StoreUnavailable) else error.strerror)
                ready, complained, self._nothing_new = False, True, None
                stop.wait(RETRY_SECONDS)
                continue
            if complained:
                log.info("Ingestion goes on.")
                complained = False
            stop.wait(POLL_SECONDS)

    # ---- one batch -------------------------------------------------------------------------------------

    def _take(self, files: list[JournalFile], followers: Sequence[Follower]) -> tuple[int, bool]:
        """One batch: how many events, and whether any file was read further."""
        pieces = []
        offsets = self._offsets()
        for file, file_id in self._identified(files):
            start = offsets.get((file.source, file_id), 0)
            if file.size > start:
                found, end = file.read(start)
                if end > start:
                    pieces.append(_Piece(file, file_id, start, end, found))
        if not pieces:
            return 0, False
        with self._store.write() as session:
            self._store.lock(session, "ingest")
            events = [event for piece in pieces for event in _keep(session, piece)]
            self._projection.update(session, events)
            self._follow(session, events, followers)
        return len(events), True

    def _follow(self, session: Session, events: list[Event], followers: Sequence[Follower]) -> None:
        for follow in followers:
            try:
                with session.begin_nested():
                    follow(session, events)
            except (ValueError, KeyError, TypeError, IndexError, AssertionError) as error:
                # What follows the journal must not keep calls out of the record; a rebuild makes up for it.
                log.error("%s does not understand the journal (%s).", follow.__module__, type(error).__name__)

    def _offsets(self) -> dict[tuple[str, str], int]:
        with self._store.read() as session:
            rows = session.execute(select(JournalPosition.source, JournalPosition.file_id, JournalPosition.offset))
            return {(source, file_id): offset for source, file_id, offset in rows}

    def _identified(self, files: list[JournalFile]) -> list[tuple[JournalFile, str]]:
        with self._store.read() as session:
            rows = session.execute(select(JournalPosition.source, JournalPosition.file_id, JournalPosition.inode)).all()
        found: list[tuple[JournalFile, str]] = []
        for source in FILES:
            known = {file_id: inode for name, file_id, inode in rows if name == source}
            here = [file for file in files if file.source == source]
            found.extend(identities(here, known).items())
        return found

    def _project_all(self) -> None:
        with self._store.read() as session:
            ids = set(session.scalars(select(JournalEvent.call_id).distinct())) - {None}
            stale = {key: sorted(set(session.scalars(select(key))) - ids) for key in _OF_A_CALL}
        for some in _portions(sorted(one for one in ids if one)):
            with self._store.write() as session:
                self._store.lock(session, "ingest")
                self._projection.project(session, some)
        for key, gone in stale.items():
            for some in _portions(gone):
                with self._store.write() as session:
                    session.execute(delete(key.class_).where(key.in_(some)))
        self._follow_all()

    def _follow_all(self) -> None:
        """Once more from the journal's beginning, in order of time."""
        last: tuple[datetime, str, str] | None = None
        while self._followers:
            with self._store.write() as session:
                self._store.lock(session, "ingest")
                rows = events_after(session, last, _EVENTS_AT_ONCE)
                if not rows:
                    return
                self._follow(session, [event for _, event in rows], self._followers)
            last = rows[-1][0]


def _portions(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), PER_TRANSACTION):
        yield ids[start : start + PER_TRANSACTION]


def _keep(session: Session, piece: _Piece) -> list[Event]:
    """Store a piece with the position it brings its file to; nothing when somebody else took it meanwhile."""
    row = session.get(JournalPosition, (piece.file.source, piece.file_id))
    if (row.offset if row else 0) != piece.start:
        return []
    if row is None:
        row = JournalPosition(source=piece.file.source, file_id=piece.file_id, inode=piece.file.inode)
        session.add(row)
    row.offset, row.inode = piece.end, piece.file.inode
    rows = [_row(piece, start, event) for start, event in piece.found]
    if rows:
        session.execute(insert(JournalEvent), rows)
    return [event for _, event in piece.found]


def _row(piece: _Piece, start: int, event: Event) -> dict[str, Any]:
    return {
        "source": event.source,
        "position": f"{piece.file_id}:{start:015d}",
        "call_id": event.call_id,
        "channel_id": event.channel_id,
        "at": event.at,
        "kind": event.kind,
        "data": event.data,
    }


def _forget(session: Session, file: JournalFile, file_id: str) -> None:
    session.execute(
        delete(JournalEvent).where(
            JournalEvent.source == file.source, JournalEvent.position.startswith(f"{file_id}:", autoescape=True)
        )
    )
    session.execute(
        delete(JournalPosition).where(JournalPosition.source == file.source, JournalPosition.file_id == file_id)
    )
