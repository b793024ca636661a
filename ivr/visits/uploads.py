"""Visits of an uploaded table between their preview and their taking: exactly what was shown is taken."""

import datetime as dt
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ivr.errors import IvrError
from ivr.tables.read import LineError
from ivr.visits.intake import Sorted, VisitEntry

KEPT = dt.timedelta(hours=1)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_DRAFT, _WHOLE = ".new", ".jsonl"


class UploadGone(IvrError):
    """There is no such upload of this user, or not any more."""


class Uploads:
    """Files in the state folder that the owner alone can read (S24), one for each user: the latest. They are gone an
    hour later, or once they are taken."""

    def __init__(self, folder: Path, now: dt.datetime) -> None:
        self._folder, self._now = folder, now

    def keep(self, visits: Sorted, user: str) -> str:
        """Keep what is shown to a user; returns the name to take it by. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for old in self._folder.glob(f"{_of(user)}-*"):
            old.unlink(missing_ok=True)
        token = secrets.token_urlsafe(24)
        draft = self._folder / f"{_of(user)}-{token}{_DRAFT}"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in _written(visits))
        os.utime(draft, (self._now.timestamp(), self._now.timestamp()))
        draft.replace(draft.with_suffix(_WHOLE))
        return token

    def read(self, token: str, user: str) -> Sorted:
        """What was shown to the user under this name. Raises UploadGone, OSError."""
        path = self._path(token, user)
        try:
            if self._is_old(path):
                raise FileNotFoundError
            with path.open(encoding="utf-8") as file:
                return _read(json.loads(line) for line in file)
        except FileNotFoundError as error:
            raise UploadGone("The preview is not there any more.", "upload the table again") from error

    def forget(self, token: str, user: str) -> None:
        self._path(token, user).unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove what is too old, and what is left of an upload that broke off; how much it was."""
        old = [path for path in self._folder.glob("*") if self._is_old(path)]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _path(self, token: str, user: str) -> Path:
        if not _TOKEN.fullmatch(token):
            raise UploadGone("There is no such preview.", "upload the table again")
        return self._folder / f"{_of(user)}-{token}{_WHOLE}"

    def _is_old(self, path: Path) -> bool:
        try:
            return self._now.timestamp() - path.stat().st_mtime >= KEPT.total_seconds()
        except FileNotFoundError:
            return False


def sweep(folder: Path) -> None:
    """Remove uploads that nobody has taken for an hour; for the one scheduler."""
    Uploads(folder, dt.datetime.now(dt.UTC)).sweep()


def _of(user: str) -> str:
    return hashlib.sha256(user.encode()).hexdigest()[:16]


def _written(visits: Sorted) -> Iterator[dict[str, Any]]:
    for kind, lines in (("good", visits.good), ("repeated", visits.repeated)):
        for line, entry in lines:
            yield {kind: line, "visit": asdict(entry) | {"ended_at": entry.ended_at.isoformat()}}
    for error in visits.errors:
        yield {"error": asdict(error)}


def _read(lines: Iterator[dict[str, Any]]) -> Sorted:
    found = Sorted()
    for told in lines:
        if "error" in told:
            found.errors.append(LineError(**told["error"]))
            continue
        ended_at = dt.datetime.fromisoformat(told["visit"]["ended_at"])
        entry = VisitEntry(**(told["visit"] | {"ended_at": ended_at}))
        (found.good if "good" in told else found.repeated).append((told.get("good") or told["repeated"], entry))
    return found
