"""Whether the tables know everything that has happened: nobody may be dialled on yesterday's news."""

from pathlib import Path

from sqlalchemy import select

from ivr.calls.journal_files import FILES, JournalFile, identities, journal_files
from ivr.store.models import JournalPosition
from ivr.store.session import Store


def is_behind(store: Store, journal: Path) -> bool:
    """Whether any whole line of the journal is not in the tables yet. Raises StoreUnavailable, OSError."""
    files = journal_files(journal)
    with store.read() as session:
        positions = session.scalars(select(JournalPosition)).all()
        rows = {(row.source, row.file_id): (row.inode, row.offset) for row in positions}
    for source in FILES:
        known = {file_id: inode for (name, file_id), (inode, _) in rows.items() if name == source}
        here = [file for file in files if file.source == source]
        for file, file_id in identities(here, known).items():
            _, offset = rows.get((source, file_id), (0, 0))
            if offset < file.size and _has_line(file, offset):
                return True
    return False


def _has_line(file: JournalFile, offset: int) -> bool:
    """A torn last line, after a crash, has no end that anybody could wait for."""
    with file.path.open("rb") as source:
        source.seek(offset)
        return b"\n" in source.read(file.size - offset)
