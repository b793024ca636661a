"""Words as the recogniser hears them, and the text they make."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Word:
    """One heard word: `start` and `end` in seconds from the start of the recording, `confidence` 0 to 1."""

    word: str
    start: float
    end: float
    confidence: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Word":
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError when it is something else."""
        return cls(str(data["word"]), float(data["start"]), float(data["end"]), float(data.get("confidence", 1.0)))


def is_han(char: str) -> bool:
    """Whether a character is a Chinese one (CJK Unified Ideographs with extension A, 〇, and the later planes)."""
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf" or char == "〇" or char >= "\U00020000"


def join_words(words: Iterable[Word]) -> str:
    """The words as running text: no blank beside a Han character, one blank between Latin words."""
    text = ""
    for heard in words:
        word = heard.word.strip()
        if text and word and not is_han(text[-1]) and not is_han(word[0]):
            text += " "
        text += word
    return text
