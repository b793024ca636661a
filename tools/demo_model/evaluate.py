"""Figures of a model folder, from the real Vosk engine: `python -m tools.demo_model.evaluate MODEL [--part …]`.

Speech is espeak-ng's through a telephone path: 8 kHz, G.711, and back to 16 kHz with soxr as the product does.
Nothing that is played was in the training audio; "demonstration" sentences are in the language model on purpose,
"known" and "blind" never are.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soxr

from tools.demo_model import corpus
from tools.demo_model.alignment import Delivery, speak
from tools.demo_model.channel import NOISES, music, noise, rms, telephone
from tools.demo_model.decode import Decoder, Tally
from tools.demo_model.features import SAMPLE_RATE, Samples
from tools.demo_model.lexicon import switches_language, toned_syllables
from tools.demo_model.phones import syllable_phones
from tools.demo_model.synth import Speaker
from tools.demo_model.voices import HELD_OUT, PRODUCT

SILENCE = np.zeros(int(0.4 * SAMPLE_RATE), np.float32)
PEAK = 12000
RATES = (140, 160, 180)  # words a minute, espeak-ng's unit
SPOTTED = ["不知道", "不清楚", "不行", "不关我事", "我不负责", "找别人去", "急什么", "你弄错了", "自己去看"]
SPOTTED += ["下班了", "没有办法", "你冷静点", "烦死了"]

CHANNELS: dict[str, Callable[[Samples, np.random.Generator], Samples]] = {
    "16 kHz": lambda x, _: x,
    "µ-law 8 kHz": lambda x, _: telephone(x),
    "A-law 8 kHz": lambda x, _: telephone(x, law="a"),
    "µ-law, pink noise 15 dB below": lambda x, rng: telephone(
        x + noise(len(x), rng, "pink") * rms(x) * 10 ** (-15 / 20)
    ),
}


class Voice:
    """Speaks sentences for the tests."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def say(self, text: str, variant: str, rate: int = 160, pitch: int = 50) -> Samples:
        """Text as it is, Han characters read by espeak-ng itself; 16 kHz with silence around it."""
        spoken = self._speaker.say(text, variant, rate, pitch)
        sound = soxr.resample(spoken.samples.astype(np.float32), spoken.rate, SAMPLE_RATE, "HQ")
        return np.concatenate([SILENCE, sound / np.max(np.abs(sound)) * PEAK, SILENCE])

    def pinyin(self, sentence: str, variant: str, rate: int = 160, pitch: int = 50) -> Samples | None:
        """A sentence as the product's offline voice gets it: pinyin, one word a blank."""
        syllables = [toned_syllables(word) for word in corpus.words(sentence)]
        text = " ".join("".join(word) for word in syllables if word)
        spoken = self._speaker.say(text, variant, rate, pitch)
        return None if switches_language(spoken.events) else self.say(text, variant, rate, pitch)


def sentence_sets(text: Path | None) -> dict[str, list[str]]:
    """Name -> sentences; those held out of the templates only when text.json is given."""
    names = {"demonstration": "demonstration.txt", "known": "eval_known.txt", "blind": "eval_blind.txt"}
    sets = {name: corpus.lines(file) for name, file in names.items()}
    if text:
        held = json.loads(text.read_text(encoding="utf-8"))["held"]
        sets["held out"] = random.Random(5).sample(held, 100)
    return sets


def spoken_set(voice: Voice, sentences: list[str], rng: np.random.Generator) -> Iterator[tuple[str, Samples]]:
    """Every sentence with two of the voices that were never trained on, at random rates and pitches."""
    for i, sentence in enumerate(sentences * 2):
        rate, pitch = int(rng.integers(130, 220)), int(rng.integers(30, 70))
        sound = voice.pinyin(sentence, HELD_OUT[i % len(HELD_OUT)], rate, pitch)
        if sound is not None:
            yield "".join(corpus.words(sentence)), sound


def measure_sentences(decoder: Decoder, voice: Voice, sets: dict[str, list[str]]) -> None:
    """Character error rates by set and channel, voices never trained on."""
    print("== sentences, voices never trained on")
    for name, sentences in sets.items():
        rng = np.random.default_rng(5)
        spoken = list(spoken_set(voice, sentences, rng))
        for label, channel in CHANNELS.items():
            tally = Tally()
            for said, sound in spoken:
                tally.add(said, decoder.text(channel(sound, rng)))
            print(f"{name:14s} {label:30s} {tally}", flush=True)
        for errors, said, heard in tally.worst[:3]:
            print(f"    {errors} errors: {said} | {heard}")


def measure_voices(decoder: Decoder, voice: Voice, sets: dict[str, list[str]]) -> None:
    """Error rates of each voice the product may use, at three rates, as Han text and as pinyin, µ-law."""
    print(f"== voices at {RATES} words a minute: CER of demonstration / known and blind; µ-law")
    for variant in (*PRODUCT, *HELD_OUT[:3]):
        cells = []
        for form in ("pinyin", "Han"):
            for rate in RATES:
                figures = []
                for names in (("demonstration",), ("known", "blind")):
                    tally = Tally()
                    for sentence in [s for name in names for s in sets[name]]:
                        say = voice.pinyin if form == "pinyin" else voice.say
                        sound = say(sentence, variant, rate)
                        if sound is not None:
                            tally.add("".join(corpus.words(sentence)), decoder.text(telephone(sound)))
                    figures.append(f"{tally.rate:.1f}")
                cells.append("/".join(figures))
        print(f"{variant or '(none)':8s} pinyin {'  '.join(cells[:3])}   Han {'  '.join(cells[3:])}", flush=True)


