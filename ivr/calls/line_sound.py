"""Whether anything has been heard from a caller, from the recording of their side while it grows (S3)."""

from pathlib import Path

_HEADER = 44
"""Bytes before the samples of a WAV file as Asterisk writes it (16 bit, 8 kHz, mono)."""
_FRAME = 160
"""Samples of 20 ms."""
_LOUD = 500
"""A sample above this (-36 dBFS) is no silence, no comfort noise, and no echo of our own prompts."""
_ENOUGH = 10
"""So many loud frames are a voice or a noise of life; fewer are a click."""


class LineSound:
    """The growing recording of a caller. Asterisk writes it about two seconds behind the call."""

    def __init__(self, recording: Path) -> None:
        self._recording = recording
        self._read = _HEADER
        self._loud = 0

    def heard(self) -> bool | None:
        """Whether the caller's side has had any sound so far; None when that cannot be known."""
        if self._loud >= _ENOUGH:
            return True
        try:
            with self._recording.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:
            return None
        whole = len(data) - len(data) % (2 * _FRAME)
        if self._read == _HEADER and not whole:
            return None
        self._read += whole
        self._loud += loud_frames(data[:whole])
        return self._loud >= _ENOUGH


def loud_frames(samples: bytes) -> int:
    """How many frames of 20 ms are louder than silence; `samples` are 16 bit, in this machine's byte order."""
    values = memoryview(samples).cast("h")
    frames = (values[start : start + _FRAME] for start in range(0, len(values), _FRAME))
    return sum(max(frame) > _LOUD or min(frame) < -_LOUD for frame in frames)
