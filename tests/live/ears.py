"""Which prompts a phone has heard: the prompt's own sound is looked for in what came out of the phone."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from ivr.demo.phone import Phone
from ivr.settings import StatePaths

_RATE = 8000
_ALIKE = 0.75
"""Correlation above which two sounds are the same one; a prompt and another one stay below 0.4."""
_WINDOW = 1.0
"""Seconds of a prompt that are looked for; shorter ones are looked for whole."""

Samples = npt.NDArray[np.float32]


class Ears:
    """What a phone has heard so far, or in its call that has ended."""

    def __init__(self, phone: Phone, paths: StatePaths, folder: Path) -> None:
        self._heard = _wav(phone.keep_heard(folder / f"heard-{phone.user}.wav"))
        self._prompts = paths.prompts

    def times(self, prompt: str, language: str = "zh-CN") -> list[float]:
        """When a prompt began, seconds into the call; empty when it was not heard."""
        wanted, _ = soundfile.read(
            self._prompts / language / f"{prompt}.ulaw", samplerate=_RATE, channels=1, format="RAW", subtype="ULAW",
            dtype="float32",
        )  # fmt: skip
        loudest = int(np.argmax(np.abs(wanted))) if len(wanted) > _RATE * _WINDOW else 0
        start = max(0, min(loudest - int(_RATE * _WINDOW / 2), len(wanted) - int(_RATE * _WINDOW)))
        return [(at - start) / _RATE for at in _found(self._heard, wanted[start : start + int(_RATE * _WINDOW)])]


def _wav(file: Path) -> Samples:
    # The phone may still be writing: its header does not know yet how long it will be.
    return (
        np.frombuffer(file.read_bytes()[44:][: (file.stat().st_size - 44) // 2 * 2], "<i2").astype(np.float32) / 32768
    )


def _found(heard: Samples, wanted: Samples) -> list[int]:
    """Where `wanted` lies in `heard`, by normalised cross-correlation."""
    if len(heard) < len(wanted):
        return []
    size = 1 << (len(heard) + len(wanted)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    power = np.concatenate([[0.0], np.cumsum(heard.astype(np.float64) ** 2)])
    local = np.sqrt(np.maximum(power[len(wanted) :] - power[: -len(wanted)], 1e-9))
    alike = product[: len(local)] / (local * np.linalg.norm(wanted))
    places: list[int] = []
    for at in np.flatnonzero(alike > _ALIKE):
        if not places or at - places[-1] > len(wanted):
            places.append(int(at))
    return places
