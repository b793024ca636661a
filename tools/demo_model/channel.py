"""What happens to sound on its way: telephone band, G.711, noise, reverberation, hold music.

All samples are float32 in int16 scale; `rng` makes every choice, so a seed repeats it.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy.signal import butter, fftconvolve, lfilter

from tools.demo_model.features import SAMPLE_RATE, Samples

TELEPHONE_RATE = 8000  # Hz
FULL_SCALE = 32768.0
NOISES = ("white", "pink", "brown", "hum")


def mu_law(samples: Samples) -> Samples:
    """G.711 µ-law and back (continuous companding curve, 8 bits)."""
    x = np.clip(samples / FULL_SCALE, -1, 1)
    y = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)
    q = np.round((y + 1) * 127.5) / 127.5 - 1
    return (np.sign(q) * (256 ** np.abs(q) - 1) / 255 * FULL_SCALE).astype(np.float32)


def a_law(samples: Samples) -> Samples:
    """G.711 A-law (A = 87.6) and back (continuous companding curve, 8 bits)."""
    a, scale = 87.6, 1 + np.log(87.6)
    x = np.clip(samples / FULL_SCALE, -1, 1)
    size = np.abs(x)
    y = np.sign(x) * np.where(size < 1 / a, a * size, 1 + np.log(np.maximum(a * size, 1))) / scale
    q = (np.floor(y * 128) + 0.5) / 128
    level = np.abs(q) * scale
    return (np.sign(q) * np.where(level < 1, level, np.exp(level - 1)) / a * FULL_SCALE).astype(np.float32)


def telephone(samples: Samples, law: str = "mu", band: bool = True) -> Samples:
    """16 kHz -> 8 kHz, 300-3400 Hz when `band`, G.711 ("mu" or "a") -> 16 kHz, as the product resamples (soxr)."""
    narrow = soxr.resample(np.asarray(samples, np.float32), SAMPLE_RATE, TELEPHONE_RATE, "HQ")
    if band:
        b, a = butter(2, [300, 3400], "bandpass", fs=TELEPHONE_RATE)
        narrow = lfilter(b, a, narrow)
    coded = a_law(narrow) if law == "a" else mu_law(narrow)
    return soxr.resample(coded, TELEPHONE_RATE, SAMPLE_RATE, "HQ")


def rms(samples: Samples) -> float:
    """Root mean square, never zero."""
    return float(np.sqrt(np.mean(np.square(samples)) + 1e-9))


def noise(count: int, rng: np.random.Generator, kind: str = "") -> Samples:
    """`count` samples of noise with rms 1; kind is one of NOISES, drawn when empty."""
    kind = kind or str(rng.choice(NOISES))
    out = rng.standard_normal(count).astype(np.float32)
    if kind == "pink":
        out = lfilter([0.05, -0.096, 0.051, -0.0044], [1, -2.495, 2.017, -0.522], out)
    elif kind == "brown":
        out = lfilter([1], [1, -0.97], out)
    elif kind == "hum":
        t = np.arange(count) / SAMPLE_RATE
        mains = rng.choice([50.0, 60.0, 100.0, 120.0])
        tones = sum(np.sin(2 * np.pi * mains * k * t + rng.random() * 6) / k for k in range(1, 7))
        out = tones + 0.1 * out
    return (out / rms(out)).astype(np.float32)


def music(count: int, rng: np.random.Generator) -> Samples:
    """Chords like hold music, DTMF, or ring-back tone; rms 1."""
    out = np.zeros(count, np.float32)
    style = rng.integers(3)
    at = 0
    while at < count:
        seconds = rng.uniform(0.1, 0.6) if style < 2 else rng.uniform(0.4, 1.2)
        t = np.arange(min(int(SAMPLE_RATE * seconds), count - at)) / SAMPLE_RATE
        if style == 0:
            notes = 220 * 2 ** (rng.integers(0, 25, 3) / 12.0)
            partials = (np.sin(2 * np.pi * f * k * t) / k**1.5 for f in notes for k in (1, 2, 3, 4))
            piece = sum(partials) * np.exp(-t * 3)
        elif style == 1:
            low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
            piece = (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)) * (rng.random() < 0.6)
        else:
            piece = np.sin(2 * np.pi * 450 * t) * (rng.random() < 0.6)
        out[at : at + len(t)] = piece
        at += max(1, len(t))
    return out / (rms(out) + 1e-6)


def _colour(samples: Samples, rng: np.random.Generator) -> Samples:
    """Random spectral tilt and one random resonance (peaking equaliser, ±8 dB)."""
    samples = lfilter([1, rng.uniform(-0.7, 0.7)], [1], samples)
    centre, gain = rng.uniform(200, 3200), 10 ** (rng.uniform(-8, 8) / 20)
    omega = 2 * np.pi * centre / SAMPLE_RATE
    alpha, amplitude = np.sin(omega) / (2 * rng.uniform(0.5, 2)), np.sqrt(gain)
    b = np.array([1 + alpha * amplitude, -2 * np.cos(omega), 1 - alpha * amplitude])
    a = np.array([1 + alpha / amplitude, -2 * np.cos(omega), 1 - alpha / amplitude])
    return lfilter(b / a[0], a / a[0], samples)


def _reverberate(samples: Samples, rng: np.random.Generator) -> Samples:
    """A small room: exponentially decaying noise, T60 0.08-0.45 s."""
    count = int(SAMPLE_RATE * rng.uniform(0.08, 0.45))
    response = rng.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    response *= rng.uniform(0.05, 0.35) / np.sqrt(np.sum(response * response))
    response[0] = 1
    return fftconvolve(samples, response)[: len(samples)]


def degrade(samples: Samples, rng: np.random.Generator, babble: Samples | None, phone: float = 0.65) -> Samples:
    """A random channel; `babble` is other speech to mix in, `phone` the chance of a telephone path."""
    x = samples.astype(np.float32)
    if rng.random() < 0.5:
        x = _colour(x, rng)
    if rng.random() < 0.35:
        x = _reverberate(x, rng)
    level = rms(x)
    if babble is not None and rng.random() < 0.2:
        other = np.resize(babble, len(x))
        x = x + other / rms(other) * level * 10 ** (-rng.uniform(8, 25) / 20)
    if rng.random() < 0.7:
        x = x + noise(len(x), rng) * level * 10 ** (-rng.uniform(6, 40) / 20)
    x = x / (np.max(np.abs(x)) + 1e-6) * 32000 * 10 ** (-rng.uniform(0, 26) / 20)
    if rng.random() < 0.1:
        x = np.clip(x * rng.uniform(1, 4), -32000, 32000)
    if rng.random() < phone:
        x = telephone(x, law="a" if rng.random() < 0.4 else "mu", band=rng.random() < 0.5)
    return np.clip(np.round(x), -32768, 32767).astype(np.float32)
