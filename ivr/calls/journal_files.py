"""The journal's files on disk: which there are, rotated ones first, and which of them are the same file."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.calls.cel import read_cel
from ivr.calls.events import MAX_RECORD, Found, Source, unreadable
from ivr.calls.flow_log import read_flow
from ivr.calls.queue_log import read_queue_log

CHUNK = 128 * 1024
"""Bytes read from a file at a time; keeps each write transaction short."""

Reader = Callable[[bytes], tuple[list[Found], int]]
FILES: dict[Source, tuple[str, Reader]] = {
    "cel": ("cel-custom/cel.csv", read_cel),
    "queue_log": ("queue_log", read_queue_log),
    "flow": ("flow.jsonl", read_flow),
}
_ROTATED = re.compile(r"[.-]\d[\d.T_-]*")


@dataclass(frozen=True)
class JournalFile:
    """A file of the journal: `fingerprint` of its first line, which never changes; `size` in bytes.

    The first line bears a moment and an id, so it tells the file from others wherever it is moved or copied to.
    """

    source: Source
    path: Path
    inode: int
    size: int
    fingerprint: str

    def read(self, offset: int) -> tuple[list[Found], int]:
        """The events after `offset`, with the bytes they start at, and the offset to go on from."""
        with self.path.open("rb") as file:
            if _fingerprint(file.readline(MAX_RECORD)) != self.fingerprint:
                return [], offset  # rotated away just now; the next look finds it under its new name
            file.seek(offset)
            data = file.read(CHUNK)
        found, taken = FILES[self.source][1](data)
        if not taken and len(data) == CHUNK:
            found, taken = [(0, unreadable(self.source, data))], len(data)
        return [(offset + start, event) for start, event in found], offset + taken

    def has_line(self, offset: int) -> bool:
        """Whether a whole line lies between `offset` and the end it had; a torn last one has no end to wait for."""
        with self.path.open("rb") as file:
            if _fingerprint(file.readline(MAX_RECORD)) != self.fingerprint:
                return True  # rotated away just now; the next look finds it under its new name
            file.seek(offset)
            return b"\n" in file.read(self.size - offset)


def journal_files(journal: Path) -> list[JournalFile]:
    """Every file that has a whole first line, of each source the oldest first. Raises OSError."""
    return [found for source in FILES for path in paths_of(journal, source) if (found := _look(source, path))]


def paths_of(journal: Path, source: Source) -> list[Path]:
    """The rotated files of a source, then the one being written."""
    current = journal / FILES[source][0]
    if not current.parent.is_dir():
        return []
    rotated = [
        path
        for path in current.parent.iterdir()
        if path.name.startswith(current.name) and _ROTATED.fullmatch(path.name[len(current.name) :])
    ]
    return [*sorted(rotated, key=lambda path: (path.stat().st_mtime_ns, path.name)), current]


def identities(files: Iterable[JournalFile], known: Mapping[str, int]) -> dict[JournalFile, str]:
    """The id of each file of one source; `known` are the ids seen before with their inodes.

    It is the fingerprint, wherever the file lies now (rotated, copied, restored); only where two files here
    begin with the very same line does the second one's inode tell them apart.
    """
    here = list(files)
    same = Counter(file.fingerprint for file in here)
    found: dict[JournalFile, str] = {}
    for file in here:
        own = f"{file.fingerprint}-{file.inode}"
        inode = known.get(file.fingerprint)
        twin = same[file.fingerprint] > 1 and (
            inode != file.inode if inode is not None else file.fingerprint in found.values()
        )
        found[file] = own if own in known or twin else file.fingerprint
    return found


def _look(source: Source, path: Path) -> JournalFile | None:
    try:
        with path.open("rb") as file:
            first = file.readline(MAX_RECORD)
            state = path.stat()
    except FileNotFoundError:
        return None
    if not first.endswith(b"\n") and len(first) < MAX_RECORD:
        return None
    return JournalFile(source, path, state.st_ino, state.st_size, _fingerprint(first))


def _fingerprint(first_line: bytes) -> str:
    return hashlib.sha256(first_line).hexdigest()[:16]
