"""Sound for telephones: level, ends, band, and files that are whole or absent."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.speech import audio
from ivr.speech.audio import AudioUnusable, SoundNotWritten
from ivr.speech.engines import Audio, Samples


def hum(seconds: float, rate: int = 22050, level: float = 0.1, hertz: float = 400) -> Samples:
    """A voice-like sound: some harmonics, swelling four times a second."""
    time = np.arange(int(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3, 5))
    return (level * tone * (1 + 0.5 * np.sin(2 * np.pi * 4 * time))).astype(np.float32)


def silence(seconds: float, rate: int = 22050) -> Samples:
    return np.zeros(int(seconds * rate), np.float32)


def read_raw(path: Path, rate: int, subtype: str) -> Samples:
    samples, _ = soundfile.read(
        path, samplerate=rate, channels=1, format="RAW", subtype=subtype, endian="LITTLE", dtype="float32"
    )
    return np.asarray(samples, np.float32)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.15, 4), st.floats(0.003, 0.3), st.sampled_from([8000, 16000, 22050, 24000, 44100]))
def test_quiet_and_loud_short_and_long_prompts_come_out_equally_loud(seconds: float, level: float, rate: int) -> None:
    finished = audio.finish(Audio(hum(seconds, rate, level), rate))
    assert abs(finished.lufs - audio.TARGET_LUFS) < audio.TOLERANCE_LU
    assert finished.peak_db <= audio.PEAK_DBFS + 0.1


def test_one_syllable_too_short_for_the_standards_gate_is_still_levelled() -> None:
    finished = audio.finish(Audio(hum(0.2), 22050), audio.PIECE)
    assert finished.narrow.seconds < 0.4
    assert abs(finished.lufs - audio.TARGET_LUFS) < audio.TOLERANCE_LU


@pytest.mark.parametrize("ends", [audio.SENTENCE, audio.PIECE])
@pytest.mark.parametrize("padding", [0.0, 0.05, 1.0])
def test_silence_at_the_ends_is_what_was_asked_for(padding: float, ends: audio.Ends) -> None:
    sound = np.concatenate([silence(padding), hum(1.0), silence(padding)])
    finished = audio.finish(Audio(sound, 22050), ends)
    assert finished.narrow.seconds == pytest.approx(1.0 + ends.head + ends.tail, abs=0.03)
    head = finished.narrow.samples[: int((ends.head - 0.01) * 8000)]
    assert np.abs(head).max() < 0.01


def test_pause_inside_a_sentence_stays() -> None:
    sound = np.concatenate([hum(0.5), silence(0.6), hum(0.5)])
    assert audio.finish(Audio(sound, 22050)).narrow.seconds == pytest.approx(1.83, abs=0.03)


def test_sound_above_the_telephone_band_does_not_fold_back_into_it() -> None:
    time = np.arange(48000) / 48000
    hiss = (0.3 * np.sin(2 * np.pi * 5500 * time)).astype(np.float32)
    kept = audio.resample(Audio(hiss, 48000), 8000).samples[400:-400]
    assert np.abs(kept).max() < 0.3 * 10 ** (-80 / 20)


def test_peaks_are_turned_down_without_clipping() -> None:
    clicks = hum(2.0, level=0.01)
    clicks[::4410] = 0.9
    finished = audio.finish(Audio(clicks, 22050))
    assert finished.peak_db <= audio.PEAK_DBFS + 0.1
    assert not audio.clipped(finished.narrow.samples)


def test_recording_made_too_loud_is_reported() -> None:
    too_loud = np.clip(hum(1.0, level=2.0), -1, 1)
    assert audio.finish(Audio(too_loud, 22050)).warnings == ("clipped in the original",)


@pytest.mark.parametrize("samples", [silence(1.0), silence(0.0), np.full(22050, 1e-6, np.float32)])
def test_prompt_in_which_nothing_is_heard_is_refused(samples: Samples) -> None:
    with pytest.raises(AudioUnusable, match="Nothing is heard"):
        audio.finish(Audio(samples, 22050))


def test_all_formats_of_asterisk_lie_side_by_side_and_hold_the_same_sound(tmp_path: Path) -> None:
    finished = audio.finish(Audio(hum(1.0), 22050))
    files = audio.write(finished, tmp_path / "zh-CN" / "greeting")
    assert [file.name for file in files] == ["greeting.ulaw", "greeting.alaw", "greeting.sln16"]
    assert sorted(file.name for file in (tmp_path / "zh-CN").iterdir()) == sorted(f.name for f in files)
    for file, (_, rate, subtype) in zip(files, audio.FORMATS, strict=True):
        expected = (finished.narrow if rate == 8000 else finished.wide).samples
        written = read_raw(file, rate, subtype)
        assert len(written) == len(expected)
        noise = written - expected
        assert 10 * np.log10(np.square(expected).mean() / np.square(noise).mean()) > 30


def test_g711_code_words_are_those_of_the_recommendation(tmp_path: Path) -> None:
    """G.711: µ-law silence is 0xFF, A-law silence 0xD5, full scale 0x80/0x00 and 0xAA/0x2A."""
    levels = Audio(np.array([0.0, 1.0, -1.0], np.float32), 8000)
    for subtype, words in (("ULAW", b"\xff\x80\x00"), ("ALAW", b"\xd5\xaa\x2a")):
        audio.store(tmp_path / subtype, levels, format="RAW", subtype=subtype)
        assert (tmp_path / subtype).read_bytes() == words


def test_16_khz_file_is_signed_16_bit_little_endian(tmp_path: Path) -> None:
    audio.store(
        tmp_path / "x.sln16",
        Audio(np.array([0.5], np.float32), 16000),
        format="RAW",
        subtype="PCM_16",
        endian="LITTLE",
    )
    assert (tmp_path / "x.sln16").read_bytes() == (16384).to_bytes(2, "little")


def test_full_disk_leaves_the_old_file_and_no_scraps(tmp_path: Path) -> None:
    path = tmp_path / "greeting.ulaw"
    path.write_bytes(b"good")
    # Where the new file would be written, the disk is full.
    (tmp_path / f".{path.name}.{os.getpid()}.{threading.get_ident()}.new").symlink_to("/dev/full")
    with pytest.raises(SoundNotWritten, match=r"greeting\.ulaw"):
        audio.store(path, Audio(hum(3), 22050), format="RAW", subtype="ULAW")
    assert path.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [path]


def test_stereo_studio_recording_is_read_as_mono(tmp_path: Path) -> None:
    path = tmp_path / "studio.flac"
    soundfile.write(path, np.stack([hum(0.5, 44100), hum(0.5, 44100)], axis=1), 44100)
    read = audio.read(path)
    assert read.rate == 44100
    assert read.samples.shape == (22050,)


def test_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF but no more")
    with pytest.raises(AudioUnusable, match=r"x\.wav"):
        audio.read(tmp_path / "x.wav")


def test_threads_that_write_one_sound_at_once_leave_it_whole(tmp_path: Path) -> None:
    sound, path = Audio(silence(10, 8000), 8000), tmp_path / "sound.flac"
    with ThreadPoolExecutor(8) as threads:
        for written in [threads.submit(audio.store, path, sound, format="FLAC") for _ in range(64)]:
            written.result()
    assert soundfile.info(path).frames == 80000
    assert list(tmp_path.iterdir()) == [path]
