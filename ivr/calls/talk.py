"""Who spoke with whom, and when: from the bridges of Asterisk's channel event log."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ivr.calls.events import Event

_AGENT_CHANNEL = re.compile(r"(?:PJSIP|SIP|IAX2|Local)/([1-9]\d{2,5})(?:-[0-9a-f]+$|@)")


@dataclass(frozen=True)
class Stint:
    """A stretch of talk between the caller and another channel; `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    channel: str


def work_number(channel: str) -> str | None:
    """The agent whose phone a channel is, by its name (`PJSIP/1001-00000003`); None for a trunk's."""
    match = _AGENT_CHANNEL.match(channel)
    return match.group(1) if match else None


def stints(events: Iterable[Event], caller_channel: str) -> list[Stint]:
    """When the caller's channel (its unique id) shared a bridge with another one, in order of time."""
    found: list[Stint] = []
    members: dict[str, dict[str, str]] = defaultdict(dict)
    running: dict[str, tuple[datetime, str]] = {}
    for event in events:
        bridge = str(event.data.get("extra", {}).get("bridge_id", ""))
        if event.kind not in ("BRIDGE_ENTER", "BRIDGE_EXIT") or event.at is None or event.channel_id is None:
            continue
        here = members[bridge]
        if event.kind == "BRIDGE_ENTER":
            here[event.channel_id] = event.data["channel"]
        else:
            here.pop(event.channel_id, None)
        others = [name for channel, name in here.items() if channel != caller_channel]
        talking = caller_channel in here and bool(others)
        if talking and bridge not in running:
            running[bridge] = (event.at, others[0])
        elif not talking and bridge in running:
            start, channel = running.pop(bridge)
            found.append(Stint(start, event.at, channel))
    found.extend(Stint(start, None, channel) for start, channel in running.values())
    return sorted(found, key=lambda stint: stint.start)


def talked_seconds(talk: Iterable[Stint], until: datetime) -> float:
    """Seconds of all stints together; one that never ended lasts `until`."""
    return sum(((stint.end or until) - stint.start).total_seconds() for stint in talk)
