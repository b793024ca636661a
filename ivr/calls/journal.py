"""The flows' own append-only journal: facts are written once, locally, before anything else."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def _utc_now() -> datetime:
    return datetime.now(UTC)


_to_json = json.JSONEncoder(ensure_ascii=False).encode


class Journal:
    """Appends one JSON object a line; one write per line, so that many processes may share the file."""

    def __init__(self, path: Path, now: Callable[[], datetime] = _utc_now) -> None:
        self.path = path
        self._now = now

    def write(self, call: str, event: str, **facts: Any) -> datetime:
        """Write one fact of a call; returns the moment it bears. Raises OSError when the disk refuses it."""
        return self.write_together(call, [(event, facts)])

    def write_together(self, call: str, events: Iterable[tuple[str, Mapping[str, Any]]]) -> datetime:
        """Write what became known at one moment, (event, facts) each, with one write; as `write` else."""
        at = self._now()
        moment = at.isoformat(timespec="microseconds")
        lines = [_to_json({"at": moment, "call": call, "event": event, **facts}) + "\n" for event, facts in events]
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, "".join(lines).encode())
        finally:
            os.close(fd)
        return at
