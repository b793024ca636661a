"""Asterisk's own log without callers' data (S24): it writes a caller's name and number where the name is no UTF-8 (some
carriers send GB 18030), and cannot be told not to (Asterisk 22, res_pjsip.c). They are made unreadable in place."""

import logging
import re
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

_CALLER = re.compile(rb"CallerID Name '(.*)' for number '(.*)' has invalid UTF-8")
_AT_ONCE = 1 << 20


class LogMask:
    """Masks what is new in the log at each `look`; the lines' length stays, as Asterisk goes on writing at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def look(self) -> int:
        """How many lines were masked; what is in trouble is said and tried again at the next look."""
        try:
            with self._path.open("r+b") as file:
                return self._mask_news(file)
        except FileNotFoundError:
            return 0
        except OSError as error:
            log.error("Callers' numbers in %s may stay readable: %s", self._path.name, error.strerror)
            return 0

    def _mask_news(self, file: IO[bytes]) -> int:
        masked, size = 0, file.seek(0, 2)
        self._offset = self._offset if self._offset <= size else 0  # a new file
        while self._offset < size:
            file.seek(self._offset)
            news = file.read(_AT_ONCE)
            whole = news[: news.rfind(b"\n") + 1] or (news if len(news) == _AT_ONCE else b"")
            if not whole:
                break
            masked += self._mask(file, whole)
            self._offset += len(whole)
        return masked

    def _mask(self, file: IO[bytes], lines: bytes) -> int:
        found = list(_CALLER.finditer(lines))
        for line in found:
            for start, end in (line.span(1), line.span(2)):
                file.seek(self._offset + start)
                file.write(b"*" * (end - start))
        return len(found)
