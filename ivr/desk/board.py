"""The live board as pages read it: one picture of agents and callers, and how old it is."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from ivr.desk.duty import Duty, known_duty
from ivr.store.live import LiveBoard

FRESH_SECONDS = 20
"""A board that nobody wrote for so long tells what was, not what is."""


@dataclass(frozen=True)
class AgentLine:
    """What an agent does: since when, at which desk (a phone's number), with which call."""

    agent: str
    duty: Duty = Duty.UNKNOWN
    reason: str | None = None
    since: dt.datetime | None = None
    desk: str | None = None
    call: str | None = None
    caller: str | None = None
    queue: str | None = None
    leaving: bool = False
    """Logs off, or pauses, when the present call ends (S11)."""


@dataclass(frozen=True)
class Waiting:
    """A caller in line: `priority` 0 normal, 1 key customer (S22), 2 cut off by our side (S10)."""

    call: str
    caller: str | None
    queue: str
    joined_at: dt.datetime | None
    position: int
    priority: int = 0


@dataclass(frozen=True)
class Board:
    """The picture; `at` is when it was written, None when there is none yet."""

    version: int = 0
    at: dt.datetime | None = None
    agents: Mapping[str, AgentLine] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()

    def agent(self, agent: str) -> AgentLine:
        return self.agents.get(agent) or AgentLine(agent)

    def stale(self, now: dt.datetime) -> bool:
        """Whether nobody wrote it lately: the process that does is dead, or Asterisk is."""
        return self.at is None or (now - self.at).total_seconds() > FRESH_SECONDS


def read_board(session: Session) -> Board:
    """The board in force; an empty one before the first was written."""
    row = session.get(LiveBoard, 1)
    return Board() if row is None else board_of(row.version, row.at, row.board)


def board_of(version: int, at: dt.datetime, picture: Mapping[str, Any]) -> Board:
    """A board from its JSON; what is missing or strange in it is left out, never an error."""
    agents = [_agent(number, facts) for number, facts in _items(picture.get("agents"))]
    waiting = [_waiting(facts) for facts in picture.get("waiting") or ()]
    return Board(
        version=version,
        at=at,
        agents={line.agent: line for line in agents},
        waiting=tuple(sorted(waiting, key=lambda each: (each.queue, each.position))),
    )


def _items(agents: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return agents.items() if isinstance(agents, Mapping) else ()


def _agent(number: str, facts: Mapping[str, Any]) -> AgentLine:
    return AgentLine(
        agent=number,
        duty=known_duty(facts.get("state")),
        reason=facts.get("reason"),
        since=_moment(facts.get("since")),
        desk=facts.get("desk"),
        call=facts.get("call"),
        caller=facts.get("caller"),
        queue=facts.get("queue"),
        leaving=bool(facts.get("leaving")),
    )


def _waiting(facts: Mapping[str, Any]) -> Waiting:
    return Waiting(
        call=str(facts.get("call", "")),
        caller=facts.get("caller"),
        queue=str(facts.get("queue", "")),
        joined_at=_moment(facts.get("joined_at")),
        position=int(facts.get("position") or 0),
        priority=int(facts.get("class") or 0),
    )


def _moment(value: Any) -> dt.datetime | None:
    """A moment from ISO 8601 or seconds since the epoch."""
    if isinstance(value, (int, float)) and value > 0:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    if not isinstance(value, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