def measure_no_speech(decoder: Decoder, voice: Voice, _: dict[str, list[str]]) -> None:
    """What is heard where nobody speaks: nothing, it should be."""
    print("== no speech: words heard")
    rng = np.random.default_rng(77)
    minute = 60 * SAMPLE_RATE
    sounds = {"digital silence": np.zeros(minute, np.float32)}
    for kind in NOISES:
        for level in (50, 500, 3000):
            sounds[f"{kind} noise, rms {level}"] = noise(minute, rng, kind) * level
    for i in range(6):
        sounds[f"music, DTMF or ring-back {i}"] = music(minute, rng) * 2500
    for label, sound in sounds.items():
        heard = decoder.words(sound if label == "digital silence" else telephone(sound))
        print(f"{label:26s} {len(heard)} in 60 s {' '.join(word.word for word in heard)}", flush=True)
    said = ("您好请稍等", "感谢您的来电再见")
    pause = np.zeros(25 * SAMPLE_RATE, np.float32)
    pieces = [telephone(voice.say(text, "f2")) for text in said]
    heard = decoder.words(np.concatenate([pieces[0], pause, pieces[1]]))
    told = " ".join(f"{w.word}@{w.start:.2f}" for w in heard)
    print(f"a pause of 25 s between {said[0]} and {said[1]}: {told}")


def measure_times(decoder: Decoder, voice: Voice, sets: dict[str, list[str]]) -> None:
    """Word times against the synthesiser's own phoneme times, of words heard right; and confidences."""
    errors: list[float] = []
    confidences: dict[bool, list[float]] = {True: [], False: []}
    rng = np.random.default_rng(3)
    with Speaker() as speaker:
        for i, sentence in enumerate(sets["demonstration"] + sets["known"] + sets["blind"]):
            words = corpus.words(sentence)
            spoken = speak(speaker, words, Delivery(PRODUCT[i % len(PRODUCT)], 160, 50, 50), rng)
            if spoken is None:
                continue
            sound, segments = spoken
            truth, at = [], 0
            for word in words:
                count = sum(_segment_counts(word))
                truth.append((word, segments[at].start, segments[at + count - 1].end))
                at += count
            heard = decoder.words(telephone(np.concatenate([SILENCE, sound, SILENCE])))
            offset = len(SILENCE) / SAMPLE_RATE
            for w in heard:
                near = [t for t in truth if t[0] == w.word and abs(t[1] + offset - w.start) < 0.5]
                confidences[bool(near)].append(w.confidence)
                if near:
                    best = min(near, key=lambda t: abs(t[1] + offset - w.start))
                    errors += [w.start - best[1] - offset, w.end - best[2] - offset]
    sizes = np.abs(np.array(errors)) * 1000
    print("== word times and confidence, µ-law, product voices")
    print(
        f"{len(sizes) // 2} words: mean {sizes.mean():.0f} ms off, {100 * np.mean(sizes <= 50):.1f} % of starts and "
        f"ends within 50 ms, 99 % within {np.percentile(sizes, 99):.0f} ms, most {sizes.max():.0f} ms"
    )
    for right, values in confidences.items():
        label = "right" if right else "wrong"
        print(f"confidence of {len(values)} {label} words: mean {np.mean(values or [0]):.2f}")


def _segment_counts(word: str) -> Iterator[int]:
    """Segments of each syllable: initials have one, finals two."""
    for syllable in toned_syllables(word) or ():
        yield len(syllable_phones(syllable[:-1]) or ()) + 1


def measure_spotting(decoder: Decoder, voice: Voice, sets: dict[str, list[str]]) -> None:
    """Forbidden phrases inside sentences: found, missed, heard where nobody said them."""
    said, found, false = 0, 0, 0
    chooser = random.Random(8)
    clean = [s for name in ("known", "blind", "demonstration") for s in sets[name]]
    for i in range(120):
        phrase = SPOTTED[i % len(SPOTTED)] if i % 2 else ""
        sentence = phrase or chooser.choice(clean)
        if phrase and i % 4 == 1:
            sentence = f"你好，这个{phrase}。请稍等"
        heard = decoder.text(telephone(voice.say(sentence, HELD_OUT[i % len(HELD_OUT)])))
        for candidate in SPOTTED:
            said += candidate in sentence
            found += candidate in sentence and candidate in heard
            false += candidate not in sentence and candidate in heard
    print(f"== forbidden phrases: {found} of {said} found, {false} heard where nobody said them")


def measure_people(decoder: Decoder, folder: Path) -> None:
    """Clips of real people: WAV files and transcripts.tsv (name, tab, text)."""
    import soundfile

    tally = Tally()
    for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition("\t")
        path = next((p for p in (folder / name, folder / f"{name}.wav") if p.is_file()), None)
        if path is None:
            continue
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        tally.add("".join(corpus.words(text)), decoder.text(sound.mean(1) * 32767, rate))
    print(f"== real people: {tally}")


PARTS = {
    "sentences": measure_sentences,
    "voices": measure_voices,
    "silence": measure_no_speech,
    "times": measure_times,
    "spotting": measure_spotting,
}


def main() -> None:
    """Print the figures asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path, help="text.json, for the held-out template sentences")
    parser.add_argument("--part", choices=[*PARTS], action="append", help="only this; may be repeated")
    parser.add_argument("--human", type=Path, help="folder with clips of real people and transcripts.tsv")
    args = parser.parse_args()
    decoder = Decoder(args.model)
    sets = sentence_sets(args.text)
    with Speaker() as speaker:
        for name in args.part or PARTS:
            PARTS[name](decoder, Voice(speaker), sets)
    if args.human:
        measure_people(decoder, args.human)
    if decoder.heard:
        print(f"== decoding took {decoder.busy / decoder.heard:.3f} of real time over {decoder.heard:.0f} s")


if __name__ == "__main__":
    main()
