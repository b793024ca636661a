"""Finding phrases in recognised speech by their sound: homophones and slight mishearings are the rule there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pypinyin import Style, lazy_pinyin

from ivr.speech.words import Word, is_han, join_words

PAUSE = 0.3
"""Seconds of silence that part one utterance from the next."""

LONGEST_GAP = 1.2
"""Seconds of silence within one phrase at most."""

_SHORT = 4
"""Phrases with fewer syllables have to sound exactly right."""

_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_ONE = frozenset("一幺")
_DIGIT_CHARS = frozenset("零一二三四五六七八九幺〇")

# What Mandarin speakers, and recognisers with them, mix up most: retroflex and dental, n and l, f and h, front and
# back nasals.
_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("r", "l"), ("f", "h"))
_FINALS = (("ing", "in"), ("eng", "en"), ("ang", "an"))


class Syllable(NamedTuple):
    """One spoken syllable: its character, pinyin without tone, tone (5 is neutral)."""

    char: str
    sound: str
    tone: str


@dataclass(frozen=True)
class Token:
    """A syllable that was heard, and where: `word` is its word's index, `first`/`last` its place in that word."""

    syllable: Syllable
    word: int
    first: bool
    last: bool
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Match:
    """A phrase found: tokens `first` to `last`, with `distance` wrong syllables."""

    phrase: str
    first: int
    last: int
    distance: float
    start: float
    end: float
    text: str
    confidence: float


@lru_cache(maxsize=8192)
def syllables(text: str) -> tuple[Syllable, ...]:
    """Text as syllables; digits are read one by one, other letters stay as they are, marks fall away."""
    spoken = "".join(char for char in text.translate(_DIGITS) if char.isalnum())
    found: list[Syllable] = []
    for run in _runs(spoken):
        if not is_han(run[0]):
            found.append(Syllable(run, run.lower(), "5"))
            continue
        sounds = lazy_pinyin(run, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=True)
        if len(sounds) != len(run):
            sounds = [lazy_pinyin(char, style=Style.TONE3, neutral_tone_with_five=True)[0] for char in run]
        found += [_syllable(char, sound) for char, sound in zip(run, sounds, strict=True)]
    return tuple(found)


def tokens(words: Sequence[Word]) -> list[Token]:
    """Heard words as syllables with their times; a word's time is shared out evenly."""
    found: list[Token] = []
    for index, word in enumerate(words):
        parts = syllables(word.word)
        step = (word.end - word.start) / max(1, len(parts))
        for place, part in enumerate(parts):
            start = word.start + place * step
            found.append(Token(part, index, place == 0, place == len(parts) - 1, start, start + step, word.confidence))
    return found


def find(
    phrase: str, heard: Sequence[Token], words: Sequence[Word], slack: float, *, strict: bool = False
) -> list[Match]:
    """Every place where a phrase was said, none overlapping, in order of time.

    `slack` is the share of syllables that may be wrong in a phrase of four and more. `strict` (words held against
    somebody): tones count in short phrases, and the match must not begin or end within a word.
    """
    wanted = syllables(phrase)
    limit = slack * len(wanted) if len(wanted) >= _SHORT else (0.0 if strict else 0.1 * len(wanted))
    candidates = [
        (distance, first, last)
        for first, last, distance in _align(wanted, heard, limit)
        if _hangs_together(heard, first, last) and (not strict or _whole_words(heard, first, last))
    ]
    taken: list[Match] = []
    for distance, first, last in sorted(candidates, key=lambda c: (c[0], c[1])):
        if all(last < match.first or first > match.last for match in taken):
            taken.append(_match(phrase, heard, words, first, last, distance))
    return sorted(taken, key=lambda match: match.first)


def find_any(
    phrases: Iterable[str], heard: Sequence[Token], words: Sequence[Word], slack: float, *, strict: bool = False
) -> list[Match]:
    """Matches of all phrases; where two overlap the longer and better one stays."""
    found = [match for phrase in phrases for match in find(phrase, heard, words, slack, strict=strict)]
    kept: list[Match] = []
    for match in sorted(found, key=lambda m: (m.first - m.last, m.distance)):
        if all(match.last < other.first or match.first > other.last for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda match: match.first)


def in_one_breath(match: Match, heard: Sequence[Token]) -> bool:
    """Whether no pause parts it."""
    return all(heard[i + 1].start - heard[i].end < PAUSE for i in range(match.first, match.last))


