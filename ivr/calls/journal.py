"""The flows' own append-only journal: facts are written once, locally, before anything else."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Journal:
    """Appends one JSON object a line; one write per line, so that many processes may share the file."""

    def __init__(self, path: Path, now: Callable[[], datetime] = _utc_now) -> None:
        self.path = path
        self._now = now

    def write(self, call: str, event: str, **facts: Any) -> datetime:
        """Write one fact of a call; returns the moment it bears. Raises OSError when the disk refuses it."""
        at = self._now()
        line = json.dumps(
            {"at": at.isoformat(timespec="microseconds"), "call": call, "event": event, **facts}, ensure_ascii=False
        )
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, line.encode() + b"\n")
        finally:
            os.close(fd)
        return at
