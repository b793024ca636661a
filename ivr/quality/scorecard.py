"""A talk judged against the rules: what was met, what was not, by what evidence, and what cannot be told."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ivr.quality.items import Evidence, Item, Texts, Verdict
from ivr.quality.judge import judge
from ivr.quality.rules import RuleBook
from ivr.quality.talk import Talk

__all__ = ["Evidence", "Item", "Scorecard", "Texts", "Verdict", "score", "total"]


@dataclass(frozen=True)
class Scorecard:
    """`total` is 0 to 100 over what could be assessed; None when too little could; 0 when an item fails the card."""

    total: float | None
    items: tuple[Item, ...]

    @property
    def failed(self) -> bool:
        """Whether grave words override the total."""
        return any(item.auto_fail for item in self.items)

    def items_json(self) -> list[dict[str, Any]]:
        """The items as plain data; `evidence` is a list, texts stay by language."""
        return [asdict(item) | {"evidence": [asdict(found) for found in item.evidence]} for item in self.items]


def score(talk: Talk, rules: RuleBook) -> Scorecard:
    """Judge a talk; a pure function of its arguments."""
    items = tuple(judge(rule, talk, rules) for rule in rules.rules)
    return Scorecard(total(items), items)


ASSESSED_AT_LEAST = 0.5
"""Share of the card's weight that must be assessable: a call in which nobody was heard has not earned 100."""


def total(items: Sequence[Item]) -> float | None:
    """Weighted share of met items in per cent, over the assessable ones (S35); None when too little was."""
    if any(item.auto_fail for item in items):
        return 0.0
    assessed = sum(item.weight for item in items if item.verdict != "not_assessable")
    if not assessed or assessed < ASSESSED_AT_LEAST * sum(item.weight for item in items):
        return None
    met = sum(item.weight for item in items if item.verdict == "met")
    return min(100.0, round(100.0 * met / assessed, 1))
