"""Step 1: sentences, vocabulary and lexicon -> text.json."""

from __future__ import annotations

import argparse
import collections
import json
import re
from pathlib import Path

from tools.demo_model import corpus
from tools.demo_model.lexicon import dictionary_prons, make_lexicon
from tools.demo_model.synth import Speaker

TRAIN_SEED, HELD_SEED = 11, 977
HELD, HELD_DRAWN = 400, 6000
GENERAL_WORDS, CHARACTERS = 3500, 2600  # the general fallback vocabulary, the likeliest of jieba's dictionary
HAN = re.compile("[\u4e00-\u9fa5]+$")


def general_vocabulary(counts: dict[str, int]) -> set[str]:
    """Frequent words and characters of general Chinese that have a pronunciation."""
    usable = sorted((w for w in counts if HAN.match(w) and len(w) <= 4), key=lambda w: -counts[w])
    long_words = [w for w in usable if len(w) > 1 and dictionary_prons(w)][:GENERAL_WORDS]
    characters = [w for w in usable if len(w) == 1 and dictionary_prons(w)][:CHARACTERS]
    return {*long_words, *characters}


def main() -> None:
    """Write text.json: train (lists of words), held (sentences), vocab, counts, lexicon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sentences", type=int, default=160000)
    args = parser.parse_args()
    source = corpus.Corpus()
    drawn = source.sentences(args.sentences, TRAIN_SEED)
    seen = set(drawn)
    held = [s for s in dict.fromkeys(source.sentences(HELD_DRAWN, HELD_SEED)) if s not in seen][:HELD]
    train = [words for words in map(corpus.words, drawn) if words]
    domain = {word for sentence in train for word in sentence}
    counts = corpus.word_counts()
    wanted = domain | general_vocabulary(counts) | {character for word in domain for character in word}
    vocab = sorted(word for word in wanted if dictionary_prons(word))
    with Speaker() as speaker:
        lexicon = make_lexicon(vocab, speaker)
    frequencies = collections.Counter({word: counts.get(word, 0) for word in vocab})
    result = {"train": train, "held": held, "vocab": vocab, "counts": frequencies, "lexicon": lexicon}
    args.out.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    extra = sum(len(prons) > len(dictionary_prons(word)) for word, prons in lexicon.items())
    print(
        f"{len(train)} sentences ({len(seen)} distinct), {len(held)} held out, "
        f"{len(domain)} domain words, {len(vocab)} words in all, {extra} with a reading of espeak-ng's own"
    )


if __name__ == "__main__":
    main()
