"""MFCC features, the same as Vosk (Kaldi) computes from conf/mfcc.conf."""

from __future__ import annotations

import functools

import kaldi_native_fbank as knf
import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16000  # Hz
MEL_BINS = CEPSTRA = 32
LOW_HZ, HIGH_HZ = 80, 3600  # nothing above 3.6 kHz: 8 kHz telephony and 16 kHz audio give the same features
SUBSAMPLING = 3  # one output every 3 frames; Vosk has 3 hard-coded in places
FRAMES_PER_SECOND = 100
FRAME_CENTRE = 0.0125  # s; frame i (25 ms window, snip-edges) is centred on i * 10 ms + 12.5 ms

Samples = npt.NDArray[np.float32]


@functools.lru_cache(1)
def _options() -> knf.MfccOptions:
    options = knf.MfccOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = MEL_BINS
    options.mel_opts.low_freq = LOW_HZ
    options.mel_opts.high_freq = HIGH_HZ
    options.num_ceps = CEPSTRA
    options.use_energy = False
    return options


def mfcc(samples: Samples) -> Samples:
    """16 kHz samples in int16 scale (not ±1: Kaldi's scale) -> (frames, CEPSTRA)."""
    computer = knf.OnlineMfcc(_options())
    computer.accept_waveform(SAMPLE_RATE, np.ascontiguousarray(samples, np.float32).tolist())
    computer.input_finished()
    count = computer.num_frames_ready
    if not count:
        return np.zeros((0, CEPSTRA), np.float32)
    return np.stack([computer.get_frame(i) for i in range(count)])


def mfcc_conf() -> str:
    """conf/mfcc.conf; without allow-upsample Vosk dies on 8 kHz audio."""
    return (
        f"--sample-frequency={SAMPLE_RATE}\n--use-energy=false\n--num-mel-bins={MEL_BINS}\n"
        f"--num-ceps={CEPSTRA}\n--low-freq={LOW_HZ}\n--high-freq={HIGH_HZ}\n--dither=0\n--allow-upsample=true\n"
    )
