"""Recordings into words, by a child process that may crash without taking the worker along."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ivr.errors import IvrError
from ivr.settings import ROOT
from ivr.speech.models import SpeechModel
from ivr.speech.words import Word, is_han, join_words

__all__ = [
    "ModelDoesNotLoad",
    "RecordingUnusable",
    "Transcriber",
    "Transcription",
    "TranscriptionCrashed",
    "Word",
    "is_han",
    "join_words",
    "transcribe",
]

Windows = Sequence[tuple[float, float]]
"""Spans of a recording, in seconds from its start."""

JOBS_PER_CHILD = 50
"""A child is replaced after this many recordings: Vosk's memory grows."""

LOAD_SECONDS = 300.0
"""Loading the large model (2 GB) from a slow disk."""

SECONDS_PER_SECOND = 5.0
"""Processor seconds allowed a second of sound; the large model on a busy small machine needs 1 to 2."""

_GRACE = 60.0


class TranscriptionCrashed(IvrError):
    """The child died, took too long, or answered nonsense; the same recording may go well next time."""


class ModelDoesNotLoad(TranscriptionCrashed):
    """The child ended before it had loaded the model: no recording is at fault."""


class RecordingUnusable(IvrError):
    """The recording itself cannot be heard (missing, empty, cut within its header, not a wav)."""


@dataclass(frozen=True)
class Transcription:
    """What was heard. `seconds` of sound were there; the file's header promised `declared` seconds."""

    words: tuple[Word, ...]
    seconds: float
    declared: float

    @property
    def cut_short(self) -> bool:
        """Whether sound is missing at the end: the writer died, or the disk was full."""
        return self.declared - self.seconds > 0.1


class Transcriber:
    """Keeps one child with the model loaded; starts another after a crash or JOBS_PER_CHILD recordings."""

    def __init__(
        self,
        model: SpeechModel,
        *,
        jobs_per_child: int = JOBS_PER_CHILD,
        command: Sequence[str] | None = None,
        seconds_per_second: float = SECONDS_PER_SECOND,
        grace: float = _GRACE,
    ) -> None:
        self.model = model
        self._command = [*(command or (sys.executable, "-m", "ivr.speech.vosk_child")), str(model.path)]
        self._jobs_per_child = jobs_per_child
        self._seconds_per_second = seconds_per_second
        self._grace = grace
        self._child: _Child | None = None

    def __enter__(self) -> "Transcriber":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def child_pid(self) -> int | None:
        """The child at work, if one is running."""
        return self._child.pid if self._child else None

    def transcribe(self, wav: Path, windows: Windows | None = None) -> Transcription:
        """Hear a recording, or only the given windows of it.

        Raises TranscriptionCrashed or RecordingUnusable; after either the next call works again.
        """
        if not wav.is_file():
            raise RecordingUnusable(f"The recording {wav.name} is not there.", "see `ivr doctor`")
        allowed = self._grace + self._seconds_per_second * _sound_seconds(wav, windows)
        try:
            child = self._ready_child()
            reply = child.ask({"wav": str(wav.resolve()), "windows": windows}, allowed)
            if "bad_recording" in reply:
                raise RecordingUnusable(
                    f"The recording {wav.name} cannot be transcribed: {reply['bad_recording']}.",
                    "look for a full disk or a crash of Asterisk at that time",
                )
            return _read_reply(reply)
        except TranscriptionCrashed:
            self.close()
            raise

    def interrupt(self) -> None:
        """Break off a `transcribe` under way, which then raises TranscriptionCrashed; safe in a signal handler."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def _ready_child(self) -> "_Child":
        if self._child is not None and (self._child.jobs >= self._jobs_per_child or not self._child.alive):
            self.close()
        if self._child is None:
            self._child = _Child(self._command)
            self._child.expect_ready()
        return self._child


def transcribe(wav: Path, model: SpeechModel, windows: Windows | None = None) -> list[Word]:
    """The words of one recording, by a child started for it; raises TranscriptionCrashed, RecordingUnusable."""
    with Transcriber(model) as transcriber:
        return list(transcriber.transcribe(wav, windows).words)


class _Child:
    """One running vosk_child: lines of JSON in and out, every wait with an end."""

    def __init__(self, command: Sequence[str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in end)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=ROOT,
                # One thread for numeric libraries: the machine's processors belong to calls.
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError as error:
            self._errors.close()
            raise TranscriptionCrashed(f"The transcriber does not start ({error.strerror}).") from error
        self.jobs = 0
        self._buffer = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def expect_ready(self) -> None:
        try:
            ready = self._read(LOAD_SECONDS).get("ready")
        except TranscriptionCrashed as error:
            raise ModelDoesNotLoad(
                f"The speech model does not load: {error.message}", "`ivr models list` and `ivr doctor` tell more"
            ) from error
        if not ready:
            raise ModelDoesNotLoad("The transcriber answered nonsense when it started.")

    def ask(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send one job and wait for its answer, `seconds` at most."""
        self.jobs += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._crash() from error
        return self._read(seconds)

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        """Close the pipes and see the process off."""
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                continue  # what was still unsent is of no use to a child that is gone
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _read(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise TranscriptionCrashed(f"The transcriber took longer than {seconds:.0f} s.")
                block = os.read(self._process.stdout.fileno(), 1 << 16)
                if not block:
                    raise self._crash()
                self._buffer += block
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            reply = json.loads(line)
        except ValueError as error:
            raise TranscriptionCrashed("The transcriber answered nonsense.") from error
        if not isinstance(reply, dict):
            raise TranscriptionCrashed("The transcriber answered nonsense.")
        return reply

    def _crash(self) -> TranscriptionCrashed:
        """Why the child is gone, as far as its exit and its last words tell."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return TranscriptionCrashed("The transcriber closed its answer line.")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        last = f": {lines[-1][:200]}" if lines else ""
        return TranscriptionCrashed(f"The transcriber died ({how}{last}).")


def _sound_seconds(wav: Path, windows: Windows | None) -> float:
    """Seconds to hear at most, judged by the file's size (8 kHz, 16 bit); the time allowed is generous anyway."""
    whole = wav.stat().st_size / 16_000
    return whole if windows is None else min(whole, sum(max(0.0, end - start) for start, end in windows))


def _read_reply(reply: dict[str, Any]) -> Transcription:
    try:
        words = tuple(Word.from_json(word) for word in reply["words"])
        return Transcription(words, float(reply["seconds"]), float(reply["declared"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TranscriptionCrashed("The transcriber answered nonsense.") from error
