"""One fact of the journal, whatever file it stands in, and what reading all three files has in common."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Source = Literal["cel", "queue_log", "flow"]

UNREADABLE = "unreadable"
"""The kind of a line that could not be understood: it is kept aside, it never stops the reading."""

MAX_RECORD = 65536
"""Bytes. Nothing that Asterisk or a flow writes is longer; what is, is unreadable."""

_KEPT = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"(\d{1,11})(?:\.(\d{1,6}))?", re.ASCII)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Event:
    """What happened (`kind`), when, in which call, on which channel (both as Asterisk's unique ids)."""

    source: Source
    kind: str
    at: datetime | None
    call_id: str | None = None
    channel_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


Parser = Callable[[bytes], Event]
Found = tuple[int, Event]
"""An event, and the byte it starts at."""


def unreadable(source: Source, raw: bytes) -> Event:
    return Event(source, UNREADABLE, None, data={"text": decode(raw)[:_KEPT]})


def lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every whole line with the byte it starts at, without its end; a torn last line is not among them."""
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        yield start, data[start:end]
        start = end + 1


def read_lines(data: bytes, parse: Parser) -> tuple[list[Found], int]:
    """The events of whole lines, and how many bytes they take; the torn last line is for the next time."""
    found = [(start, parse(line)) for start, line in lines(data) if line.strip()]
    return found, data.rfind(b"\n") + 1


def decode(raw: bytes) -> str:
    """Text that every database takes: bytes that are not UTF-8, and NUL, become U+FFFD."""
    return clean(raw.decode("utf-8", errors="replace"))


def clean(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def storable(value: Any) -> Any:
    """A value read from JSON with every text in it cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): storable(item) for key, item in value.items()}
    return value


def moment(epoch: str) -> datetime | None:
    """Seconds since 1970 as Asterisk writes them, to the microsecond; None when it is no such number."""
    match = _NUMBER.fullmatch(epoch)
    if match is None:
        return None
    whole, fraction = match.groups()
    return _EPOCH + timedelta(seconds=int(whole), microseconds=int((fraction or "0").ljust(6, "0")))
