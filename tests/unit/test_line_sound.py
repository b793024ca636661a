"""Whether there is any sound on the line, from a recording that grows."""

import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.calls.line_sound import LineSound

RATE = 8000


def grow(file: Path, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    """What Asterisk does: the header first, then more and more samples."""
    if not file.exists():
        with wave.open(str(file), "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
    with file.open("ab") as out:
        out.write(samples.tobytes())


def noise(seconds: float, level: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """White noise; `level` of full scale."""
    random = np.random.default_rng(1).standard_normal(int(seconds * RATE))
    return np.clip(random * level * 32767, -32768, 32767).astype(np.int16)


def test_a_line_that_has_not_been_recorded_cannot_be_judged(tmp_path: Path) -> None:
    line = LineSound(tmp_path / "caller.wav")
    assert line.heard() is None
    grow(tmp_path / "caller.wav", noise(0, 0))
    assert line.heard() is None


@pytest.mark.parametrize("level", [0.0, 0.001, 0.003])
def test_silence_and_comfort_noise_are_no_sign_of_life(tmp_path: Path, level: float) -> None:
    grow(tmp_path / "caller.wav", noise(20, level))

    assert LineSound(tmp_path / "caller.wav").heard() is False


def test_a_click_is_no_sign_of_life(tmp_path: Path) -> None:
    grow(tmp_path / "caller.wav", noise(5, 0))
    grow(tmp_path / "caller.wav", noise(0.1, 0.3))

    assert LineSound(tmp_path / "caller.wav").heard() is False


def test_a_word_is_heard_as_soon_as_it_is_recorded_and_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "caller.wav"
    grow(file, noise(10, 0))
    line = LineSound(file)
    assert line.heard() is False
    grow(file, noise(0.5, 0.1))
    assert line.heard() is True
    grow(file, noise(60, 0))
    assert line.heard() is True


def test_a_word_that_comes_in_bits_is_heard_too(tmp_path: Path) -> None:
    file = tmp_path / "caller.wav"
    grow(file, noise(1, 0))
    line = LineSound(file)
    voice = noise(0.4, 0.1)
    for start in range(0, len(voice), 100):
        line.heard()
        grow(file, voice[start : start + 100])
    assert line.heard() is True
