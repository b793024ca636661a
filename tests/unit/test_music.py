"""Hold music: the business's own recordings, or chords."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ivr.speech import audio
from ivr.speech.engines import Audio
from ivr.telephony.music import write_music

ENDINGS = {"ulaw", "alaw", "sln16"}


def heard(folder: Path, piece: str) -> npt.NDArray[np.float32]:
    samples, _ = soundfile.read(
        folder / f"{piece}.ulaw", samplerate=8000, channels=1, format="RAW", subtype="ULAW", dtype="float32"
    )
    return np.asarray(samples, dtype=np.float32)


def pieces(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def record(folder: Path, name: str, hertz: float = 440.0, level: float = 0.9) -> Path:
    """A loud stereo recording of 3 s at 44.1 kHz."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(3 * 44100) / 44100
    wave = level * np.sin(2 * np.pi * hertz * time)
    soundfile.write(folder / name, np.stack([wave, wave], axis=1), 44100)
    return folder / name


def loudness(samples: npt.NDArray[np.float32]) -> float:
    return audio.loudness(Audio(samples, 8000))


def test_without_recordings_there_are_soft_chords(tmp_path: Path) -> None:
    write_music(tmp_path / "music", [], tmp_path / "source")

    assert pieces(tmp_path / "music" / "default") == {f"chords.{ending}" for ending in ENDINGS}
    chords = heard(tmp_path / "music" / "default", "chords")
    assert 0 < np.abs(chords).max() < 0.2
    assert loudness(chords) < -25, "below the announcements of -23 LUFS"
    assert np.abs(chords[:80]).max() < 0.01 and np.abs(chords[-80:]).max() < 0.01, "no click where it begins again"


def test_a_business_hears_its_own_recordings_softly_in_place_of_the_chords(tmp_path: Path) -> None:
    write_music(tmp_path / "music", ["piano"], tmp_path / "source")
    record(tmp_path / "source" / "piano", "one.wav")
    record(tmp_path / "source" / "piano", "two.flac")
    write_music(tmp_path / "music", ["piano"], tmp_path / "source")

    assert pieces(tmp_path / "music" / "piano") == {f"{name}.{ending}" for name in ("one", "two") for ending in ENDINGS}
    assert loudness(heard(tmp_path / "music" / "piano", "one")) == pytest.approx(-31, abs=2)
    assert "chords.ulaw" in pieces(tmp_path / "music" / "default")


def test_a_recording_that_is_replaced_is_heard_anew_and_one_that_is_removed_no_more(tmp_path: Path) -> None:
    piano, music = tmp_path / "source" / "piano", tmp_path / "music"
    record(piano, "one.wav", hertz=440)
    gone = record(piano, "two.wav")
    write_music(music, ["piano"], tmp_path / "source")
    before = heard(music / "piano", "one")

    newer = record(piano, "one.wav", hertz=880)
    gone.unlink()
    written = (music / "piano" / "one.ulaw").stat().st_mtime
    os.utime(newer, (written + 10, written + 10))
    write_music(music, ["piano"], tmp_path / "source")

    assert not np.array_equal(before, heard(music / "piano", "one"))
    assert pieces(music / "piano") == {f"one.{ending}" for ending in ENDINGS}


def test_a_file_that_is_no_music_keeps_no_hotline_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "source" / "piano").mkdir(parents=True)
    (tmp_path / "source" / "piano" / "broken.mp3").write_bytes(b"not a sound")
    write_music(tmp_path / "music", ["piano"], tmp_path / "source")

    assert pieces(tmp_path / "music" / "piano") == {f"chords.{ending}" for ending in ENDINGS}
    assert "broken.mp3 is passed over" in caplog.text
    assert "prompts/music/piano has no recording" in caplog.text
