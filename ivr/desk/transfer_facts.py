"""How a transfer stands, read from the facts of the call's journal: who is in which bridge with whom."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ivr.calls.talk import work_number
from ivr.desk.transfer import Step, Transfer, told_by

KINDS = frozenset(
    {
        "BRIDGE_ENTER",
        "BRIDGE_EXIT",
        "CONSULT",
        "ATTENDEDTRANSFER",
        "BLINDTRANSFER",
        "TRANSFER_RETURNED",
        "CHAN_END",
    }
)
"""The events that tell of a transfer (Asterisk's CEL specification, and the dialplan's own)."""


class Fact(Protocol):
    """An event of the journal, oldest first."""

    @property
    def kind(self) -> str: ...
    @property
    def channel_id(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


def read_transfer(facts: Iterable[Fact], call_id: str, agent: str, desk: str) -> Transfer:
    """The latest transfer that an agent, sitting at `desk`, began with a caller; `call_id` is the caller's channel.

    Where a bridge is left and another entered the moment between is not a state: only how it stands counts.
    """
    steps: list[tuple[Step, str | None]] = []
    bridges: dict[str, str] = {}
    desks: set[str] = set()
    begun = over = False
    for fact in facts:
        _follow(fact, bridges, desks, desk)
        if fact.kind == "CONSULT" and _by(fact) in (agent, desk):
            steps, begun, over = [(Step.CONSULT, _to(fact))], True, False
        elif fact.kind == "BLINDTRANSFER" and work_number(str(fact.data.get("channel"))) == desk:
            steps, begun = [(Step.BLIND, None)], False
        elif fact.kind == "ATTENDEDTRANSFER" and begun:
            over = True
        elif fact.kind == "TRANSFER_RETURNED" and _by(fact) in (agent, desk) and steps:
            steps.append((Step.RETURNED, None))
            begun = False
    if begun:
        steps += [(step, None) for step in _stands(bridges, desks, call_id, over)]
    return told_by(steps)


def _follow(fact: Fact, bridges: dict[str, str], desks: set[str], desk: str) -> None:
    """Keep who is in which bridge, and which channels are the desk's."""
    channel = fact.channel_id or ""
    if fact.kind == "BRIDGE_ENTER":
        bridges[channel] = str(_extra(fact).get("bridge_id", ""))
        if work_number(str(fact.data.get("channel"))) == desk:
            desks.add(channel)
    elif fact.kind == "BRIDGE_EXIT" and bridges.get(channel) == str(_extra(fact).get("bridge_id", "")):
        del bridges[channel]
    elif fact.kind == "CHAN_END":
        bridges.pop(channel, None)


def _stands(bridges: Mapping[str, str], desks: set[str], call_id: str, over: bool) -> list[Step]:
    """What the bridges make of a consultation: still consulting, all three together, handed over, or given up.

    Asterisk tells of an attended transfer (`over`) when all three are joined as well as when the agent has gone.
    """
    place = bridges.get(call_id)
    together = {channel for channel, bridge in bridges.items() if bridge == place} if place else set()
    if not together & desks:
        return [Step.COMPLETE] if over else []
    return [Step.JOIN] if together - desks - {call_id} else [Step.ALONE]


def _extra(fact: Fact) -> Mapping[str, Any]:
    extra = fact.data.get("extra")
    return extra if isinstance(extra, Mapping) else {}


def _text(fact: Fact) -> str:
    extra = _extra(fact)
    return str(extra.get("extra", extra.get("text", "")))


def _by(fact: Fact) -> str:
    return _text(fact).partition(">")[0]


def _to(fact: Fact) -> str | None:
    return _text(fact).partition(">")[2] or None
