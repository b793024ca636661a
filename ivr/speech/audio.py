"""From any sound to a prompt that a telephone plays: trimmed, levelled, in the formats of Asterisk.

Target loudness: −23 LUFS, measured by ITU-R BS.1770-4 with gating (EBU R 128) on the 8 kHz telephone band,
which is what most callers hear. It is R 128's own target, about 3 dB above the nominal active speech level
of telephone networks (−26 dBov, ITU-T P.56/G.191): clear in the street, no louder than the agent after it,
and far enough from full scale for G.711. Peaks stay below −3 dBFS.
"""

import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from ivr.errors import IvrError
from ivr.speech.engines import Audio, Samples

TARGET_LUFS = -23.0
TOLERANCE_LU = 1.5
PEAK_DBFS = -3.0
NARROW, WIDE = 8000, 16000
"""Hz: G.711 and wideband."""
FORMATS = (("ulaw", NARROW, "ULAW"), ("alaw", NARROW, "ALAW"), ("sln16", WIDE, "PCM_16"))
"""Asterisk's file name ending, rate in Hz, libsndfile's encoding; all raw, without a header."""
RECIPE = 1
"""Raised when the treatment below changes, so that prompts are made again."""

_SILENCE_DB = -40.0
"""A 10 ms frame this far below the loudest one is silence."""
_SHORTEST = 1.2
"""Seconds BS.1770 needs at least (its blocks last 0.4 s); shorter clips are measured in a loop."""


class AudioUnusable(IvrError):
    """A sound file that cannot be read, or in which nothing is heard."""


class SoundNotWritten(IvrError):
    """The disk refused a sound file: full, read-only, or another owner's."""


@dataclass(frozen=True)
class Ends:
    """Silence kept before and after the sound, in seconds."""

    head: float
    tail: float


SENTENCE = Ends(0.08, 0.15)
PIECE = Ends(0.02, 0.04)
"""Numbers and units are joined in a call; long ends would make the speaker halt."""


@dataclass(frozen=True)
class Finished:
    """A prompt ready to be written: both rates, loudness (LUFS), peak (dBFS), and what is doubtful."""

    narrow: Audio
    wide: Audio
    lufs: float
    peak_db: float
    warnings: tuple[str, ...] = ()


def read(path: Path) -> Audio:
    """Read WAV, FLAC or MP3 as mono; raises AudioUnusable naming the file."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioUnusable(f"{path}: not a sound that can be read: {error}", "save it as WAV or FLAC") from error
    return Audio(samples.mean(axis=1), int(rate))


def finish(audio: Audio, ends: Ends = SENTENCE) -> Finished:
    """Trim, level and resample; raises AudioUnusable when nothing is heard."""
    warnings = ("clipped in the original",) if clipped(audio.samples) else ()
    wide = trim(resample(audio, WIDE), ends)
    narrow = resample(wide, NARROW)
    gain = 10 ** ((TARGET_LUFS - loudness(narrow)) / 20)
    wide = _limit(wide, gain)
    narrow = _limit(narrow, gain)
    peak = 20 * float(np.log10(max(_peak(narrow), _peak(wide))))
    return Finished(narrow, wide, round(loudness(narrow), 1), round(peak, 1), warnings)


def resample(audio: Audio, rate: int) -> Audio:
    """Change the sample rate; soxr's best filter keeps everything above the new band out."""
    if audio.rate == rate:
        return audio
    return Audio(soxr.resample(audio.samples, audio.rate, rate, quality="VHQ").astype(np.float32), rate)


