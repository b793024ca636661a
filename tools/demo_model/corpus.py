"""Sentences of a car service hotline: templates with slots in text/, a small free grammar, and test sentences."""

from __future__ import annotations

import functools
import random
import re
import tomllib
from pathlib import Path

import jieba

from tools.demo_model.lexicon import toned_syllables

TEXT = Path(__file__).with_name("text")
OWN_WORDS = ("安行", "售后服务", "久等", "行驶证")  # jieba's dictionary lacks them or prefers other cuts
BEFORE = ("", "", "", "", "好的", "嗯", "那个", "喂", "就是", "那", "我说", "哎")
AFTER = ("", "", "", "", "", "吧", "啊", "呢", "了")
FREE_SHARE, DEMONSTRATION_SHARE = 0.2, 0.02
# What the rest is made of; "pair" is two template sentences on end, "padded" one with fillers around it.
SHARES = {"agent": 0.37, "caller": 0.33, "hotline": 0.08, "forbidden": 0.10, "pair": 0.06, "padded": 0.06}


def lines(name: str) -> list[str]:
    """The lines of text/`name`, comments left out."""
    text = (TEXT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def fillings(name: str) -> dict[str, list[str]]:
    """Slot -> words of text/`name`; "-" is an empty filling."""
    table = tomllib.loads((TEXT / name).read_text(encoding="utf-8"))
    return {slot: ["" if word == "-" else word for word in words.split()] for slot, words in table.items()}


class Corpus:
    """Draws sentences (Han text without punctuation); the same seed gives the same sentences."""

    def __init__(self) -> None:
        self._slots = fillings("slots.toml")
        self._free_slots = fillings("free.toml")
        self._free = lines("free.txt")
        self._lines = {name: lines(f"{name}.txt") for name in ("agent", "caller", "hotline", "forbidden")}
        self._demonstration = lines("demonstration.txt")

    def sentences(self, count: int, seed: int) -> list[str]:
        """`count` random sentences, repetitions included."""
        rng = random.Random(seed)
        return [self._one(rng) for _ in range(count)]

    def _one(self, rng: random.Random) -> str:
        chance = rng.random()
        if chance < FREE_SHARE:
            return _fill(rng.choice(self._free), self._free_slots, rng)
        if chance < FREE_SHARE + DEMONSTRATION_SHARE:
            return rng.choice(self._demonstration)
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "pair":
            both = self._lines["agent"] + self._lines["caller"]
            return _fill(rng.choice(both) + rng.choice(both), self._slots, rng)
        if kind == "padded":
            template = rng.choice(self._lines["caller"] + self._lines["forbidden"])
            return _fill(rng.choice(BEFORE) + template + rng.choice(AFTER), self._slots, rng)
        return _fill(rng.choice(self._lines[kind]), self._slots, rng)


def _fill(template: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: rng.choice(slots[match.group(1)]), template)


@functools.lru_cache(1)
def _cutter() -> jieba.Tokenizer:
    jieba.setLogLevel("WARNING")
    cutter = jieba.Tokenizer()
    cutter.initialize()
    for word in OWN_WORDS:
        cutter.add_word(word)
    return cutter


def word_counts() -> dict[str, int]:
    """jieba's dictionary: word -> how often it was counted in general text."""
    return {word: count for word, count in _cutter().FREQ.items() if count}


def words(sentence: str) -> list[str]:
    """Words of a sentence; what has no Mandarin reading (punctuation, Latin letters) is left out."""
    return [word for word in _cutter().cut(sentence, HMM=False) if toned_syllables(word)]
