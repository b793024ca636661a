"""Complaint words in what a customer said (S26), found by sound, and honest about how surely they were heard."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from ivr.errors import IvrError
from ivr.quality.matching import Match, find_any, syllables, tokens
from ivr.quality.rules import Phrase, Phrases, Strict, Text
from ivr.speech.words import Word

LEXICON_FILE = Path(__file__).parent / "complaint_words.yaml"
_ALIKE = (("yao", "yi"), ("h", ""), ("ng", "n"), ("r", "l"), ("n", "l"), ("f", ""))


class LexiconFileError(IvrError):
    """The complaint words cannot be used: which field, and what is allowed."""


class Recognition(Strict):
    """How far the recogniser is believed, confidences 0 to 1; `slack`: tolerated wrong syllables as a share."""

    sure: Annotated[float, Field(ge=0, le=1)]
    unsure: Annotated[float, Field(ge=0, le=1)]
    slack: Annotated[float, Field(ge=0, le=0.3)]


class Complaint(Strict):
    """One thing that customers complain of."""

    what: Text
    phrases: Phrases


class Lexicon(Strict):
    """All complaint words; `harmless` phrases make words within them mean nothing."""

    recognition: Recognition
    harmless: list[Phrase]
    complaints: Annotated[list[Complaint], Field(min_length=1)]


@dataclass(frozen=True)
class Found:
    """Words of a complaint: as they were heard, when (seconds from the recording's start), and whether for sure."""

    phrase: str
    heard: str
    start: float
    sure: bool


def load_lexicon(path: Path = LEXICON_FILE) -> Lexicon:
    """Read and check the words; raises LexiconFileError naming the field."""
    try:
        return Lexicon.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LexiconFileError(f"{path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LexiconFileError(f"{path} is not YAML: {str(error).splitlines()[0]}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LexiconFileError(f"{path}: {where}: {first['msg']}.") from error


@lru_cache(maxsize=1)
def default_lexicon() -> Lexicon:
    """The words that ship with the product."""
    return load_lexicon()


def find_complaints(words: Sequence[Word], lexicon: Lexicon, *, demonstration: bool = False) -> list[Found]:
    """Every complaint in what was heard, in order of time.

    What the `demonstration` model heard is never sure: it is fairly certain of anybody's speech.
    """
    heard = tokens(words)
    known = lexicon.recognition
    sounds = {_coarse(token.syllable.sound) for token in heard}
    phrases = [phrase for each in lexicon.complaints for phrase in each.phrases]
    matches = find_any(_possible(phrases, sounds, known.slack), heard, words, known.slack)
    harmless = find_any(_possible(lexicon.harmless, sounds, known.slack), heard, words, known.slack) if matches else []
    return [
        Found(match.phrase, match.text, match.start, match.confidence >= known.sure and not demonstration)
        for match in matches
        if match.confidence >= known.unsure and not any(_within(match, other) for other in harmless)
    ]


def _possible(phrases: Iterable[str], sounds: Set[str], slack: float) -> list[str]:
    """The phrases that can have been said at all: looking for each of them everywhere takes long."""
    return [phrase for phrase in phrases if _lacking(phrase, sounds) <= slack * len(syllables(phrase))]


def _lacking(phrase: str, sounds: Set[str]) -> int:
    return sum(_coarse(syllable.sound) not in sounds for syllable in syllables(phrase))


@lru_cache(maxsize=4096)
def _coarse(sound: str) -> str:
    """The same for all sounds that are mixed up with one another (ivr.quality.matching.distance)."""
    for one, other in _ALIKE:
        sound = sound.replace(one, other)
    return sound


def _within(match: Match, other: Match) -> bool:
    return other.first <= match.first and match.last <= other.last
