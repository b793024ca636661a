"""The live board: who is on duty and does what, who waits, who talks; a picture, never a source of facts.

`draw` makes it from what was just seen; the result is JSON, `{"agents": {work number: {state, reason, since, desk,
call, caller, queue, leaving}}, "waiting": [{call, caller, queue, joined_at, position, class}], "talking": [{call,
caller, queue, agents, since}]}`. Moments are ISO 8601 in UTC.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.orm import Session

from ivr.store.live import LiveBoard

State = Literal["logged_out", "free", "ringing", "talking", "hold", "wrap_up", "paused"]

UNREACHABLE = "unreachable"
"""The reason of somebody who did not log out, but whose phone is not there."""
BEAT_SECONDS = 5
"""A board that has not changed is written again so often, so that readers see that somebody looks."""

_CLASS = 600_000_000
_MIDDLE = 500_000_000
_BEGIN = 1_767_225_600


@dataclass(frozen=True)
class Seat:
    """An agent on duty at a desk, as the queues know it."""

    agent: str
    desk: str
    paused: bool = False
    reason: str = ""
    reachable: bool = True


@dataclass(frozen=True)
class Leg:
    """A channel of a desk's phone: in which call, ringing or up, joined with somebody or not."""

    desk: str
    id: str
    call: str
    up: bool
    ringing: bool = False
    joined: bool = False
    held: bool = False
    """Whoever is at the other end hears music: the phone's own button was pressed."""
    rung: bool = False
    """We rang the phone, for the agent to call a customer back."""
    aside: bool = False
    """We rang the phone, to listen or to be reminded."""

    @property
    def own(self) -> bool:
        """No customer's call: the phone itself dialled (a feature code, a colleague), or was rung aside."""
        return (self.id == self.call or self.aside) and not self.joined and not self.rung


@dataclass(frozen=True)
class InLine:
    """A caller in a queue; `priority` as the dialplan set it, `waited` seconds."""

    call: str
    caller: str
    queue: str
    position: int
    waited: int
    priority: int = 0


@dataclass(frozen=True)
class Seen:
    """Everything that was just seen."""

    seats: Sequence[Seat] = ()
    legs: Sequence[Leg] = ()
    waiting: Sequence[InLine] = ()
    callers: Mapping[str, str] = field(default_factory=dict)
    """Call → number."""
    queues: Mapping[str, str] = field(default_factory=dict)
    """Call → the queue it was put through from."""
    held: frozenset[str] = frozenset()
    """Agents who hold their caller by a key."""
    wrap_up: Mapping[str, dt.datetime] = field(default_factory=dict)
    """Agent → when the wrap-up ends."""


def draw(agents: Iterable[str], seen: Seen, before: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """The picture of everybody in `agents`; what is as `before` keeps its moment."""
    seats = {seat.agent: seat for seat in seen.seats}
    old = before.get("agents", {})
    lines = {agent: _agent(agent, seats.get(agent), seen, old.get(agent, {}), now) for agent in agents}
    return {
        "agents": lines,
        "waiting": _waiting(seen.waiting, before.get("waiting", []), now),
        "talking": _talking(lines),
    }


def _agent(agent: str, seat: Seat | None, seen: Seen, old: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    # Who logged off while serving still sits where they sat (S11).
    desk = seat.desk if seat else old.get("desk")
    leg = _leg_of(desk, seen.legs)
    state = _state(agent, seat, leg, seen, now)
    line: dict[str, Any] = {"state": state, "reason": None, "desk": desk, "call": None, "caller": None, "queue": None}
    if leg is not None and state in ("ringing", "talking", "hold"):
        line |= {"call": leg.call, "caller": seen.callers.get(leg.call), "queue": seen.queues.get(leg.call)}
    if seat is None and state == "logged_out":
        line["desk"] = None
    elif seat is not None and state == "logged_out":
        line["reason"] = UNREACHABLE
    elif seat is not None and seat.paused:
        line["reason"] = seat.reason or None
    line["leaving"] = state in ("talking", "hold") and (seat is None or seat.paused)
    same = all(old.get(name) == line[name] for name in ("state", "reason", "call"))
    line["since"] = old["since"] if same and "since" in old else now.isoformat()
    return line


def _leg_of(desk: str | None, legs: Iterable[Leg]) -> Leg | None:
    """The customer's call on a desk's phone: the one that is talked, before one that rings."""
    here = [leg for leg in legs if leg.desk == desk and not leg.own and (leg.up or leg.ringing)]
    return min(here, key=lambda leg: (not leg.joined, not leg.up), default=None)


def _state(agent: str, seat: Seat | None, leg: Leg | None, seen: Seen, now: dt.datetime) -> State:
    if leg is not None and leg.up:
        return "hold" if leg.held or agent in seen.held else "talking"
    if seat is None:
        return "logged_out"
    if leg is not None:
        return "ringing"
    if not seat.reachable:
        return "logged_out"
    if seat.paused:
        return "paused"
    return "wrap_up" if seen.wrap_up.get(agent, now) > now else "free"


def _waiting(waiting: Iterable[InLine], before: Iterable[Mapping[str, Any]], now: dt.datetime) -> list[dict[str, Any]]:
    known = {(each.get("call"), each.get("queue")): each.get("joined_at") for each in before}
    return [
        {
            "call": each.call,
            "caller": each.caller or None,
            "queue": each.queue,
            "joined_at": _joined(each) or known.get((each.call, each.queue)) or _ago(each.waited, now),
            "position": each.position,
            "class": max(0, each.priority) // _CLASS,
        }
        for each in sorted(waiting, key=lambda each: (each.queue, each.position))
    ]


def _joined(each: InLine) -> str | None:
    """When the caller first joined any line: the dialplan's priority tells it (QUEUE_PRIO, dialplan/waiting.j2)."""
    if each.priority <= 0:
        return None
    joined = _BEGIN + _MIDDLE - each.priority % _CLASS
    return dt.datetime.fromtimestamp(joined, dt.UTC).isoformat()


def _ago(seconds: int, now: dt.datetime) -> str:
    return (now - dt.timedelta(seconds=seconds)).replace(microsecond=0).isoformat()


def _talking(lines: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every call that an agent talks in, with everybody who does."""
    calls: dict[str, dict[str, Any]] = {}
    for agent, line in lines.items():
        if line["call"] is None or line["state"] == "ringing":
            continue
        entry = calls.setdefault(
            line["call"],
            {"call": line["call"], "caller": line["caller"], "queue": line["queue"], "agents": [], "since": ""},
        )
        entry["agents"].append(agent)
        entry["since"] = min(entry["since"] or line["since"], line["since"])
    return list(calls.values())


def save_board(session: Session, board: dict[str, Any], now: dt.datetime) -> bool:
    """Write the board where it changed (a new version) or is growing old; True when something was written."""
    row = session.get(LiveBoard, 1)
    if row is None:
        session.add(LiveBoard(id=1, version=1, at=now, board=board))
        return True
    if row.board != board:
        row.board, row.version, row.at = board, row.version + 1, now
        return True
    if now - row.at >= dt.timedelta(seconds=BEAT_SECONDS):
        row.at = now
        return True
    return False


def last_board(session: Session) -> dict[str, Any]:
    """The board as it was written last; empty when there is none."""
    row = session.get(LiveBoard, 1)
    return dict(row.board) if row else {}
