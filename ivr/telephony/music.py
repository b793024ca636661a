"""Hold music: the business's own recordings, or slow, soft chords made by arithmetic, so that no licence is needed."""

import logging
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from ivr.settings import ROOT
from ivr.speech import audio
from ivr.speech.audio import AudioUnusable
from ivr.speech.engines import Audio

MUSIC = ROOT / "prompts" / "music"
"""One folder a name (`music:` of a queue) with recordings of any rate; `default` is the chords unless it is there."""

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
_LOUDNESS = -31.0
"""LUFS of recorded music, 8 below the announcements."""

_FORMATS = (("ulaw", 8000, "ULAW"), ("alaw", 8000, "ALAW"), ("sln16", 16000, "PCM_16"))
"""Asterisk's file name ending, rate in Hz, libsndfile's encoding; raw, as the prompts are."""
_RECORDED = {".wav", ".flac", ".mp3", ".ogg"}

logger = logging.getLogger(__name__)


def write_music(folder: Path, names: Collection[str], source: Path = MUSIC) -> None:
    """Write each name's music into `folder`/name in the formats that avoid transcoding, unless it is there.

    A name without usable recordings has the chords: music that is missing must not keep a hotline from starting.
    """
    for name in {"default", *names}:
        target = folder / name
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        pieces = sorted(file for file in (source / name).glob("*") if file.suffix.lower() in _RECORDED)
        written = [_write_recorded(file, target) for file in pieces]
        if not any(written):
            if name != "default":
                logger.warning("prompts/music/%s has no recording; its callers hear the chords", name)
            _write(target / "chords", lambda: (_chords(), _RATE))
            continue
        for leftover in target.iterdir():
            if leftover.stem not in {file.stem for file in pieces}:
                leftover.unlink()


def _write_recorded(file: Path, target: Path) -> bool:
    base = target / file.stem
    newest = base.with_suffix(".ulaw")
    if newest.exists() and newest.stat().st_mtime < file.stat().st_mtime:
        newest.unlink()
    try:
        _write(base, lambda: _softened(file))
    except (AudioUnusable, OSError) as error:
        logger.warning("%s is passed over: %s", file.name, error)
        return False
    return True


def _softened(file: Path) -> tuple[npt.NDArray[np.float64], int]:
    sound = audio.resample(audio.read(file), _RATE)
    gain = 10 ** ((_LOUDNESS - audio.loudness(sound)) / 20)
    return np.clip(sound.samples.astype(np.float64) * gain, -0.7, 0.7), _RATE


def _write(base: Path, make: Callable[[], tuple[npt.NDArray[np.float64], int]]) -> None:
    targets = [(base.with_name(f"{base.name}.{ending}"), rate, encoding) for ending, rate, encoding in _FORMATS]
    if all(target.exists() for target, _, _ in targets):
        return
    samples, wide = make()
    narrow = audio.resample(Audio(samples.astype(np.float32), wide), 8000).samples
    for target, rate, encoding in targets:
        draft = target.with_suffix(".new")
        soundfile.write(draft, narrow if rate == 8000 else samples, rate, format="RAW", subtype=encoding)
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
