"""Which prompts a caller has heard: the prompt's own sound is looked for in what came out of the phone, or in what
Asterisk sent to it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from ivr.demo.phone import Phone
from ivr.settings import StatePaths

_RATE = 8000
_ALIKE = 0.75
"""Correlation above which two sounds are the same one; two prompts stay below 0.4, but for short pieces."""
_SAME = 0.95
"""The same in a recording, in which nothing is lost on the way; pieces that end in the same word come to 0.85."""
_WINDOW = 1.0
"""Seconds of a prompt that are looked for; shorter ones are looked for whole."""
_PART = 0.5
"""Seconds of each part that a prompt is looked for in a recording: on a busy machine frames slip in it, and a part with
a slip is not found. A prompt was there when half of its parts are."""
_SHORT_PART = 0.3
"""Seconds of each part that a short prompt is looked for in what a phone has heard."""

Samples = npt.NDArray[np.float32]


class Ears:
    """What a phone has heard so far, or in its call that has ended."""

    def __init__(self, phone: Phone, paths: StatePaths, folder: Path) -> None:
        self._heard = _wav(phone.keep_heard(folder / f"heard-{phone.user}.wav"))
        self._prompts = paths.prompts
        self._exact = False

    @classmethod
    def of_call(cls, call_id: str, paths: StatePaths) -> "Ears":
        """What has been sent to a caller so far, in the call's recording; it is about two seconds behind the call."""
        ears = cls.__new__(cls)
        [recording] = paths.recordings.rglob(f"{call_id}-agent.wav")
        ears._heard, ears._prompts, ears._exact = _wav(recording), paths.prompts, True
        return ears

    def times(self, prompt: str, language: str = "zh-CN", *, torn: bool = False) -> list[float]:
        """When a prompt began, seconds into the call; empty when it was not heard.

        `torn`: also where a busy machine's phone has lost some frames of it, if half of its parts are there.
        """
        wanted, _ = soundfile.read(
            self._prompts / language / f"{prompt}.ulaw", samplerate=_RATE, channels=1, format="RAW", subtype="ULAW",
            dtype="float32",
        )  # fmt: skip
        if self._exact or torn:
            part, alike = (_PART, _SAME) if self._exact else (_SHORT_PART, _ALIKE)
            return [at / _RATE for at in self._found_in_parts(wanted, part, alike)]
        loudest = int(np.argmax(np.abs(wanted))) if len(wanted) > _RATE * _WINDOW else 0
        start = max(0, min(loudest - int(_RATE * _WINDOW / 2), len(wanted) - int(_RATE * _WINDOW)))
        piece = wanted[start : start + int(_RATE * _WINDOW)]
        return [(at - start) / _RATE for at in _found(self._heard, piece, _ALIKE)]

    def _found_in_parts(self, wanted: Samples, seconds: float, alike: float) -> list[int]:
        count = max(1, int(len(wanted) / (_RATE * seconds)))
        size = len(wanted) // count
        starts = sorted(
            at - part * size
            for part in range(count)
            for at in _found(self._heard, wanted[part * size : (part + 1) * size], alike)
        )
        return _gathered(starts, least=(count + 1) // 2, within=_RATE)


def _wav(file: Path) -> Samples:
    # The phone may still be writing: its header does not know yet how long it will be.
    samples = file.read_bytes()[44:]
    return np.frombuffer(samples[: len(samples) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)


def _found(heard: Samples, wanted: Samples, least: float) -> list[int]:
    """Where `wanted` lies in `heard`, by normalised cross-correlation."""
    if len(heard) < len(wanted):
        return []
    size = 1 << (len(heard) + len(wanted)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    power = np.concatenate([[0.0], np.cumsum(heard.astype(np.float64) ** 2)])
    local = np.sqrt(np.maximum(power[len(wanted) :] - power[: -len(wanted)], 1e-9))
    alike = product[: len(local)] / (local * np.linalg.norm(wanted))
    places: list[int] = []
    for at in np.flatnonzero(alike > least):
        if not places or at - places[-1] > len(wanted):
            places.append(int(at))
    return places


def _gathered(starts: list[int], least: int, within: int) -> list[int]:
    """Where at least so many of the sorted numbers lie close to each other; the first of each such group."""
    groups: list[list[int]] = []
    for start in starts:
        if groups and start - groups[-1][0] <= within:
            groups[-1].append(start)
        else:
            groups.append([start])
    return [group[0] for group in groups if len(group) >= least]
