"""Asterisk's channel event log as `cel_custom` writes it: CSV with every field quoted, eleven columns.

eventtype, eventtime (epoch with microseconds), uniqueid, linkedid, channame, cid_num, exten, context, appname,
peer, eventextra (JSON). An event of our dialplan's own (CELGenUserEvent) bears its name in the first column.
"""

import csv
import json
import re
from collections.abc import Iterator
from typing import Any

from ivr.calls.events import MAX_RECORD, Event, Found, decode, lines, moment, storable, unreadable

_COLUMNS = 11
# Inside a field every quote is doubled, so nothing that a caller sends can look like the start of a record.
_START = re.compile(rb'"[^"\n]{1,80}","\d+\.\d+","')


def read_cel(data: bytes) -> tuple[list[Found], int]:
    """The events of all whole records, and how many bytes they take; a torn last one is for the next time."""
    found: list[Found] = []
    taken = 0
    for start, raw in _records(data):
        found.extend(_parse(start, raw))
        taken = start + len(raw) + 1
    return found, taken


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Records with their starts: a newline within quotes does not end one, the start of the next one does."""
    start, end = 0, 0
    for begins, line in lines(data):
        if end > start and _START.match(line):
            yield start, data[start : end - 1]
            start = begins
        end = begins + len(line) + 1
        if data.count(b'"', start, end) % 2 == 0 or end - start > MAX_RECORD:
            yield start, data[start : end - 1]
            start = end


def _parse(start: int, raw: bytes) -> list[Found]:
    if not raw.strip():
        return []
    event = _event(raw)
    if event is not None:
        return [(start, event)]
    # A write that the disk cut short has the next record behind it, on the same line.
    for match in reversed(list(_START.finditer(raw))):
        event = _event(raw[match.start() :])
        if match.start() and event is not None:
            before = unreadable("cel", raw[: match.start()])
            return [(start, before), (start + match.start(), event)]
    return [(start, unreadable("cel", raw))]


def _event(raw: bytes) -> Event | None:
    try:
        rows = list(csv.reader([decode(raw)], strict=True))
    except csv.Error:
        return None
    if len(rows) != 1 or len(rows[0]) != _COLUMNS:
        return None
    kind, epoch, channel_id, call_id, channel, number, exten, context, app, peer, extra = rows[0]
    at = moment(epoch)
    if at is None or not kind or not call_id:
        return None
    data = {
        "channel": channel,
        "number": number,
        "exten": exten,
        "context": context,
        "app": app,
        "peer": peer,
        "extra": _extra(extra),
    }
    return Event("cel", kind, at, call_id, channel_id or None, data)


def _extra(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=str) if text else {}
    except (ValueError, RecursionError):
        return {"text": text}
    return storable(value) if isinstance(value, dict) else {"text": text}
