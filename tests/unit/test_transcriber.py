"""Recordings into words: the real Vosk with the demonstration model, and children that misbehave."""

import os
import signal
import struct
import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Voice
from ivr.speech.engines import EngineUnavailable
from ivr.speech.espeak import Espeak
from ivr.speech.models import DEMONSTRATION_NAME, DEMONSTRATION_PATH, SpeechModel
from ivr.speech.transcriber import (
    ModelDoesNotLoad,
    RecordingUnusable,
    Transcriber,
    TranscriptionCrashed,
    join_words,
    transcribe,
)
from ivr.speech.words import Word
from ivr.tools import ToolMissing, tool

RATE = 8000
MODEL = SpeechModel(DEMONSTRATION_PATH, DEMONSTRATION_NAME, True)
OPENING = "您好，请问有什么可以帮您？"
REFUSAL = "没有办法。"


def speak(text: str) -> np.ndarray:
    """The agent of the demonstration through a telephone line: espeak-ng, 8 kHz, µ-law (ITU-T G.711)."""
    try:
        voice = Voice(edge="zh-CN-YunxiNeural", espeak="cmn-latn-pinyin+m3", espeak_rate=150)
        audio = Espeak(tool("espeak-ng")).speak(text, "zh-CN", voice)
    except (ToolMissing, EngineUnavailable) as missing:
        pytest.skip(f"espeak-ng is absent: {missing}")
    return np.asarray(soxr.resample(audio.samples, audio.rate, RATE)) * 0.7


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of silence, the opening, a pause, the refusal."""
    folder = tmp_path_factory.mktemp("recordings")
    sound = np.concatenate([silence(2), speak(OPENING), silence(1), speak(REFUSAL)])
    soundfile.write(folder / "line.wav", sound, RATE, subtype="ULAW")
    heard, _ = soundfile.read(folder / "line.wav")
    soundfile.write(folder / "call-agent.wav", heard, RATE, subtype="PCM_16")
    return folder / "call-agent.wav"


def test_agent_on_a_telephone_line_is_written_down_with_times_from_the_recordings_start(recording: Path) -> None:
    words = transcribe(recording, MODEL)
    text = join_words(words)
    assert "请问有什么可以帮您" in text
    assert "没有办法" in text
    assert words[0].start > 1.9
    assert all(before.end <= after.start + 0.05 for before, after in pairwise(words))
    assert all(0 <= word.confidence <= 1 and word.start < word.end for word in words)


def test_only_the_given_window_is_heard_and_its_times_stay_those_of_the_recording(recording: Path) -> None:
    with Transcriber(MODEL) as transcriber:
        whole = transcriber.transcribe(recording)
        refusal = next(word for word in whole.words if word.word.startswith("没有"))
        late = transcriber.transcribe(recording, [(refusal.start - 0.5, 1e9)])
        assert join_words(late.words) == "没有办法"
        assert abs(late.words[0].start - refusal.start) < 0.2
        assert transcriber.transcribe(recording, [(1e6, 1e9)]).words == ()


def test_last_word_of_a_recording_that_ends_at_once_is_not_lost(tmp_path: Path) -> None:
    sound = speak("感谢您的来电，再见。")
    last = int(np.flatnonzero(np.abs(sound) > 0.01)[-1])
    soundfile.write(tmp_path / "a.wav", sound[: last + 1], RATE, subtype="PCM_16")
    assert join_words(transcribe(tmp_path / "a.wav", MODEL)).endswith("再见")


def test_one_child_serves_many_recordings_and_is_replaced_after_its_share(recording: Path) -> None:
    with Transcriber(MODEL, jobs_per_child=2) as transcriber:
        pids = []
        for _ in range(3):
            transcriber.transcribe(recording, [(0.0, 1.0)])
            pids.append(transcriber.child_pid)
    assert pids[0] == pids[1] != pids[2]


def test_recording_cut_short_by_a_full_disk_gives_the_words_that_are_there(recording: Path, tmp_path: Path) -> None:
    whole = recording.read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: 44 + 5 * RATE * 2 + 1])
    with Transcriber(MODEL) as transcriber:
        heard = transcriber.transcribe(cut)
    assert heard.cut_short
    assert heard.seconds == pytest.approx(5, abs=0.01)
    assert heard.declared == pytest.approx((len(whole) - 44) / 2 / RATE)
    assert join_words(heard.words).startswith("您好请问")


def test_recording_whose_writer_died_before_noting_its_length_is_heard_all_the_same(
    recording: Path, tmp_path: Path
) -> None:
    whole = recording.read_bytes()
    unfinished = tmp_path / "unfinished.wav"
    unfinished.write_bytes(whole[:40] + struct.pack("<I", 0) + whole[44:])
    assert join_words(transcribe(unfinished, MODEL)) == join_words(transcribe(recording, MODEL))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cut short within its header"),
        (b"This is a letter and not a recording of anything.", "it is not a wav recording"),
        (b"RIFF\x24\x00\x00\x00WAVEdata\x00\x00\x00\x00", "not a wav recording"),
    ],
)
def test_file_that_is_no_recording_is_one_clear_line_and_the_next_one_is_heard(
    recording: Path, tmp_path: Path, content: bytes, why: str
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(content)
    with Transcriber(MODEL) as transcriber:
        with pytest.raises(RecordingUnusable, match=why):
            transcriber.transcribe(bad)
        assert transcriber.transcribe(recording, [(0.0, 4.0)]).words


def test_recording_without_a_single_sample_or_gone_is_one_clear_line(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE, subtype="PCM_16")
    with Transcriber(MODEL) as transcriber:
        with pytest.raises(RecordingUnusable, match="it holds no sound"):
            transcriber.transcribe(tmp_path / "none.wav")
        with pytest.raises(RecordingUnusable, match="is not there"):
            transcriber.transcribe(tmp_path / "gone.wav")


def test_child_killed_while_it_hears_is_a_crash_and_the_next_recording_is_heard(recording: Path) -> None:
    with Transcriber(MODEL) as transcriber:
        transcriber.transcribe(recording, [(0.0, 1.0)])
        pid = transcriber.child_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(TranscriptionCrashed, match="signal 9"):
            transcriber.transcribe(recording)
        killer.join()
        assert "请问" in join_words(transcriber.transcribe(recording).words)


def child(tmp_path: Path, program: str) -> list[str]:
    (tmp_path / "child.py").write_text(f"import json, os, sys, time\n{program}\n")
    return [sys.executable, str(tmp_path / "child.py")]


READY = "print(json.dumps({'ready': True}), flush=True)\nsys.stdin.readline()\n"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (READY + "os.abort()", "signal 6"),
        (READY + "print('LOG (VoskAPI) hello', flush=True); time.sleep(60)", "nonsense"),
        (READY + "print('[1, 2]', flush=True); time.sleep(60)", "nonsense"),
        (READY + 'print(\'{"words": [{"word": 1}]}\', flush=True); time.sleep(60)', "nonsense"),
        (READY + "sys.exit('ASSERTION_FAILED')", "exit code 1: ASSERTION_FAILED"),
        (READY + "time.sleep(60)", "longer than"),
    ],
)
def test_child_that_misbehaves_is_a_crash_with_its_reason(
    recording: Path, tmp_path: Path, program: str, why: str
) -> None:
    command = child(tmp_path, program)
    with (
        Transcriber(MODEL, command=command, grace=0.5, seconds_per_second=0) as transcriber,
        pytest.raises(TranscriptionCrashed, match=why) as error,
    ):
        transcriber.transcribe(recording)
    assert not isinstance(error.value, ModelDoesNotLoad)
    assert "\n" not in str(error.value)


def test_model_at_which_vosk_aborts_is_no_recordings_fault(recording: Path, tmp_path: Path) -> None:
    for name in ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/HCLG.fst"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with Transcriber(SpeechModel(tmp_path, "hollow")) as transcriber, pytest.raises(ModelDoesNotLoad):
        transcriber.transcribe(recording)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["您好", "请问", "有", "什么"], "您好请问有什么"),
        (["thank", "you", "for", "calling"], "thank you for calling"),
        (["请", "按", "OK", "键"], "请按OK键"),
        (["工号", "1001", "1002"], "工号1001 1002"),
        ([], ""),
    ],
)
def test_words_are_joined_as_people_write_them(words: list[str], text: str) -> None:
    assert join_words(Word(word, 0, 1, 1) for word in words) == text


@given(st.lists(st.text(alphabet="您好请问不行再见", min_size=1, max_size=4)))
def test_han_words_are_joined_without_a_blank_and_nothing_is_lost(words: list[str]) -> None:
    assert join_words(Word(word, 0, 1, 1) for word in words) == "".join(words)
