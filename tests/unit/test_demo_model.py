"""The demonstration model: what is shipped, what it hears, and the binary format it is written in."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ivr.tools import ToolMissing, tool
from tools.demo_model.kaldi_io import KaldiFormatError, KaldiReader, KaldiWriter
from tools.demo_model.language_model import START, estimate
from tools.demo_model.phones import PDF_COUNT, PDFS, phone_table, syllable_phones, transition_ids
from tools.demo_model.synth import Speaker

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "ivr" / "speech" / "demo-zh"
RATE, TELEPHONE_RATE = 16000, 8000
PAUSE = np.zeros(RATE // 2, np.float32)

# ------------------------------------------------------------------------------------------ what is shipped


def test_model_is_small_enough_for_the_repository() -> None:
    sizes = [path.stat().st_size for path in MODEL.rglob("*") if path.is_file()]
    assert sum(sizes) <= 4 * 1024 * 1024
    assert max(sizes) <= 2000 * 1024


def test_model_says_in_its_own_folder_that_it_is_only_a_demonstration() -> None:
    text = (MODEL / "README").read_text(encoding="utf-8")
    assert "knows the demonstration's voices and words only" in text
    assert "`ivr models get` installs the real one" in text


def test_model_knows_the_words_of_the_business() -> None:
    known = {line.split()[0] for line in (MODEL / "graph/words.txt").read_text(encoding="utf-8").splitlines()}
    assert {"安行", "售后服务", "工号", "幺", "预约", "知道", "再见"} <= known


def test_acoustic_model_reads_back_with_our_own_reader() -> None:
    reader = KaldiReader((MODEL / "am/final.mdl").read_bytes())
    reader.expect("<TransitionModel>", "<Topology>")
    assert reader.integers() == list(range(1, len(phone_table()) + 1))


# ------------------------------------------------------------------------------------------ what it hears


@dataclass
class Listener:
    """Real Vosk with the shipped model."""

    vosk: Any
    model: Any

    def words(self, samples: np.ndarray) -> list[dict[str, Any]]:
        """Words of 16 kHz samples in int16 scale."""
        recogniser = self.vosk.KaldiRecognizer(self.model, RATE)
        recogniser.SetWords(True)
        recogniser.AcceptWaveform(np.clip(samples, -32768, 32767).astype("<i2").tobytes())
        return list(json.loads(recogniser.FinalResult()).get("result", []))

    def text(self, samples: np.ndarray) -> str:
        return "".join(word["word"] for word in self.words(samples))


@pytest.fixture(scope="module")
def listener() -> Listener:
    import vosk

    vosk.SetLogLevel(-1)
    return Listener(vosk, vosk.Model(str(MODEL)))


@pytest.fixture(scope="module")
def speaker() -> Any:
    try:
        tool("espeak-ng")
    except ToolMissing as missing:
        pytest.skip(f"no voice to listen to: {missing}")
    with Speaker() as running:
        yield running


def _by_telephone(speaker: Speaker, text: str, variant: str) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Speech through an 8 kHz µ-law line at 16 kHz, and the time of each phoneme in seconds."""
    spoken = speaker.say(text, variant, rate=160)
    narrow = soxr.resample(spoken.samples.astype(np.float32), spoken.rate, TELEPHONE_RATE)
    size = np.clip(np.abs(narrow / np.abs(narrow).max() * 0.4), 0, 1)
    code = np.round(np.log1p(255 * size) / math.log(256) * 127) / 127
    line = np.sign(narrow) * (256**code - 1) / 255 * 32767
    wide = soxr.resample(line.astype(np.float32), TELEPHONE_RATE, RATE)
    offset = len(PAUSE) / RATE
    events = [(offset + sample / spoken.rate, name) for sample, name in spoken.events]
    return np.concatenate([PAUSE, wide, PAUSE]), events


@pytest.mark.parametrize(
    ("variant", "sentence"),
    [
        ("f2", "您好安行汽车售后服务中心工号幺零零幺为您服务请问有什么可以帮您"),
        ("f2", "感谢您的来电再见"),
        ("m3", "我想问一下我的车修好了没有"),
        ("m3", "没有了谢谢再见"),
        ("f1", "这个我不知道你急什么"),
    ],
)
def test_what_an_espeak_voice_says_on_the_telephone_is_written_down(
    listener: Listener, speaker: Speaker, variant: str, sentence: str
) -> None:
    sound, _ = _by_telephone(speaker, sentence, variant)
    assert listener.text(sound) == sentence


