"""Whether a message that was left can be understood: long enough, and loud enough (S4, S12)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ivr.calls.line_sound import loud_frames

Verdict = Literal["good", "short", "quiet"]

_HEADER = 44
"""Bytes before the samples (16 bit, 8 kHz, mono). Their count in it is right only once Asterisk has closed the file."""
_BYTES_PER_SECOND = 16000
_FRAME_SECONDS = 0.02
_LEAST_VOICE = 0.4
"""Seconds louder than a silent line without which nobody can have said anything."""
_SETTLED = 0.3
_LONGEST_SETTLING = 3.0


@dataclass(frozen=True)
class Spoken:
    """A message as it was recorded: its file below the recordings, its seconds, whether it will do, and whether the
    caller has hung up in it."""

    recording: str
    seconds: float
    verdict: Verdict
    gone: bool


def judge_message(
    recordings: Path, recording: str, min_seconds: float, *, gone: bool, wait: Callable[[float], None] = time.sleep
) -> Spoken:
    """Look at a message that has just been recorded; one whose caller hung up is waited for until it is written."""
    file = recordings / recording
    if gone:
        _wait_until_written(file, wait)
    try:
        samples = file.read_bytes()[_HEADER:]
    except OSError:
        samples = b""
    seconds = len(samples) / _BYTES_PER_SECOND
    return Spoken(recording, round(seconds, 1), verdict(samples, min_seconds), gone)


def verdict(samples: bytes, min_seconds: float) -> Verdict:
    """`short`: put down before anything was said; `quiet`: long enough, but nothing of it can be heard."""
    if len(samples) / _BYTES_PER_SECOND < min_seconds:
        return "short"
    voice = loud_frames(samples[: len(samples) - len(samples) % 320]) * _FRAME_SECONDS
    return "good" if voice >= _LEAST_VOICE else "quiet"


def _wait_until_written(file: Path, wait: Callable[[float], None]) -> None:
    waited, size = 0.0, -1
    while waited < _LONGEST_SETTLING:
        now = file.stat().st_size if file.exists() else 0
        if now == size:
            return
        size = now
        wait(_SETTLED)
        waited += _SETTLED
