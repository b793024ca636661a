"""Speech from espeak-ng with the exact time of every phoneme, which replaces forced alignment."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ivr.tools import Tool, tool

CHILD = Path(__file__).with_name("espeak_child.py")
VOICE = "cmn-latn-pinyin"  # reads Han characters and pinyin; plain "cmn" reads Han as English-spelt pinyin in 1.51

Samples = npt.NDArray[np.float32]


class SynthesisCrashed(RuntimeError):
    """libespeak-ng died on this text; the next request gets a fresh child."""


@dataclass(frozen=True)
class Utterance:
    """Speech of one request: int16 samples at `rate` Hz and (first sample, phoneme name) of every phoneme."""

    samples: npt.NDArray[np.int16]
    rate: int
    events: list[tuple[int, str]]


def child_command(espeak: Tool) -> list[str]:
    """How to start the child: the machine's own espeak-ng, or an unpacked one through its own system's loader."""
    if not espeak.prefix:
        return [sys.executable, "-I", str(CHILD), ""]
    python = os.path.realpath(sys.executable)
    data = str(espeak.data.parent) if espeak.data else ""
    return [*espeak.prefix, python, "-I", str(CHILD), data]


class Speaker:
    """One espeak-ng child process, restarted after a crash; use as a context manager."""

    def __init__(self) -> None:
        self._command = child_command(tool("espeak-ng"))
        self._child: subprocess.Popen[bytes] | None = None
        self.rate = 0

    def __enter__(self) -> Speaker:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def say(self, text: str, variant: str = "", rate: int = 175, pitch: int = 50, pitch_range: int = 50) -> Utterance:
        """Speak `text` (Han or toned pinyin) with voice variant "f1", "m3" …; raises SynthesisCrashed."""
        voice = f"{VOICE}+{variant}" if variant else VOICE
        request = {"text": text, "voice": voice, "rate": rate, "pitch": pitch, "range": pitch_range}
        child = self._child or self._start()
        assert child.stdin and child.stdout
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            answer = json.loads(child.stdout.readline())
            pcm = child.stdout.read(answer["samples"] * 2)
        except (BrokenPipeError, ValueError) as error:
            self._stop()
            raise SynthesisCrashed(text) from error
        events = [(int(sample), str(name)) for sample, name in answer["events"]]
        return Utterance(np.frombuffer(pcm, "<i2"), self.rate, events)

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdout
        self.rate = int(json.loads(self._child.stdout.readline())["rate"])
        return self._child

    def _stop(self) -> None:
        if self._child is None:
            return
        assert self._child.stdin and self._child.stdout
        with contextlib.suppress(BrokenPipeError):  # raised when it is dead already
            self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait(timeout=10)
        self._child = None
