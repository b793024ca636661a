"""Hold music of our own: slow, soft chords, made by arithmetic, so that no licence is needed."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

_RATE = 16000
_CHORD_SECONDS = 4.0
_CHORDS = (
    (261.63, 329.63, 392.00),
    (220.00, 261.63, 329.63),
    (174.61, 220.00, 261.63),
    (196.00, 246.94, 293.66),
)
"""C, A minor, F, G; Hz."""
_LEVEL = 0.05
"""Of full scale: clearly below the announcements, so that nothing is shouted over."""

_FORMATS = (("ulaw", 8000, "ULAW"), ("alaw", 8000, "ALAW"), ("sln16", 16000, "PCM_16"))
"""Asterisk's file name ending, rate in Hz, libsndfile's encoding; raw, as the prompts are."""


def write_music(folder: Path) -> None:
    """Write the music into `folder` in the formats that avoid transcoding, unless it is there."""
    targets = [(folder / f"chords.{ending}", rate, encoding) for ending, rate, encoding in _FORMATS]
    if all(target.exists() for target, _, _ in targets):
        return
    wide = _chords()
    for target, rate, encoding in targets:
        draft = target.with_suffix(".new")
        # Every second sample is enough: no tone comes near 4 kHz.
        soundfile.write(draft, wide[:: _RATE // rate], rate, format="RAW", subtype=encoding)
        draft.replace(target)


def _chords() -> npt.NDArray[np.float64]:
    count = int(_RATE * _CHORD_SECONDS)
    time = np.arange(count) / _RATE
    swell = np.sin(np.pi * time / _CHORD_SECONDS) ** 2
    return np.concatenate(
        [
            _LEVEL * swell * sum(np.sin(2 * np.pi * tone * time) for tone in chord)
            for chord in (*_CHORDS, *_CHORDS[:2], *_CHORDS[2:])
        ]
    )
