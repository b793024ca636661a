"""Who spoke with whom, and when: from the bridges of Asterisk's channel event log."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.calls.events import Event

_AGENT_CHANNEL = re.compile(r"(?:PJSIP|SIP|IAX2|Local)/([1-9]\d{2,5})(?:-[0-9a-f]+$|@)")


MIN_TALK_SECONDS = 0.5
"""Anything shorter is no talk: the dialplan too takes such a caller back into the line (dialplan/waiting.j2)."""

_SWAP_SECONDS = 0.1


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


def agents_by_channel(events: Iterable[Event]) -> dict[str, str]:
    """Which agent each phone's channel was, by its name, from all events of a call in order of time.

    An agent may sit at another's desk, so the phone alone does not tell: queue_log names who answered, and whoever
    a transfer was meant for is the next phone that rings. Channels not told of are their phone's own agent's.
    """
    names: dict[str, str] = {}
    answered: dict[str, str] = {}
    found: dict[str, str] = {}
    meant = ""
    for event in events:
        if event.source == "queue_log" and event.kind == "CONNECT" and len(event.data["args"]) > 1:
            answered[event.data["args"][1]] = str(event.data["agent"] or "")
        elif event.source == "cel" and event.kind == "CHAN_START":
            name = event.data["channel"]
            names[str(event.channel_id)] = name
            if meant and work_number(name) and not name.startswith("Local/"):
                found[name], meant = meant, ""
        elif event.source == "cel":
            meant = _meant(event) or meant
    return found | {names[channel]: agent for channel, agent in answered.items() if channel in names and agent}


def _meant(event: Event) -> str:
    extra = event.data["extra"]
    told = {
        "CONSULT": str(extra.get("extra", "")).rpartition(">")[2],
        "TRANSFER_RETURNED": str(extra.get("extra", "")),
        "BLINDTRANSFER": str(extra.get("extension", "")),
    }.get(event.kind, "")
    return told if work_number(f"Local/{told}@") else ""


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


def put_through(talk: Sequence[Stint]) -> list[Stint]:
    """The talk without moments too short to be one: an agent who answers and is gone has spoken with nobody.

    A transfer swaps channels within a talk: stints that follow each other at once are one.
    """
    runs: list[list[Stint]] = []
    for stint in talk:
        before = runs[-1][-1].end if runs else None
        if before is not None and (stint.start - before).total_seconds() < _SWAP_SECONDS:
            runs[-1].append(stint)
        else:
            runs.append([stint])
    return [stint for run in runs if run[-1].end is None or _lasted(run) > MIN_TALK_SECONDS for stint in run]


def _lasted(run: Sequence[Stint]) -> float:
    return sum((stint.end - stint.start).total_seconds() for stint in run if stint.end)


def talked_seconds(talk: Iterable[Stint], until: datetime) -> float:
    """Seconds of all stints together; one that never ended lasts `until`."""
    return sum(((stint.end or until) - stint.start).total_seconds() for stint in talk)
