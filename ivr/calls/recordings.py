"""The recordings of calls: finding a leg's file safely, its length, and mending what a crash cut short."""

import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from ivr.errors import IvrError
from ivr.store.models import ROLES

log = logging.getLogger(__name__)

_RIFF_HEADER = 12
_CHUNK_HEADER = 8


class RecordingMissing(IvrError):
    """The leg's recording is not there, or lies outside the recordings folder."""


class RecordingUnreadable(IvrError):
    """The file is no 16-bit PCM recording."""


@dataclass(frozen=True)
class WavFacts:
    """A mono 16-bit recording: where its samples are and how many. `complete`: the header was written at the end.

    Asterisk writes the header's length when a recording ends; after a crash it is 0 and the file's own
    length counts.
    """

    path: Path
    sample_rate: int
    data_start: int
    samples: int
    complete: bool

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate


def resolve(recordings: Path, relative: str) -> Path:
    """The file of a leg inside the recordings folder; raises RecordingMissing when absent or outside."""
    root = recordings.resolve()
    try:
        path = (root / relative).resolve()
        if path.is_relative_to(root) and path.is_file():
            return path
    except (OSError, ValueError):
        pass
    raise RecordingMissing(
        "The recording is not in the recordings folder.", "it may have been deleted when its time was over"
    )


def find_recordings(recordings: Path, call_id: str, told: Mapping[str, str], start: datetime) -> dict[str, str]:
    """The legs' files that exist, relative to the folder: where the journal says, else where the house rule puts them.

    The rule is YYYY/MM/DD/<call id>-<name>.wav, the day of the call's start, whatever zone Asterisk counts in. A
    message or a comment is one that the journal tells of: what a caller began and gave up lies there too.
    """
    found: dict[str, str] = {}
    days = [start + timedelta(days=shift) for shift in (0, 1, -1)]
    for name in (*ROLES, *(name for name in told if name not in ROLES)):
        usual = [f"{day:%Y/%m/%d}/{call_id}-{name}.wav" for day in days]
        for relative in [told[name]] if name in told else usual:
            try:
                resolve(recordings, relative)
            except RecordingMissing:
                continue
            found[name] = relative
            break
    return found


def wav_facts(path: Path) -> WavFacts:
    """Read the header, and mend in thought what a crash left in it; raises RecordingUnreadable."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            sample_rate, start, told = _header(file)
    except (OSError, struct.error, ValueError) as error:
        raise RecordingUnreadable(f"{path.name} is no 16-bit mono recording.", "look at the file itself") from error
    there = max(0, size - start)
    complete = told == there or (0 < told < there)
    return WavFacts(path, sample_rate, start, (told if complete else there) // 2, complete)


def _header(file: IO[bytes]) -> tuple[int, int, int]:
    riff = file.read(_RIFF_HEADER)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise ValueError("not RIFF/WAVE")
    sample_rate = 0
    while True:
        name, length = struct.unpack("<4sI", file.read(_CHUNK_HEADER))
        if name == b"data":
            if not sample_rate:
                raise ValueError("samples before their format")
            return sample_rate, file.tell(), length
        if name == b"fmt ":
            form, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", file.read(length)[:16])
            if (form, channels, bits) != (1, 1, 16) or not sample_rate:
                raise ValueError("not 16-bit mono PCM")
        else:
            file.seek(length + length % 2, 1)


def mend(facts: WavFacts) -> WavFacts:
    """Write the lengths that a crash left out of the header, so that every player knows them; the sound stays."""
    if facts.complete:
        return facts
    length = facts.samples * 2
    try:
        with facts.path.open("r+b") as file:
            file.seek(4)
            file.write(struct.pack("<I", facts.data_start - _CHUNK_HEADER + length))
            file.seek(facts.data_start - 4)
            file.write(struct.pack("<I", length))
    except OSError as error:
        log.warning("A recording's header stays as it is: %s", error.strerror)
        return facts
    return replace(facts, complete=True)
