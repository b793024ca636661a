"""The program that hears: one Vosk model, one recording after another, in a process of its own.

`python -m ivr.speech.vosk_child MODEL`: a JSON job a line on stdin, a JSON answer a line on stdout.
Job: {"wav": path, "windows": [[start, end], …] or null}. Answer: {"words": […], "seconds": s, "declared": s},
or {"bad_recording": why}. Vosk's C++ part may abort at any time; then the line never comes.
"""

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

MODEL_RATE = 16_000
"""Hz; Vosk's models expect this, telephone recordings have 8,000."""

BLOCK_SECONDS = 0.25
SILENCE_SECONDS = 0.3
"""Appended to every window, or the last word may be lost (field notes)."""

Samples = NDArray[np.float32]


class BadRecording(Exception):
    """A file that is not a usable recording."""


class Recording:
    """A wav file read block by block; `seconds` are there, `declared` its header promises."""

    def __init__(self, path: Path) -> None:
        self.declared_bytes, body = _data_chunk(path)
        try:
            self._file = soundfile.SoundFile(str(path))
        except soundfile.SoundFileError as error:
            raise BadRecording("it is not a wav recording") from error
        if self._file.frames == 0 and body == 0:
            raise BadRecording("it holds no sound")
        self.rate = int(self._file.samplerate)
        frame = self._file.channels * _SAMPLE_BYTES.get(self._file.subtype, 2)
        if self._file.frames == 0:
            # The writer died before it could note the length: what is there is taken all the same.
            self._file.close()
            self._file = soundfile.SoundFile(
                str(path),
                samplerate=self.rate,
                channels=frame // 2,
                subtype="PCM_16",
                format="RAW",
                endian="LITTLE",
            )
            self._skip = (path.stat().st_size - body) // frame
            self.seconds = body // frame / self.rate
        else:
            self._skip = 0
            self.seconds = self._file.frames / self.rate
        self.declared = max(self.declared_bytes / frame / self.rate, self.seconds)

    def blocks(self, start: float, end: float) -> Iterator[Samples]:
        """Mono blocks between two moments (s)."""
        first, last = round(start * self.rate), round(end * self.rate)
        self._file.seek(self._skip + first)
        size = round(BLOCK_SECONDS * self.rate)
        while first < last:
            block = self._file.read(min(size, last - first), dtype="float32", always_2d=True)
            if not len(block):
                return
            first += len(block)
            yield block.mean(axis=1)

    def close(self) -> None:
        self._file.close()


_SAMPLE_BYTES = {"PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}


def _data_chunk(path: Path) -> tuple[int, int]:
    """(bytes declared, bytes there) of a wav file's sound; raises BadRecording when it is none."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(12)
            if not head:
                raise BadRecording("it is empty")
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                raise BadRecording("it is not a wav recording")
            while len(chunk := file.read(8)) == 8:
                name, length = struct.unpack("<4sI", chunk)
                if name == b"data":
                    return length, size - file.tell()
                file.seek(length + length % 2, os.SEEK_CUR)
    except OSError as error:
        raise BadRecording(f"it cannot be read ({error.strerror})") from error
    raise BadRecording("it is cut short within its header")


def hear(model: Any, recording: Recording, windows: list[tuple[float, float]]) -> list[dict[str, Any]]:
    """The words of the given windows, with times from the start of the recording."""
    words: list[dict[str, Any]] = []
    for start, end in windows:
        words += _hear_window(model, recording, max(0.0, start), min(end, recording.seconds))
    return words


def _hear_window(model: Any, recording: Recording, start: float, end: float) -> list[dict[str, Any]]:
    import vosk

    if end <= start:
        return []
    recognizer = vosk.KaldiRecognizer(model, MODEL_RATE)
    recognizer.SetWords(True)
    resampler = soxr.ResampleStream(recording.rate, MODEL_RATE, 1, dtype="float32")
    heard: list[dict[str, Any]] = []
    for block in recording.blocks(start, end):
        _leave_when_orphaned()
        if recognizer.AcceptWaveform(_pcm(resampler.resample_chunk(block))):
            heard += json.loads(recognizer.Result()).get("result", [])
    silence = np.zeros(round(SILENCE_SECONDS * recording.rate), dtype=np.float32)
    recognizer.AcceptWaveform(_pcm(resampler.resample_chunk(silence, last=True)))
    heard += json.loads(recognizer.FinalResult()).get("result", [])
    return [
        {
            "word": word["word"],
            "start": round(start + word["start"], 3),
            "end": round(start + word["end"], 3),
            "confidence": round(min(1.0, max(0.0, word["conf"])), 3),
        }
        for word in heard
        if not word["word"].startswith(("<", "["))
    ]


def _pcm(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


_PARENT = os.getppid()


def _leave_when_orphaned() -> None:
    """A killed worker's child must not go on hearing for nobody."""
    if os.getppid() != _PARENT:
        os._exit(0)


def answer(model: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Do one job."""
    try:
        recording = Recording(Path(job["wav"]))
    except BadRecording as error:
        return {"bad_recording": str(error)}
    try:
        windows = job["windows"]
        spans = [(0.0, recording.seconds)] if windows is None else [(a, b) for a, b in windows]
        words = hear(model, recording, spans)
        return {"words": words, "seconds": recording.seconds, "declared": recording.declared}
    finally:
        recording.close()


def main(model_path: str, jobs: TextIO, answers: TextIO) -> None:
    """Load the model, say so, then answer jobs until the worker closes the pipe."""
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(model_path)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in jobs:
        print(json.dumps(answer(model, json.loads(line)), ensure_ascii=False), file=answers, flush=True)


if __name__ == "__main__":
    # Whatever a library prints goes to stderr: stdout carries answers and nothing else.
    own_stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    main(sys.argv[1], sys.stdin, own_stdout)
