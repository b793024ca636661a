"""Words -> espeak-ng speech at 16 kHz with a pdf label for every stretch of it."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import soxr

from tools.demo_model.features import SAMPLE_RATE, Samples
from tools.demo_model.lexicon import clean_events, is_pause, switches_language, toned_syllables
from tools.demo_model.phones import PDFS, syllable_phones
from tools.demo_model.synth import Speaker

SHORTEST = 2000  # samples; anything shorter was not spoken


class Segment(NamedTuple):
    """A stretch of one pdf, times in seconds."""

    start: float
    end: float
    pdf: int


class Delivery(NamedTuple):
    """How a sentence is said: espeak-ng's settings, and `speed`, a resampling factor that also moves the formants."""

    variant: str
    rate: int
    pitch: int
    pitch_range: int
    speed: float = 1.0


@functools.lru_cache(None)
def _syllable_events(speaker: Speaker, syllable: str) -> tuple[str, ...] | None:
    events = speaker.say(syllable).events
    if switches_language(events):
        return None
    return tuple(name for _, name in clean_events(events) if not is_pause(name))


def pinyin_text(words: list[str], rng: np.random.Generator) -> tuple[str, list[str]] | None:
    """Text for espeak-ng with random joints and short pauses between words, and its toned syllables."""
    parts: list[str] = []
    syllables: list[str] = []
    for i, word in enumerate(words):
        toned = toned_syllables(word)
        if toned is None:
            return None
        syllables += toned
        parts.append("".join(toned))
        if i + 1 < len(words):
            chance = rng.random()
            parts.append(", " if chance < 0.04 else " " if chance < 0.75 else "")
    return "".join(parts), syllables


def speak(
    speaker: Speaker, words: list[str], how: Delivery, rng: np.random.Generator
) -> tuple[Samples, list[Segment]] | None:
    """16 kHz speech in int16 scale with its segments; None when the events do not match the syllables."""
    planned = pinyin_text(words, rng)
    if planned is None:
        return None
    text, syllables = planned
    spoken = speaker.say(text, how.variant, how.rate, how.pitch, how.pitch_range)
    if len(spoken.samples) < SHORTEST or switches_language(spoken.events):
        return None
    segments = _label(speaker, syllables, clean_events(spoken.events), len(spoken.samples))
    if segments is None:
        return None
    rate = spoken.rate * how.speed
    audio = soxr.resample(spoken.samples.astype(np.float32), rate, SAMPLE_RATE, "HQ")
    return audio, [Segment(start / rate, end / rate, pdf) for start, end, pdf in segments]


def _label(speaker: Speaker, syllables: list[str], events: list[tuple[int, str]], length: int) -> list[Segment] | None:
    """Segments in samples. The first event of a syllable with an initial is always that initial."""
    ends = [events[i + 1][0] if i + 1 < len(events) else length for i in range(len(events))]
    sounds = [(start, end, name) for (start, name), end in zip(events, ends, strict=True) if not is_pause(name)]
    segments: list[Segment] = []
    for syllable in syllables:
        expected = _syllable_events(speaker, syllable)
        phones = syllable_phones(syllable[:-1])
        if expected is None or phones is None or len(sounds) < len(expected):
            return None
        mine, sounds = sounds[: len(expected)], sounds[len(expected) :]
        if len(phones) == 2:
            if mine[0][2] != expected[0] or len(mine) < 2:
                return None
            segments.append(Segment(mine[0][0], mine[0][1], PDFS[phones[0]][0]))
            mine = mine[1:]
        head, tail = PDFS[phones[-1]]
        start, end = mine[0][0], mine[-1][1]
        nasal = len(mine) > 1 and mine[-1][2] in ("n", "N") and mine[-1][0] > start
        middle = mine[-1][0] if nasal else (start + end) / 2
        segments += [Segment(start, middle, head), Segment(middle, end, tail)]
    return None if sounds else segments
