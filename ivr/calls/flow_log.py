"""The flows' own journal (ivr.calls.journal): one JSON object a line with `at`, `call`, `event` and facts."""

import json
from datetime import UTC, datetime

from ivr.calls.events import Event, Found, decode, read_lines, storable, unreadable


def read_flow(data: bytes) -> tuple[list[Found], int]:
    """The events of all whole lines, and how many bytes they take; a torn last line is for the next time."""
    return read_lines(data, parse_flow_line)


def parse_flow_line(raw: bytes) -> Event:
    """One line; what is not such an object has the kind "unreadable"."""
    try:
        facts = storable(json.loads(decode(raw), parse_constant=str))
        at = datetime.fromisoformat(facts.pop("at"))
        call, kind = facts.pop("call"), facts.pop("event")
        if at.utcoffset() is None or not (isinstance(call, str) and isinstance(kind, str) and call and kind):
            return unreadable("flow", raw)
        at = at.astimezone(UTC)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError):
        return unreadable("flow", raw)
    return Event("flow", kind, at, call, call, facts)
