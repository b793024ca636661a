"""Which Han text of the product the model cannot write: `python -m tools.demo_model.coverage TEXT.json FILE …`.

Takes every run of Han characters of the files (prompts, demonstration calls, rules), digits read as characters, and
prints the words out of the vocabulary and the sentences the language model finds least likely.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path

from tools.demo_model import corpus
from tools.demo_model.language_model import START, History, LanguageModel, estimate

DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
RUN = re.compile("[\u4e00-\u9fff0-9，、,]*[\u4e00-\u9fff][\u4e00-\u9fff0-9，、,]*")
LEAST = 3  # characters of a run worth judging by the language model


def han_runs(text: str) -> list[str]:
    """Runs of Han characters, commas dropped, digits spelt."""
    runs = (re.sub("[，、,]", "", run).translate(DIGITS) for run in RUN.findall(text))
    return list(dict.fromkeys(run for run in runs if run))


def cost_per_character(model: LanguageModel, words: list[str]) -> float:
    """Mean -ln P of a character."""
    history: History = (START,)
    cost = 0.0
    for word in words:
        cost -= math.log(model.probability(history, word))
        history = model.next_history(history, word)
    return cost / max(1, sum(map(len, words)))


def main() -> None:
    """Print unknown words and unlikely sentences; exit code 1 when a word is unknown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--show", type=int, default=20)
    args = parser.parse_args()
    text = json.loads(args.text.read_text(encoding="utf-8"))
    model = estimate(text["train"], text["vocab"], text["counts"])
    known = set(text["vocab"])
    runs = list(dict.fromkeys(r for path in args.files for r in han_runs(path.read_text(encoding="utf-8"))))
    cut = {run: corpus.words(run) for run in runs}
    unknown = {word for words in cut.values() for word in words if word not in known}
    unwritable = sorted(word for word in unknown if any(character not in known for character in word))
    print(f"{len(runs)} runs of Han text; {len(unknown)} words out of the vocabulary: {' '.join(sorted(unknown))}")
    print(f"of these with a character the model cannot write at all: {' '.join(unwritable) or 'none'}")
    judged = sorted(((cost_per_character(model, cut[r]), r) for r in runs if len(r) >= LEAST), reverse=True)
    print("least likely (mean -ln P a character):")
    for cost, run in judged[: args.show]:
        print(f"  {cost:4.1f} {run}")
    raise SystemExit(bool(unwritable))


if __name__ == "__main__":
    main()
