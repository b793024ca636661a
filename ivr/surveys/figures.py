"""Shares and scores with how sure they are: what is counted, of how many, and between what the truth may lie.

Intervals are of 95 %. A figure of fewer than `FEW` answers says so (`few`): pages grey it out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

FEW = 10
Z = NormalDist().inv_cdf(0.975)

_PROMOTES, _DETRACTS = 9.0, 7.0
"""On 0 to 10, as the Net Promoter Score has it: 9 and above promote, below 7 detract."""
_ADDED = 3.0
"""Answers added to a score before its interval is reckoned: a quarter promoters, a quarter detractors."""

Interval = tuple[float, float]
"""From, to, both in percent (of a score: points)."""


@dataclass(frozen=True)
class Rate:
    """`count` of `of`, `count` at most `of`."""

    count: int
    of: int

    @property
    def percent(self) -> float | None:
        """None when there is nothing to divide by."""
        return 100 * self.count / self.of if self.of else None

    @property
    def interval(self) -> Interval | None:
        """E. B. Wilson's score interval (JASA 22, 1927), in percent; it never pretends to be sure of 0 or 100."""
        if not self.of:
            return None
        share, square = self.count / self.of, Z * Z / self.of
        middle = (share + square / 2) / (1 + square)
        half = Z / (1 + square) * math.sqrt(share * (1 - share) / self.of + square / (4 * self.of))
        # What lies within by its formula is not pushed out by rounding.
        return 100 * max(0.0, min(middle - half, share)), 100 * min(1.0, max(middle + half, share))

    @property
    def few(self) -> bool:
        return self.of < FEW

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "of": self.of, "percent": self.percent, "interval": self.interval}


@dataclass(frozen=True)
class Recommendation:
    """An NPS-style score: promoters less detractors, in points from -100 to 100, of all who answered."""

    promoters: int
    passives: int
    detractors: int

    @property
    def of(self) -> int:
        return self.promoters + self.passives + self.detractors

    @property
    def score(self) -> float | None:
        return 100 * (self.promoters - self.detractors) / self.of if self.of else None

    @property
    def interval(self) -> Interval | None:
        """The adjusted Wald interval, in points (B. Rocks, The American Statistician 70, 2016)."""
        if self.score is None:
            return None
        of = self.of + _ADDED
        good, bad = (self.promoters + _ADDED / 4) / of, (self.detractors + _ADDED / 4) / of
        half = Z * math.sqrt((good + bad - (good - bad) ** 2) / of)
        return max(-100.0, 100 * (good - bad - half)), min(100.0, 100 * (good - bad + half))

    @property
    def few(self) -> bool:
        return self.of < FEW

    def to_json(self) -> dict[str, Any]:
        parts = {"promoters": self.promoters, "passives": self.passives, "detractors": self.detractors}
        return parts | {"of": self.of, "score": self.score, "interval": self.interval}


@dataclass(frozen=True)
class Recommending:
    """Which answers of a scale (1 the worst) promote and which detract; the others are passive.

    The answers are stretched over 0 to 10; of a scale of five, 5 promotes and 1 to 3 detract.
    """

    scale: int

    @property
    def promoting(self) -> list[str]:
        return [str(step) for step in range(1, self.scale + 1) if self._stretched(step) >= _PROMOTES]

    @property
    def detracting(self) -> list[str]:
        return [str(step) for step in range(1, self.scale + 1) if self._stretched(step) < _DETRACTS]

    def of(self, answers: Mapping[str, int]) -> Recommendation:
        """The score of counts by answer; answers that the scale does not have are left out."""
        known = {str(step): answers.get(str(step), 0) for step in range(1, self.scale + 1)}
        good, bad = (sum(known[each] for each in steps) for steps in (self.promoting, self.detracting))
        return Recommendation(good, sum(known.values()) - good - bad, bad)

    def _stretched(self, step: int) -> float:
        return 10 * (step - 1) / (self.scale - 1)


def satisfied_answers(scale: int) -> list[str]:
    """The answers that count as satisfied: the two best of a scale of four or more, else the best."""
    return [str(step) for step in range(scale - 1 if scale >= 4 else scale, scale + 1)]


def satisfaction(answers: Mapping[str, int], scale: int) -> Rate:
    """CSAT: who is satisfied, of all whose answer the scale has."""
    satisfied = sum(answers.get(each, 0) for each in satisfied_answers(scale))
    return Rate(satisfied, sum(answers.get(str(step), 0) for step in range(1, scale + 1)))


def median(counts: Mapping[int, int]) -> float | None:
    """The middle of numbers given as number → how often; None of none."""
    total = sum(counts.values())
    if not total:
        return None
    return (_at(counts, (total - 1) // 2) + _at(counts, total // 2)) / 2


def _at(counts: Mapping[int, int], place: int) -> int:
    for number, often in sorted(counts.items()):
        place -= often
        if place < 0:
            return number
    raise IndexError(place)
