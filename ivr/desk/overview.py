"""What a supervisor sees at one look: who waits, what everybody does, and whom the supervisor may listen to."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.desk.board import AgentLine, Board, Waiting
from ivr.desk.duty import Duty
from ivr.hotline import Hotline

_BUSY = frozenset({Duty.RINGING, Duty.TALKING, Duty.HOLD})
_AWAY = frozenset({Duty.PAUSED, Duty.WRAP_UP})
_SPEAKING = frozenset({Duty.TALKING, Duty.HOLD})
_ORDER = {
    duty: place
    for place, duty in enumerate((Duty.HOLD, Duty.TALKING, Duty.RINGING, Duty.FREE, Duty.WRAP_UP, Duty.PAUSED))
}


@dataclass(frozen=True)
class Line:
    """An agent's row: `may_supervise` whether this supervisor may listen to the call at hand (own team, S24)."""

    line: AgentLine
    team: str
    may_supervise: bool


@dataclass(frozen=True)
class Overview:
    """The picture; counts by what agents do, and since when the one who waits longest does."""

    waiting: tuple[Waiting, ...]
    agents: list[Line]
    free: int
    busy: int
    away: int
    out: int
    longest_since: dt.datetime | None


def overview(board: Board, hotline: Hotline, supervisor: str | None) -> Overview:
    """The picture for a supervisor with this work number; None: somebody who may only watch."""
    lines = [_line(board.agent(number), hotline, supervisor) for number in hotline.agents]
    lines.sort(key=lambda each: (_ORDER.get(each.line.duty, len(_ORDER)), each.line.agent))
    counts = Counter(each.line.duty for each in lines)
    since = [each.joined_at for each in board.waiting if each.joined_at is not None]
    return Overview(
        waiting=board.waiting,
        agents=lines,
        free=counts[Duty.FREE],
        busy=sum(counts[duty] for duty in _BUSY),
        away=sum(counts[duty] for duty in _AWAY),
        out=counts[Duty.LOGGED_OUT] + counts[Duty.UNKNOWN],
        longest_since=min(since, default=None),
    )


def may_supervise(hotline: Hotline, supervisor: str | None, agent: str) -> bool:
    """Whether a supervisor may listen to an agent: somebody with a phone, of an own team, and not to oneself."""
    known: Mapping[str, object] = hotline.agents
    if supervisor is None or supervisor == agent or supervisor not in known or agent not in known:
        return False
    return hotline.may_listen(supervisor, agent)


def _line(line: AgentLine, hotline: Hotline, supervisor: str | None) -> Line:
    may = line.duty in _SPEAKING and may_supervise(hotline, supervisor, line.agent)
    return Line(line, hotline.agents[line.agent].team, may)
