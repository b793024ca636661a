"""Real Vosk on samples, and how far its words are from what was said."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import vosk

from tools.demo_model.features import SAMPLE_RATE, Samples

CHUNK = 8000  # bytes; what a streaming caller hands over at a time


@dataclass(frozen=True)
class HeardWord:
    """One word of Vosk's result; times in seconds from the start of the audio."""

    word: str
    start: float
    end: float
    confidence: float


@dataclass
class Decoder:
    """A loaded model; adds up decoding and audio time in seconds."""

    path: Path
    busy: float = 0.0
    heard: float = 0.0
    model: vosk.Model = field(init=False)

    def __post_init__(self) -> None:
        vosk.SetLogLevel(-1)
        self.model = vosk.Model(str(self.path))

    def words(self, samples: Samples, rate: int = SAMPLE_RATE) -> list[HeardWord]:
        """Words of `samples` (int16 scale) at `rate` Hz."""
        recogniser = vosk.KaldiRecognizer(self.model, rate)
        recogniser.SetWords(True)
        data = np.clip(np.round(samples), -32768, 32767).astype("<i2").tobytes()
        began = time.process_time()
        results = []
        for at in range(0, len(data), CHUNK):
            if recogniser.AcceptWaveform(data[at : at + CHUNK]):
                results.append(recogniser.Result())
        results.append(recogniser.FinalResult())
        self.busy += time.process_time() - began
        self.heard += len(samples) / rate
        found = [word for result in results for word in json.loads(result).get("result", [])]
        return [HeardWord(w["word"], w["start"], w["end"], w["conf"]) for w in found]

    def text(self, samples: Samples, rate: int = SAMPLE_RATE) -> str:
        """The words joined as Chinese is written."""
        return "".join(word.word for word in self.words(samples, rate))


def distance(said: str, heard: str) -> int:
    """Levenshtein distance in characters."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


@dataclass
class Tally:
    """Character errors over many sentences."""

    errors: int = 0
    characters: int = 0
    sentences: int = 0
    exact: int = 0
    worst: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, said: str, heard: str) -> None:
        """Count one sentence."""
        errors = distance(said, heard)
        self.errors += errors
        self.characters += len(said)
        self.sentences += 1
        self.exact += errors == 0
        if errors:
            self.worst = sorted([*self.worst, (errors, said, heard)], reverse=True)[:5]

    @property
    def rate(self) -> float:
        """Character error rate in per cent."""
        return 100 * self.errors / max(1, self.characters)

    def __str__(self) -> str:
        exact = 100 * self.exact / max(1, self.sentences)
        return f"CER {self.rate:4.1f} %, {exact:3.0f} % of {self.sentences} sentences exact"
