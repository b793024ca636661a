"""Asterisk's queue_log: `epoch|callid|queue|agent|event|data…`, one event a line.

`callid` is the unique id of the caller's channel, or who changed the queue's members; `agent` the work number. A
caller whose own agent is rung first is in the queue all the same; `own` says so (ivr/calls/own_agent.py).
Source: Asterisk's documentation, "Queue Logs".
"""

from typing import Any

from ivr.calls.events import Event, Found, decode, moment, read_lines, unreadable
from ivr.calls.own_agent import is_own_queue, line_of

_ABSENT = ("", "NONE")
_NO_CALL = (*_ABSENT, "MANAGER", "REALTIME")


def read_queue_log(data: bytes) -> tuple[list[Found], int]:
    """The events of all whole lines, and how many bytes they take; a torn last line is for the next time."""
    return read_lines(data, parse_queue_line)


def parse_queue_line(raw: bytes) -> Event:
    """One line; its data fields are in `args`, as texts. What cannot be read has the kind "unreadable"."""
    epoch, *rest = decode(raw).rstrip("\r").split("|")
    at = moment(epoch)
    if at is None or len(rest) < 4 or not rest[3]:
        return unreadable("queue_log", raw)
    call_id, queue, agent, kind, *args = rest
    channel = None if call_id in _NO_CALL else call_id
    data: dict[str, Any] = {
        "queue": None if queue in _ABSENT else line_of(queue),
        "agent": None if agent in _ABSENT else agent,
        "args": args,
    }
    if is_own_queue(queue):
        data["own"] = True
    return Event("queue_log", kind, at, channel, channel, data)
