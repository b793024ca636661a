"""Whether the tables know everything that has happened: nobody may be dialled on yesterday's news."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import select

from ivr.calls.journal_files import FILES, JournalFile, identities, journal_files
from ivr.store.models import JournalPosition
from ivr.store.session import Store

_LOOKS, _PAUSE = 12, 0.05
"""Ingestion looks at the journal about three times a second."""


def knows_everything(store: Store, journal: Path, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether all that the journal held when this was asked is in the tables, waiting a moment for it.

    Where calls come and go there is always another line by then; that one is younger than the question. Raises
    StoreUnavailable, OSError.
    """
    files = journal_files(journal)
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