def trim(audio: Audio, ends: Ends) -> Audio:
    """Cut silence to `ends` (silence is added where there is less); raises AudioUnusable on silence alone."""
    frame = audio.rate // 100
    whole = audio.samples[: len(audio.samples) // frame * frame]
    power = np.square(whole.reshape(-1, frame)).mean(axis=1) if len(whole) else np.zeros(0)
    if len(power) == 0 or power.max() < 1e-8:
        raise AudioUnusable("Nothing is heard in the sound.", "record it again, or correct the prompt's text")
    heard = np.flatnonzero(power > power.max() * 10 ** (_SILENCE_DB / 10))
    head, tail = int(ends.head * audio.rate), int(ends.tail * audio.rate)
    start, end = int(heard[0]) * frame - head, (int(heard[-1]) + 1) * frame + tail
    kept = audio.samples[max(start, 0) : end]
    before, after = max(-start, 0), max(end - len(audio.samples), 0)
    return replace(audio, samples=np.pad(_faded(kept, audio.rate), (before, after)))


def loudness(audio: Audio) -> float:
    """Integrated loudness in LUFS (BS.1770-4, gated); a clip under 1.2 s is measured as if it were repeated."""
    # scipy's filters, which pyloudnorm needs, take half a second to load: only when something is made.
    import pyloudnorm

    samples = audio.samples
    if audio.seconds < _SHORTEST:
        samples = np.tile(samples, int(np.ceil(_SHORTEST / audio.seconds)))
    return float(pyloudnorm.Meter(audio.rate).integrated_loudness(samples.astype(np.float64)))


def clipped(samples: Samples) -> bool:
    """Whether the original was recorded too loud: three samples running at full scale."""
    full = np.abs(samples) >= 0.999
    return bool(np.any(full[2:] & full[1:-1] & full[:-2])) if len(samples) > 2 else False


def write(finished: Finished, base: Path) -> list[Path]:
    """Write `base`.ulaw, .alaw and .sln16, each at once or not at all; raises SoundNotWritten."""
    base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = []
    for ending, rate, encoding in FORMATS:
        sound = finished.narrow if rate == NARROW else finished.wide
        files.append(base.with_name(f"{base.name}.{ending}"))
        store(files[-1], sound, format="RAW", subtype=encoding, endian="LITTLE")
    return files


def store(path: Path, audio: Audio, **encoding: Any) -> None:
    """Write a sound file under a passing name, then rename it: a player never sees half a file.

    Raises SoundNotWritten; the old file stays.
    """
    # Two threads may speak one text at once: a notice in languages that have no words of their own for it.
    passing = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    try:
        soundfile.write(passing, audio.samples, audio.rate, **encoding)
        passing.replace(path)
    except (soundfile.SoundFileError, AssertionError, OSError) as error:
        # soundfile asserts that every frame was written, and libsndfile only says "System error": on a full disk.
        reason = getattr(error, "strerror", None) or "the disk is full, or refuses"
        raise SoundNotWritten(
            f"{path} cannot be written: {reason}.", "free some disk space, or check the folder's owner"
        ) from error
    finally:
        passing.unlink(missing_ok=True)


def _limit(audio: Audio, gain: float) -> Audio:
    """Apply `gain` and turn down, within 5 ms around it, what would exceed the peak limit."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    samples = audio.samples * np.float32(gain)
    ceiling = 10 ** (PEAK_DBFS / 20)
    if np.abs(samples).max() <= ceiling:
        return replace(audio, samples=samples)
    window = audio.rate // 200 | 1
    wanted = np.minimum(1.0, ceiling / np.maximum(np.abs(samples), 1e-9))
    smooth = uniform_filter1d(minimum_filter1d(wanted, 2 * window + 1), window)
    return replace(audio, samples=(samples * smooth).astype(np.float32))


def _faded(samples: Samples, rate: int) -> Samples:
    """5 ms fades: a cut in the middle of noise would click."""
    count = min(rate // 200, len(samples) // 2)
    ramp = np.linspace(0, 1, count, dtype=np.float32)
    faded = samples.copy()
    faded[:count] *= ramp
    faded[len(faded) - count :] *= ramp[::-1]
    return faded


def _peak(audio: Audio) -> float:
    return float(np.abs(audio.samples).max())
