"""What agents did with a caller beside talking: transfers, and holding."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ivr.calls.events import Event
from ivr.calls.talk import work_number

TRANSFERS = frozenset({"BLINDTRANSFER", "ATTENDEDTRANSFER", "TRANSFER"})
"""Their kinds, in Asterisk's channel event log and in its queue_log."""

_LOCAL = re.compile(r"Local/([^@/]{1,40})@")


def transfers(cel: Sequence[Event], queue_log: Sequence[Event], agents: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every transfer in order of time: `{at, by, to, kind, returned}`.

    `kind` is warm (the other one was spoken with first) or blind; `to` a work number, or the queue that the caller
    joined next; `returned`: nobody took it, and the caller went back. `agents`: who each phone's channel was.
    Source: Asterisk's CEL specification.
    """
    done = [event for event in cel if event.kind in TRANSFERS and event.at is not None]
    found = []
    for event, following in zip(done, [*done[1:], None], strict=False):
        until = following.at if following else None
        consulted = [e for e in cel if e.kind == "CONSULT" and event.at and e.at and e.at <= event.at]
        later = [e for e in (*cel, *queue_log) if _between(e, event.at, until)]
        found.append(
            {
                "at": event.at.isoformat() if event.at else None,
                "by": agents.get(event.data["channel"]) or work_number(event.data["channel"]),
                "to": _to(event, consulted, later),
                "kind": "blind" if event.kind == "BLINDTRANSFER" else "warm",
                "returned": any(e.kind == "TRANSFER_RETURNED" for e in later),
            }
        )
    return found


def _between(event: Event, start: datetime | None, end: datetime | None) -> bool:
    """queue_log knows whole seconds only."""
    if event.at is None or start is None:
        return False
    if event.source == "queue_log":
        start = start.replace(microsecond=0)
    return start <= event.at and (end is None or event.at < end)


def _to(event: Event, consulted: Sequence[Event], later: Iterable[Event]) -> str:
    extra = event.data["extra"]
    if event.kind != "BLINDTRANSFER" and consulted:
        told = str(consulted[-1].data["extra"].get("extra", "")).partition(">")[2]
        if told:
            return told
    target = str(extra.get("extension") or extra.get("transfer_target_channel_name") or "")
    local = _LOCAL.match(target)
    number = work_number(target) or (local.group(1) if local else target)
    if work_number(f"Local/{number}@"):
        return number
    queues = [e.data["queue"] for e in later if e.kind == "ENTERQUEUE" and e.data["queue"]]
    return queues[0] if queues else number


def hold_seconds(cel: Iterable[Event], until: datetime) -> float:
    """Seconds the caller was held: from each HOLD to the UNHOLD after it, or to the end of the call."""
    total, since = 0.0, None
    for event in cel:
        if event.kind == "HOLD" and since is None:
            since = event.at
        elif event.kind == "UNHOLD" and since is not None and event.at is not None:
            total += (event.at - since).total_seconds()
            since = None
    if since is not None:
        total += max(0.0, (until - since).total_seconds())
    return round(total, 3)
