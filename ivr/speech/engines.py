"""What every speech engine offers, so that prompts do not care who speaks them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ivr.errors import IvrError
from ivr.hotline import Voice

Samples = NDArray[np.float32]
"""Mono samples, full scale ±1.0."""


class EngineUnavailable(IvrError):
    """An engine cannot speak now (no network, refused, not installed, no audio): why, and what to do."""


@dataclass(frozen=True)
class Audio:
    """A piece of sound: mono float32 samples (full scale ±1.0) at `rate` Hz."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


class Engine(Protocol):
    """Turns text into sound, outside any phone call."""

    name: str
    online: bool
    """Whether it needs the network: one failure then means that the next prompts fail too."""

    def identity(self, lang: str, voice: Voice) -> str:
        """Engine, version, voice and rate in one line: the same line and text give the same sound."""

    def speak(self, text: str, lang: str, voice: Voice) -> Audio:
        """The sound of `text`; raises EngineUnavailable."""
