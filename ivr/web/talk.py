"""What was said, as the page shows it: the words of both legs as utterances in time order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ivr.calls.record import LegRecord
from ivr.store.models import LegRole

PAUSE = 0.7
"""A silence this long (s) on a leg ends an utterance."""

UNSURE = 0.5
"""Words below this confidence are marked."""


@dataclass(frozen=True)
class SpokenWord:
    """A word with its times in seconds from the recording's start; `gap` is what stands before it (blank or none)."""

    text: str
    start: float
    end: float
    unsure: bool
    gap: str


@dataclass(frozen=True)
class Utterance:
    """What one side said without a pause."""

    role: LegRole
    words: list[SpokenWord]
    demonstration: bool

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


def utterances(legs: Iterable[LegRecord], pause: float = PAUSE) -> list[Utterance]:
    """Both sides' utterances in the order in which they began."""
    found = [Utterance(leg.role, words, leg.demonstration) for leg in legs for words in _split(leg.words, pause)]
    return sorted(found, key=lambda utterance: (utterance.start, utterance.role))


def _split(words: Iterable[Mapping[str, Any]], pause: float) -> Iterator[list[SpokenWord]]:
    ordered = sorted((word for word in words if word.get("word")), key=lambda word: float(word["start"]))
    if not ordered:
        return
    current = [_spoken(None, ordered[0])]
    for before, word in pairwise(ordered):
        if float(word["start"]) - float(before["end"]) >= pause:
            yield current
            current = [_spoken(None, word)]
        else:
            current.append(_spoken(before, word))
    yield current


def _spoken(before: Mapping[str, Any] | None, word: Mapping[str, Any]) -> SpokenWord:
    text = str(word["word"])
    latin = before is not None and str(before["word"])[-1].isascii() and text[0].isascii()
    confidence = word.get("confidence")
    unsure = confidence is not None and float(confidence) < UNSURE
    return SpokenWord(text, float(word["start"]), float(word["end"]), unsure, " " if latin else "")
