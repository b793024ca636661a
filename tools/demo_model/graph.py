"""Step 5: lexicon and language model -> graph/: HCLr.fst, Gr.fst, words, phones, word boundaries.

Vosk composes HCLr (words to HMM states) with Gr (the language model) while decoding, so grammars given at run time
work too. HCLr is a plain vector FST sorted by output label with every word's label on its first arc: composition
matches at once, and OpenFst's label-lookahead type is not needed. The graph follows Kaldi's reordered convention:
the arc into a state carries the forward transition-id, the state then loops with its self-loop id.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import kaldifst

from tools.demo_model.language_model import END, START, LanguageModel, estimate
from tools.demo_model.phones import Pron, State, phone_ids, phone_table, transition_ids, word_states

UNKNOWN, UNKNOWN_COST = "[unk]", 3.0  # any one syllable; for run-time grammars only, not in Gr
SILENCE_PROBABILITY = 0.25  # after a word
SECOND_PRON_COST = 0.7  # for each pronunciation before it
BEGIN_COST, BEGIN_SILENT_COST = 0.5, 0.9
SILENCE_STATE: State = (1, 0)


class Arc(NamedTuple):
    """An arc of a weighted transducer; label 0 is epsilon, cost a negative natural logarithm."""

    target: int
    input: int
    output: int
    cost: float


class Transducer:
    """States 0… with their arcs; state 0 is the start."""

    def __init__(self) -> None:
        self.arcs: dict[int, list[Arc]] = collections.defaultdict(list)
        self.final: dict[int, float] = {}
        self.count = 0

    def new_state(self) -> int:
        """A fresh state."""
        self.count += 1
        return self.count - 1

    def text(self) -> str:
        """OpenFst's text form; its first line must start with the start state."""
        lines = []
        for state in range(self.count):
            for arc in sorted(self.arcs[state], key=lambda a: (a.output, a.input)):
                lines.append(f"{state}\t{arc.target}\t{arc.input}\t{arc.output}\t{arc.cost:.4f}")
            if state in self.final:
                lines.append(f"{state}\t{self.final[state]:.4f}")
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write as an OpenFst vector FST, sorted by output label."""
        compiled = kaldifst.compile(self.text(), keep_state_numbering=True)
        kaldifst.arcsort(compiled, "olabel")
        compiled.write(str(path))
        arcs = sum(map(len, self.arcs.values()))
        print(f"{path.name}: {self.count} states, {arcs} arcs, {path.stat().st_size} bytes")


def word_transducer(lexicon: dict[str, list[Pron]], word_ids: dict[str, int]) -> Transducer:
    """HCLr: transition-ids in, words out; words share the states of common endings."""
    tids, ids = transition_ids(), phone_ids()
    graph = Transducer()
    start, between, silence = graph.new_state(), graph.new_state(), graph.new_state()
    self_loop, into_silence = tids[SILENCE_STATE]
    graph.arcs[start] += [Arc(between, 0, 0, BEGIN_COST), Arc(silence, into_silence, 0, BEGIN_SILENT_COST)]
    graph.arcs[silence] += [Arc(silence, self_loop, 0, 0.0), Arc(between, 0, 0, 0.0)]
    graph.final[between] = 0.0
    shared: dict[tuple[State, ...], int] = {}

    def inside(states: tuple[State, ...]) -> int:
        """The state within states[0], the rest still to come."""
        if states in shared:
            return shared[states]
        node = shared[states] = graph.new_state()
        graph.arcs[node].append(Arc(node, tids[states[0]][0], 0, 0.0))
        if len(states) > 1:
            graph.arcs[node].append(Arc(inside(states[1:]), tids[states[1]][1], 0, 0.0))
        else:
            speech, pause = -math.log(1 - SILENCE_PROBABILITY), -math.log(SILENCE_PROBABILITY)
            graph.arcs[node] += [Arc(between, 0, 0, speech), Arc(silence, into_silence, 0, pause)]
        return node

    for word, prons in lexicon.items():
        for rank, pron in enumerate(prons):
            states = word_states(pron, ids)
            cost = UNKNOWN_COST if word == UNKNOWN else SECOND_PRON_COST * rank
            graph.arcs[between].append(Arc(inside(states), tids[states[0]][1], word_ids[word], cost))
    return graph


def grammar(model: LanguageModel, word_ids: dict[str, int]) -> Transducer:
    """Gr: the language model as an acceptor with epsilon back-off arcs, one state a history."""
    graph = Transducer()
    histories = [(START,), *(history for history in model.grams if history != (START,))]
    state = {history: graph.new_state() for history in histories}
    for history, words in model.grams.items():
        for word, probability in words.items():
            cost = -math.log(probability)
            if word == END:
                graph.final[state[history]] = cost
                continue
            label = word_ids[word]
            target = state[model.next_history(history, word)]
            graph.arcs[state[history]].append(Arc(target, label, label, cost))
        if history:
            back_off = -math.log(model.back_off[history])
            graph.arcs[state[history]].append(Arc(state[history[1:]], 0, 0, back_off))
    return graph


def write_tables(folder: Path, word_ids: dict[str, int]) -> None:
    """words.txt, phones.txt, phones/word_boundary.int and disambig_tid.int."""
    (folder / "phones").mkdir(parents=True, exist_ok=True)
    table = list(enumerate(phone_table(), 1))
    words = "".join(f"{word} {number}\n" for word, number in word_ids.items())
    (folder / "words.txt").write_text("<eps> 0\n" + words, encoding="utf-8")
    phones = "".join(f"{phone.name} {number}\n" for number, phone in table)
    (folder / "phones.txt").write_text("<eps> 0\n" + phones)
    boundaries = "".join(f"{number} {phone.kind}\n" for number, phone in table)
    (folder / "phones/word_boundary.int").write_text(boundaries)
    # The graph has no disambiguation symbols, but Vosk wants the file: one unused transition-id.
    (folder / "disambig_tid.int").write_text(f"{2 * len(transition_ids()) + 1}\n")


def build(text: dict[str, Any], folder: Path) -> None:
    """Everything in graph/ from the contents of text.json."""
    vocab: list[str] = text["vocab"]
    lexicon = {word: [tuple(pron) for pron in text["lexicon"][word]] for word in vocab}
    syllables = {pron for word in vocab if len(word) == 1 for pron in lexicon[word]}
    lexicon[UNKNOWN] = sorted(syllables)
    word_ids = {word: number for number, word in enumerate([*vocab, UNKNOWN], 1)}
    write_tables(folder, word_ids)
    word_transducer(lexicon, word_ids).write(folder / "HCLr.fst")
    model = estimate(text["train"], vocab, text["counts"])
    for order in range(3):
        grams = sum(len(words) for history, words in model.grams.items() if len(history) == order)
        print(f"{order + 1}-grams: {grams}")
    grammar(model, word_ids).write(folder / "Gr.fst")


def main() -> None:
    """Write graph/ of the model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("model", type=Path)
    args = parser.parse_args()
    build(json.loads(args.text.read_text(encoding="utf-8")), args.model / "graph")


if __name__ == "__main__":
    main()