def stands_alone(match: Match, heard: Sequence[Token]) -> bool:
    """Whether there is a pause, or nothing, before and after."""
    return starts_utterance(match, heard) and (
        match.last + 1 == len(heard) or heard[match.last + 1].start - match.end >= PAUSE
    )


def starts_utterance(match: Match, heard: Sequence[Token]) -> bool:
    """Whether it is the first thing said after a pause."""
    return match.first == 0 or match.start - heard[match.first - 1].end >= PAUSE


@lru_cache(maxsize=1 << 16)
def distance(wanted: Syllable, heard: Syllable) -> float:
    """How unlike two syllables sound: 0 the same, 0.1 another tone, 0.3 often mixed up, up to 1 (2 between digits)."""
    if wanted.char == heard.char or (wanted.char in _ONE and heard.char in _ONE):
        return 0.0
    if wanted.char in _DIGIT_CHARS and heard.char in _DIGIT_CHARS:
        # Another digit is another number, however alike they sound.
        return 2.0
    if wanted.sound == heard.sound:
        return 0.0 if wanted.tone == heard.tone or "5" in (wanted.tone, heard.tone) else 0.1
    if wanted.char in _ONE and heard.sound in ("yi", "yao"):
        return 0.1
    if _blurred(wanted.sound) == _blurred(heard.sound) or _mixed_up(wanted.sound, heard.sound):
        return 0.3
    return 1.0


def _runs(text: str) -> list[str]:
    """Han characters together, other letters together."""
    runs: list[str] = []
    for char in text:
        if runs and is_han(runs[-1][-1]) == is_han(char):
            runs[-1] += char
        else:
            runs.append(char)
    return runs


def _syllable(char: str, sound: str) -> Syllable:
    if sound[-1:].isdigit():
        return Syllable(char, sound[:-1], sound[-1])
    return Syllable(char, sound, "5")


@lru_cache(maxsize=4096)
def _blurred(sound: str) -> str:
    for rare, usual in (("zh", "z"), ("ch", "c"), ("sh", "s")):
        if sound.startswith(rare):
            sound = usual + sound[len(rare) :]
    for back, front in _FINALS:
        if sound.endswith(back):
            return sound[: -len(back)] + front
    return sound


@lru_cache(maxsize=16384)
def _mixed_up(one: str, other: str) -> bool:
    for a, b in _INITIALS:
        for left, right in ((a, b), (b, a)):
            if one.startswith(left) and other == right + one[len(left) :]:
                return True
    return False


def _align(wanted: Sequence[Syllable], heard: Sequence[Token], limit: float) -> Iterable[tuple[int, int, float]]:
    """Sellers' approximate search: (first, last, distance) for every end with a distance within the limit."""
    size = len(wanted)
    # A digit left out makes another number just as a wrong one does.
    omission = [2.0 if syllable.char in _DIGIT_CHARS else 1.0 for syllable in wanted]
    column: list[tuple[float, int]] = [(sum(omission[:row]), 0) for row in range(size + 1)]
    for place, token in enumerate(heard):
        fresh: list[tuple[float, int]] = [(0.0, place + 1)]
        for row, syllable in enumerate(wanted):
            before, origin = column[row]
            swap = (before + distance(syllable, token.syllable), place if row == 0 else origin)
            extra = (column[row + 1][0] + 1.0, column[row + 1][1])
            lacking = (fresh[row][0] + omission[row], fresh[row][1])
            fresh.append(min(swap, extra, lacking, key=lambda step: step[0]))
        column = fresh
        cost, first = column[size]
        if cost <= limit + 1e-9 and first <= place:
            yield first, place, cost


def _hangs_together(heard: Sequence[Token], first: int, last: int) -> bool:
    return all(heard[i + 1].start - heard[i].end <= LONGEST_GAP for i in range(first, last))


def _whole_words(heard: Sequence[Token], first: int, last: int) -> bool:
    return heard[first].first and heard[last].last


def _match(phrase: str, heard: Sequence[Token], words: Sequence[Word], first: int, last: int, wrong: float) -> Match:
    """Confidence: the mean of its syllables, less the share of them that sounds wrong."""
    span = heard[first : last + 1]
    sure = sum(token.confidence for token in span) / len(span)
    alike = max(0.0, 1.0 - wrong / len(syllables(phrase)))
    text = join_words(words[span[0].word : span[-1].word + 1])
    return Match(phrase, first, last, wrong, span[0].start, span[-1].end, text, round(sure * alike, 3))
