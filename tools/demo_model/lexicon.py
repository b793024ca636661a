"""How words are pronounced: pypinyin's readings, and espeak-ng's own reading of the Han text where it differs."""

from __future__ import annotations

import functools
import re

from pypinyin import Style, lazy_pinyin, pinyin
from pypinyin.contrib.tone_convert import to_normal

from tools.demo_model.phones import Pron, syllable_phones
from tools.demo_model.synth import Speaker, SynthesisCrashed

TONES = "12345"


def clean_events(events: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Events without language switches, and names without their stress mark."""
    return [(sample, name.lstrip("',")) for sample, name in events if not name.startswith("(")]


def is_pause(name: str) -> bool:
    """True for espeak-ng's pause phonemes (`_`, `_|`, `_:`)."""
    return name.startswith("_")


def switches_language(events: list[tuple[int, str]]) -> bool:
    """True when espeak-ng fell back to spelling something in English: xiong, qiong and jiong do in 1.52."""
    return any(name == "(en)" for _, name in events)


@functools.lru_cache(None)
def toned_syllables(word: str) -> tuple[str, ...] | None:
    """One toned syllable a character ("nin2", "hao3"), None when any character has no usable reading."""
    syllables = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False)
    syllables = [syllable.replace("ü", "v") for syllable in syllables]
    if len(syllables) != len(word) or any(not re.fullmatch("[a-z]+[1-5]", s) for s in syllables):
        return None
    if any(syllable_phones(syllable[:-1]) is None for syllable in syllables):
        return None
    return tuple(syllables)


@functools.lru_cache(None)
def readings(character: str) -> tuple[str, ...]:
    """All toneless readings of one character, likeliest first."""
    found = pinyin(character, style=Style.TONE3, heteronym=True, v_to_u=False)[0]
    plain = [re.sub("[0-9]", "", to_normal(reading, v_to_u=False)).replace("ü", "v") for reading in found]
    return tuple(dict.fromkeys(s for s in plain if syllable_phones(s)))


def syllables_pron(syllables: tuple[str, ...]) -> Pron:
    """Phones of toneless syllables; raises ValueError for one that has none."""
    phones: list[str] = []
    for syllable in syllables:
        pron = syllable_phones(syllable)
        if pron is None:
            raise ValueError(f"no phones for {syllable!r}")
        phones += pron
    return tuple(phones)


@functools.lru_cache(None)
def dictionary_prons(word: str) -> tuple[Pron, ...]:
    """pypinyin's pronunciations: one for a word, at most two for a single character."""
    toned = toned_syllables(word)
    first = tuple(s[:-1] for s in toned) if toned else None
    if len(word) > 1:
        return (syllables_pron(first),) if first else ()
    candidates = ([first] if first else []) + [(reading,) for reading in readings(word)[:2]]
    return tuple(dict.fromkeys(syllables_pron(candidate) for candidate in candidates))[:2]


class EspeakReader:
    """What espeak-ng says for Han text, found by matching its phoneme events with those of single syllables."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._events: dict[str, set[tuple[str, ...]]] = {}

    def syllable_events(self, syllable: str) -> set[tuple[str, ...]]:
        """The event sequences of a toneless syllable over all tones; empty when espeak-ng cannot say it."""
        if syllable not in self._events:
            variants = (self._say(syllable + tone) for tone in TONES)
            self._events[syllable] = {events for events in variants if events}
        return self._events[syllable]

    def pron(self, word: str) -> Pron | None:
        """Phones of espeak-ng's reading, None when no combination of known readings explains it."""
        events = self._say(word)
        syllables = self._match(word, events) if events else None
        return syllables_pron(syllables) if syllables else None

    def _say(self, text: str) -> tuple[str, ...] | None:
        try:
            spoken = self._speaker.say(text).events
        except SynthesisCrashed:
            return None
        if switches_language(spoken):
            return None
        return tuple(name for _, name in clean_events(spoken) if not is_pause(name))

    def _match(self, word: str, events: tuple[str, ...]) -> tuple[str, ...] | None:
        if not word:
            return () if not events else None
        for reading in readings(word[0]):
            for known in self.syllable_events(reading):
                if events[: len(known)] == known:
                    rest = self._match(word[1:], events[len(known) :])
                    if rest is not None:
                        return (reading, *rest)
        return None


def make_lexicon(words: list[str], speaker: Speaker | None) -> dict[str, list[Pron]]:
    """Word -> pronunciations, likeliest first; `speaker` None leaves espeak-ng's readings out."""
    reader = EspeakReader(speaker) if speaker else None
    lexicon: dict[str, list[Pron]] = {}
    for word in words:
        prons = list(dictionary_prons(word))
        spoken = reader.pron(word) if reader and prons else None
        if spoken and spoken not in prons:
            prons.append(spoken)
        lexicon[word] = prons
    return lexicon