def test_words_come_with_times_within_50_ms_and_confidence(listener: Listener, speaker: Speaker) -> None:
    sound, events = _by_telephone(speaker, "感谢您的来电再见", "f2")
    words = listener.words(sound)
    spoken_from = next(at for at, name in events if not name.startswith("_"))
    spoken_to = next(at for at, name in reversed(events) if not name.startswith("_"))
    assert abs(words[0]["start"] - spoken_from) <= 0.05
    assert words[-1]["start"] < spoken_to < words[-1]["end"] + 0.05
    assert all(a["end"] <= b["start"] + 1e-6 for a, b in pairwise(words))
    assert all(0.5 < word["conf"] <= 1.0 for word in words)


def test_words_after_a_long_pause_keep_their_time(listener: Listener, speaker: Speaker) -> None:
    sound, _ = _by_telephone(speaker, "再见", "f2")
    silence = np.zeros(20 * RATE, np.float32)
    words = listener.words(np.concatenate([silence, sound]))
    assert [word["word"] for word in words] == ["再见"]
    assert 20.4 < words[0]["start"] < 20.7


@pytest.mark.parametrize("kind", ["digital silence", "line noise", "loud noise", "tone"])
def test_where_nobody_speaks_no_words_are_heard(listener: Listener, kind: str) -> None:
    count = 15 * RATE
    white = np.random.default_rng(1).standard_normal(count)
    sounds = {
        "digital silence": np.zeros(count),
        "line noise": white * 30,
        "loud noise": white * 2000,
        "tone": 4000 * np.sin(2 * np.pi * 450 * np.arange(count) / RATE),
    }
    assert listener.text(sounds[kind]) == ""


# ------------------------------------------------------------------------------------------ the format

INT32 = st.integers(-(2**31), 2**31 - 1)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(INT32, st.lists(INT32), FLOAT32, st.floats(allow_nan=False), st.lists(FLOAT32))
def test_kaldi_primitives_come_back_as_they_were_written(
    integer: int, integers: list[int], single: float, double: float, vector: list[float]
) -> None:
    out = KaldiWriter()
    out.token("<Test>")
    out.integer(integer)
    out.integers(integers)
    out.single(single)
    out.double(double)
    out.vector(vector)
    reader = KaldiReader(bytes(out.data))
    reader.expect("<Test>")
    assert reader.integer() == integer
    assert reader.integers() == integers
    assert reader.single() == single
    assert reader.double() == double
    assert reader.vector().tolist() == vector
    assert reader.at_end


@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(-8, 8, width=32)))
def test_matrices_come_back_exactly_or_within_half_a_step_of_their_compression(values: np.ndarray) -> None:
    out = KaldiWriter()
    out.matrix(values)
    out.compressed_matrix(values, 16)
    out.compressed_matrix(values, 8)
    reader = KaldiReader(bytes(out.data))
    assert (reader.matrix() == values).all()
    span = float(values.max() - values.min())
    for bits in (16, 8):
        assert np.abs(reader.matrix() - values).max() <= span / (2**bits - 1) / 2 + 1e-5


def test_integer_vector_has_no_size_byte_before_its_count() -> None:
    out = KaldiWriter()
    out.integers([7])
    assert bytes(out.data) == b"\0B\x04\x01\0\0\0\x07\0\0\0"


@pytest.mark.parametrize("data", [b"", b"text", b"\0B\x08\0\0\0\0", b"\0B\x04\0"])
def test_bytes_that_are_no_integer_are_refused(data: bytes) -> None:
    with pytest.raises(KaldiFormatError):
        KaldiReader(data).integer()


def test_a_token_with_a_blank_is_refused() -> None:
    with pytest.raises(ValueError, match="not a token"):
        KaldiWriter().token("<Two Words>")


# ------------------------------------------------------------------------------------------ phones and words


def test_every_pdf_belongs_to_exactly_one_state() -> None:
    assert sorted(pdf for states in PDFS.values() for pdf in states) == list(range(PDF_COUNT))


def test_transition_ids_are_numbered_without_gaps() -> None:
    tids = [tid for pair in transition_ids().values() for tid in pair]
    assert tids == list(range(1, len(tids) + 1))


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [("zhi", ("zh", "iii")), ("si", ("s", "ii")), ("lv", ("l", "v")), ("yuan", ("van",)), ("hng", None)],
)
def test_pinyin_is_split_into_phones(syllable: str, phones: tuple[str, ...] | None) -> None:
    assert syllable_phones(syllable) == phones


def test_language_model_gives_every_history_a_whole_probability() -> None:
    sentences = [["您好", "请问"], ["您好", "再见"], ["您好", "请问"], ["再见"]] * 5
    vocab = ["您好", "请问", "再见", "不"]
    model = estimate(sentences, vocab, dict.fromkeys(vocab, 10))
    for history in model.grams:
        total = sum(model.probability(history, word) for word in [*vocab, "</s>"])
        assert total == pytest.approx(1.0, abs=0.02)
    assert model.probability((START,), "您好") > model.probability((START,), "不") > 0
