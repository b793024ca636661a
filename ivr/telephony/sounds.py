"""The sound files of prompts as Asterisk plays them, looked up once and remembered."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ivr.speech.prompts import PromptStore

_BYTES_PER_SECOND = 8000
"""µ-law, which every prompt is rendered in."""
_HEARD = 0.3
"""Seconds of a prompt's end that carry no word any more."""


@dataclass(frozen=True)
class Sound:
    """A prompt's file without extension, and how long it is heard, in seconds."""

    file: str
    seconds: float


class Sounds:
    """Prompts by id and language; remembered until the prompts are built again."""

    def __init__(self, store: PromptStore) -> None:
        self._store = store
        self._built: int | None = None
        self._known: dict[tuple[str, str], Sound | None] = {}

    def find(self, prompt: str, language: str) -> Sound | None:
        """The sound of a prompt, None when there is none in this language nor in the default one."""
        key = (prompt, language)
        if key not in self._known:
            self._known[key] = self._look_up(prompt, language)
        return self._known[key]

    def work_number(self, number: str, language: str) -> list[str]:
        """Prompt ids of "工号1001为您服务" (S1)."""
        return self._store.work_number(number, language)

    def refresh(self) -> None:
        """Forget what is remembered when the prompts have been built since."""
        try:
            built: int | None = self._store.manifest_file.stat().st_mtime_ns
        except OSError:
            built = None
        if built != self._built or built is None:
            self._known, self._built = {}, built

    def _look_up(self, prompt: str, language: str) -> Sound | None:
        file = self._store.file(prompt, language)
        try:
            size = Path(f"{file}.ulaw").stat().st_size
        except OSError:
            return None
        return Sound(file, size / _BYTES_PER_SECOND)


def begun(sounds: Iterable[tuple[str, Sound]], elapsed: float) -> Iterator[tuple[str, float, bool]]:
    """Which of the sounds played one after the other have begun within `elapsed` seconds.

    Each with its offset in seconds, and whether it was heard: all but an end that carries no word any more.
    """
    offset = 0.0
    for prompt, sound in sounds:
        if offset > elapsed:
            return
        end = offset + sound.seconds
        yield prompt, offset, end <= elapsed + _HEARD
        offset = end
