"""Seeing a call go its way: the journal's three files, read as they grow."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ivr.calls.cel import read_cel
from ivr.calls.events import Event, Found
from ivr.calls.flow_log import read_flow
from ivr.calls.queue_log import read_queue_log
from ivr.errors import IvrError
from ivr.settings import StatePaths

_POLL_SECONDS = 0.05

Reader = Callable[[bytes], tuple[list[Found], int]]


class NotSeen(IvrError):
    """Something that was expected of a call did not happen in time."""


class JournalWatch:
    """What has happened since the watch began; older calls are not seen."""

    def __init__(self, paths: StatePaths) -> None:
        readers: Mapping[str, Reader] = {
            "cel-custom/cel.csv": read_cel,
            "queue_log": read_queue_log,
            "flow.jsonl": read_flow,
        }
        self._files = {paths.journal / name: reader for name, reader in readers.items()}
        self._offsets = {file: _size(file) for file in self._files}
        self._seen: list[Event] = []

    def events(self) -> list[Event]:
        """Everything so far, file by file as it was noticed."""
        for file, reader in self._files.items():
            if _size(file) <= self._offsets[file]:
                continue
            with file.open("rb") as source:
                source.seek(self._offsets[file])
                found, taken = reader(source.read())
            self._offsets[file] += taken
            self._seen.extend(event for _, event in found)
        return self._seen

    def wait(self, what: str, is_it: Callable[[Event], bool], seconds: float = 30.0) -> Event:
        """The first event for which `is_it` holds; raises NotSeen naming `what` after `seconds`."""
        ends = time.monotonic() + seconds
        while True:
            for event in self.events():
                if is_it(event):
                    return event
            if time.monotonic() > ends:
                happened = [event.kind for event in self._seen[-12:]]
                raise NotSeen(
                    f"{what} did not happen within {seconds:.0f} s (last in the journal: {happened}).",
                    "look into log/ in the state folder",
                )
            time.sleep(_POLL_SECONDS)

    def call_from(self, caller: str, seconds: float = 15.0) -> str:
        """The id of the newest call's from this number."""
        event = self.wait(
            "the call's arrival",
            lambda e: e.kind == "CHAN_START" and e.data.get("number") == caller and e.channel_id == e.call_id,
            seconds,
        )
        return str(event.call_id)

    def wait_in(self, call_id: str, *kinds: str, count: int = 1, seconds: float = 30.0) -> Event:
        """An event of these kinds in a call, as soon as there are `count` of them."""

        def is_it(event: Event) -> bool:
            return event.call_id == call_id and event.kind in kinds

        def enough(event: Event) -> bool:
            return is_it(event) and sum(map(is_it, self._seen)) >= count

        return self.wait(" or ".join(kinds), enough, seconds)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
