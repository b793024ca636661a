"""A rule's verdict on a talk, with its evidence."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["met", "not_met", "not_assessable"]
Texts = dict[str, str]
"""The same text by language ("zh-CN", "en")."""


@dataclass(frozen=True)
class Evidence:
    """Where to listen: seconds from the start of the recording, what was heard, how surely (0 to 1).

    `instead` is what to say instead of forbidden words, empty otherwise.
    """

    leg: str
    start: float
    end: float
    text: str
    confidence: float
    instead: Texts | None = None


@dataclass(frozen=True)
class Item:
    """One rule's verdict. `reason` says why in a sentence; `advice` is what to do or say next time,
    and empty when the rule was met."""

    rule: str
    standard: str
    label: Texts
    verdict: Verdict
    weight: float
    evidence: tuple[Evidence, ...]
    reason: Texts
    advice: Texts
    auto_fail: bool = False
