"""What a waveform is drawn from: the loudest sample of each slice of a recording."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivr.calls.recordings import WavFacts, wav_facts

MAX_PEAKS = 1200
"""More than a screen shows."""

_FINEST = 0.02
"""Shortest slice, in seconds."""


@dataclass(frozen=True)
class Peaks:
    """Length in seconds; peak amplitude per slice, 0–100 of full scale."""

    seconds: float
    peaks: list[int]


def read_peaks(path: Path, max_peaks: int = MAX_PEAKS) -> Peaks:
    """Peaks of a recording, read slice by slice; one cut short gives what is there. Raises RecordingUnreadable."""
    facts = wav_facts(path)
    slice_samples = max(int(facts.sample_rate * _FINEST), -(-facts.samples // max_peaks), 1)
    peaks = [round(_loudest(piece) * 100 / 32768) for piece in _slices(facts, slice_samples)]
    return Peaks(round(facts.seconds, 3), peaks)


def _slices(facts: WavFacts, slice_samples: int) -> Iterator[bytes]:
    with facts.path.open("rb") as file:
        file.seek(facts.data_start)
        for start in range(0, facts.samples, slice_samples):
            piece = file.read(min(slice_samples, facts.samples - start) * 2)
            if len(piece) < 2:
                return
            yield piece[: len(piece) // 2 * 2]


def _loudest(piece: bytes) -> int:
    return int(np.abs(np.frombuffer(piece, dtype="<i2").astype(np.int32)).max())
