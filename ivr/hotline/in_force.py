"""The business file that running processes obey, read again only when it has changed."""

import threading
from pathlib import Path

from ivr.hotline.load import load_hotline
from ivr.hotline.model import Hotline
from ivr.settings import Settings


class HotlineInForce:
    """Gives the business in force whenever it is called; may be called from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._read: tuple[tuple[Path, int, int] | None, Hotline] | None = None

    def __call__(self) -> Hotline:
        """The business; raises HotlineFileError when the file is bad or gone."""
        file = self._settings.checked_hotline_file
        stamp = _stamp(file)
        with self._lock:
            if self._read is None or stamp is None or self._read[0] != stamp:
                self._read = stamp, load_hotline(file)
            return self._read[1]


def _stamp(file: Path) -> tuple[Path, int, int] | None:
    """What differs between any two contents of a file; None when it cannot be looked at."""
    try:
        state = file.stat()
    except OSError:
        return None
    return file, state.st_ino, state.st_mtime_ns
