"""Step 2: synthesise, degrade, compute MFCC and frame labels -> one shard of training data (.npz)."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from tools.demo_model.alignment import Delivery, Segment, speak
from tools.demo_model.channel import degrade, music, noise, telephone
from tools.demo_model.features import FRAME_CENTRE, FRAMES_PER_SECOND, SAMPLE_RATE, Samples, mfcc
from tools.demo_model.lexicon import toned_syllables
from tools.demo_model.synth import Speaker, SynthesisCrashed
from tools.demo_model.voices import PRODUCT, TRAIN

NOISE_SHARE, SENTENCE_SHARE, PRODUCT_SHARE = 0.035, 0.5, 0.3
EDGES = (0.0, 0.5), (0.05, 0.6)  # s of silence before and after


class Source:
    """Draws labelled utterances; everything random comes from `seed`."""

    def __init__(self, text: dict[str, Any], speaker: Speaker, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._speaker = speaker
        self._sentences = list({"".join(words): words for words in text["train"]}.values())
        self._words = [word for word in text["vocab"] if toned_syllables(word)]
        weights = np.array([max(text["counts"][word], 30) ** 0.45 for word in self._words])
        self._weights = weights / weights.sum()
        self._babble: Samples | None = None

    def draw(self) -> tuple[Samples, list[Segment]] | None:
        """One utterance (16 kHz, int16 scale) with its segments; None when the synthesis was of no use."""
        if self._rng.random() < NOISE_SHARE:
            return self._no_speech(), []
        spoken = speak(self._speaker, self._text(), self._delivery(), self._rng)
        return self._recorded(*spoken) if spoken else None

    def _no_speech(self) -> Samples:
        """Noise, music, tones or digital silence, which must all become silence."""
        rng = self._rng
        count = int(SAMPLE_RATE * rng.uniform(1, 4))
        chance = rng.random()
        if chance < 0.45:
            sound = music(count, rng)
        else:
            sound = noise(count, rng) if chance < 0.85 else np.zeros(count, np.float32)
        sound = sound * 10 ** rng.uniform(1, 3.7)
        if rng.random() < 0.6:
            sound = telephone(sound)
        return np.clip(sound, -32768, 32767).astype(np.float32)

    def _text(self) -> list[str]:
        """Half sentences of the domain, half random words, so that the network does not learn the sentences."""
        rng = self._rng
        if rng.random() < SENTENCE_SHARE:
            return self._sentences[rng.integers(len(self._sentences))]
        return [self._words[i] for i in rng.choice(len(self._words), rng.integers(2, 9), p=self._weights)]

    def _delivery(self) -> Delivery:
        """A random voice, or (PRODUCT_SHARE) one of the product's, hardly altered."""
        rng = self._rng
        if rng.random() < PRODUCT_SHARE:
            variant = PRODUCT[rng.integers(len(PRODUCT))]
            return Delivery(variant, int(rng.integers(120, 210)), int(rng.integers(35, 65)), 50)
        speed = float(np.exp(rng.uniform(np.log(0.8), np.log(1.27))))
        rate = int(rng.integers(105, 320) / speed**0.5)
        variant = TRAIN[rng.integers(len(TRAIN))]
        return Delivery(variant, rate, int(rng.integers(5, 99)), int(rng.integers(10, 95)), speed)

    def _recorded(self, audio: Samples, segments: list[Segment]) -> tuple[Samples, list[Segment]]:
        rng = self._rng
        before, after = (rng.uniform(*span) for span in EDGES)
        silences = (np.zeros(int(seconds * SAMPLE_RATE), np.float32) for seconds in (before, after))
        first, last = silences
        clean = np.concatenate([first, audio, last])
        moved = [Segment(start + before, end + before, pdf) for start, end, pdf in segments]
        if rng.random() < 0.88:
            sound = degrade(clean, rng, self._babble)
        else:
            sound = np.round(clean * 10 ** rng.uniform(-1.2, 0))
        self._babble = clean
        return sound, moved


def frame_labels(frames: int, segments: list[Segment]) -> np.ndarray:
    """pdf of every 10 ms frame by where its centre lies; 0 (silence) outside all segments."""
    labels = np.zeros(frames, np.uint8)
    for start, end, pdf in segments:
        first, last = (int(np.ceil((t - FRAME_CENTRE) * FRAMES_PER_SECOND)) for t in (start, end))
        labels[max(0, first) : max(0, last)] = pdf
    return labels


def main() -> None:
    """Write feats (float16), labs (uint8) and lens (frames per utterance) of `hours` of audio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, required=True)
    args = parser.parse_args()
    text = json.loads(args.text.read_text(encoding="utf-8"))
    began, drawn, useless, total = time.monotonic(), 0, 0, 0
    features: list[Samples] = []
    labels: list[np.ndarray] = []
    with Speaker() as speaker:
        source = Source(text, speaker, args.seed)
        while total < args.hours * 3600 * SAMPLE_RATE:
            drawn += 1
            try:
                utterance = source.draw()
            except SynthesisCrashed:
                utterance = None
            if utterance is None:
                useless += 1
                continue
            audio, segments = utterance
            frames = mfcc(audio)
            features.append(frames.astype(np.float16))
            labels.append(frame_labels(len(frames), segments))
            total += len(audio)
    lengths = np.array([len(f) for f in features])
    np.savez(args.out, feats=np.concatenate(features), labs=np.concatenate(labels), lens=lengths)
    hours, seconds = total / SAMPLE_RATE / 3600, time.monotonic() - began
    print(f"{args.out.name}: {hours:.2f} h, {drawn} drawn, {useless} of no use, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
