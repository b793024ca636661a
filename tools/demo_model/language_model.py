"""A small word trigram model: interpolated absolute discounting, pruned, renormalised."""

from __future__ import annotations

import collections
import math
from dataclasses import dataclass, field

START, END = "<s>", "</s>"
DISCOUNT = 0.7
RESERVE = 0.02  # probability always left for backing off
DOMAIN_WEIGHT, GENERAL_WEIGHT_FLOOR = 0.8, 20  # unigrams: share of the hotline's text; count added to every word
NEVER = 1e-9  # probability of what no unigram knows
MIN_PRUNE = 0.25  # a trigram within e^0.25 of its back-off estimate is not worth its arc

History = tuple[str, ...]


@dataclass
class LanguageModel:
    """`grams[history][word]` and `back_off[history]` are probabilities, not logarithms."""

    grams: dict[History, dict[str, float]]
    back_off: dict[History, float] = field(default_factory=dict)

    def probability(self, history: History, word: str) -> float:
        """P(word | history), backing off as the decoder will."""
        weight = 1.0
        while word not in self.grams.get(history, {}):
            if not history:
                return NEVER
            weight *= self.back_off.get(history, 1.0)
            history = history[1:]
        return weight * self.grams[history][word]

    def next_history(self, history: History, word: str) -> History:
        """The longest history with arcs of its own after `word`."""
        longest = (*history, word)[-2:]
        while longest and longest not in self.grams:
            longest = longest[1:]
        return longest


def _counts(sentences: list[list[str]]) -> list[dict[History, collections.Counter[str]]]:
    """For orders 1, 2 and 3: history -> counts of the word after it."""
    counts: list[dict[History, collections.Counter[str]]] = [
        collections.defaultdict(collections.Counter) for _ in range(3)
    ]
    for sentence in sentences:
        words = [START, *sentence, END]
        for i in range(1, len(words)):
            for order in range(min(i, 2) + 1):
                counts[order][tuple(words[i - order : i])][words[i]] += 1
    return counts


def _unigrams(domain: collections.Counter[str], vocab: list[str], general: dict[str, int]) -> dict[str, float]:
    """The hotline's words mixed with those of general text, both flattened."""
    flat = {word: domain[word] ** 0.75 for word in [*vocab, END]}
    domain_sum = sum(flat.values())
    flat_general = {word: (general[word] + GENERAL_WEIGHT_FLOOR) ** 0.8 for word in vocab}
    general_sum = sum(flat_general.values())
    return {
        word: DOMAIN_WEIGHT * count / domain_sum + (1 - DOMAIN_WEIGHT) * flat_general.get(word, 0.0) / general_sum
        for word, count in flat.items()
    }


def estimate(
    sentences: list[list[str]],
    vocab: list[str],
    general: dict[str, int],
    minimum: tuple[int, int] = (3, 4),
    prune: float = MIN_PRUNE,
) -> LanguageModel:
    """Estimate from sentences; `minimum` are the least counts of a bigram and a trigram that is kept."""
    counts = _counts(sentences)
    model = LanguageModel({(): _unigrams(counts[0][()], vocab, general)})
    for order, least in ((1, minimum[0]), (2, minimum[1])):
        for history, following in counts[order].items():
            if order == 1 or history[1:] in model.grams:
                _add_history(model, history, following, least, prune if order == 2 else 0.0)
    return model


def _add_history(
    model: LanguageModel, history: History, following: collections.Counter[str], least: int, prune: float
) -> None:
    total = sum(following.values())
    held_back = DISCOUNT * len(following) / total + RESERVE
    kept: dict[str, float] = {}
    for word, count in following.items():
        lower = model.probability(history[1:], word)
        estimated = (1 - RESERVE) * (count - DISCOUNT) / total + held_back * lower
        if count >= least and (not prune or abs(math.log(estimated / lower)) >= prune):
            kept[word] = estimated
    if not kept:
        return
    mass, most = sum(kept.values()), 1 - RESERVE
    if mass > most:
        kept = {word: p * most / mass for word, p in kept.items()}
        mass = most
    lower_mass = sum(model.probability(history[1:], word) for word in kept)
    model.grams[history] = kept
    model.back_off[history] = max(1e-4, (1 - mass) / max(1e-6, 1 - lower_mass))
