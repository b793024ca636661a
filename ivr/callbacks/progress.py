"""Whether the tables know everything that has happened: nobody may be dialled on yesterday's news."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from ivr.calls.journal_files import FILES, JournalFile, identities, journal_files
from ivr.store.models import JournalPosition
from ivr.store.session import Store

_LOOKS, _PAUSE = 12, 0.05
"""Ingestion looks at the journal about three times a second."""
_LATELY = timedelta(seconds=2)


def knows_everything(store: Store, journal: Path, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether all that the journal holds now is in the tables; waits a moment for it.

    Raises StoreUnavailable, OSError.
    """
    return _knows(store, journal_files(journal), sleep)


class Knowledge:
    """What the tables know of the journal, as somebody asks who looks about once a second.

    Where calls come and go there is always another line by the time one has looked. So what the journal held a moment
    ago, at the look before, has to be in the tables; what is younger concerns calls that stand in them as claimed.
    """

    def __init__(
        self, store: Store, journal: Path, now: Callable[[], datetime], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._store, self._journal, self._now, self._sleep = store, journal, now, sleep
        self._seen: tuple[datetime, list[JournalFile]] | None = None

    def is_current(self) -> bool:
        """Whether all that the journal held at the last look, at most two seconds ago, or else holds now, is in the
        tables; waits a moment for it. Raises StoreUnavailable, OSError."""
        now, files = self._now(), journal_files(self._journal)
        before, self._seen = self._seen, (now, files)
        if before is not None and timedelta() <= now - before[0] <= _LATELY:
            files = before[1]
        return _knows(self._store, files, self._sleep)


def _knows(store: Store, files: Sequence[JournalFile], sleep: Callable[[float], None]) -> bool:
    for look in range(_LOOKS):
        if not _is_behind(store, files):
            return True
        if look < _LOOKS - 1:
            sleep(_PAUSE)
    return False


def _is_behind(store: Store, files: Sequence[JournalFile]) -> bool:
    """Whether any whole line of these files, as long as they were, is not in the tables yet."""
    with store.read() as session:
        positions = session.scalars(select(JournalPosition)).all()
        rows = {(row.source, row.file_id): (row.inode, row.offset) for row in positions}
    for source in FILES:
        known = {file_id: inode for (name, file_id), (inode, _) in rows.items() if name == source}
        here = [file for file in files if file.source == source]
        for file, file_id in identities(here, known).items():
            _, offset = rows.get((source, file_id), (0, 0))
            if offset < file.size and file.has_line(offset):
                return True
    return False
