"""What somebody has to mind while agents work: pure rules over what happened, newest fact last.

An agent who let it ring twice in a row is paused, so that callers do not wait for an empty chair. A caller whom an
agent holds by the phone's own button is not forgotten (S7).
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ivr.calls.events import Event

NO_ANSWER = "no-answer"
"""The reason of the pause; beside those of the business file."""
UNANSWERED = 2

_TOOK_PART = frozenset({"CONNECT", "PAUSE", "UNPAUSE", "ADDMEMBER", "REMOVEMEMBER"})
_KEPT_CALLS = 2000


@dataclass
class Ringing:
    """How often it rang in vain at each agent since the agent last took part; and the queue of each call answered."""

    unanswered: dict[str, int] = field(default_factory=dict)
    queues: dict[str, str] = field(default_factory=dict)
    last_queue: dict[str, str] = field(default_factory=dict)
    """Agent → the queue of the last call, which decides how long the wrap-up is."""

    def take(self, events: Iterable[Event]) -> None:
        """Learn from queue_log."""
        for event in events:
            agent, queue = event.data.get("agent"), event.data.get("queue")
            if event.kind == "QUEUESTART":
                self.unanswered.clear()
            elif agent and event.kind == "RINGNOANSWER":
                self.unanswered[agent] = self.unanswered.get(agent, 0) + 1
            elif agent and event.kind in _TOOK_PART:
                self.unanswered.pop(agent, None)
            if agent and queue and event.kind == "CONNECT" and event.call_id:
                self.queues[event.call_id] = queue
                self.last_queue[agent] = queue
                if len(self.queues) > _KEPT_CALLS:
                    del self.queues[next(iter(self.queues))]

    def to_pause(self, on_duty: Iterable[str]) -> list[str]:
        """Who, of those on duty and not paused, let it ring twice in a row."""
        return [agent for agent in on_duty if self.unanswered.get(agent, 0) >= UNANSWERED]


@dataclass
class Holds:
    """Who holds a caller by key since when: CEL's HOLD and UNHOLD of the dialplan."""

    since: dict[str, dt.datetime] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> None:
        """Learn from CEL."""
        for event in events:
            if event.kind not in ("HOLD", "UNHOLD") or event.at is None:
                continue
            agent = _named_agent(event)
            if event.kind == "HOLD":
                self.since[agent] = event.at
                self.calls[agent] = event.call_id or ""
            else:
                self.since.pop(agent, None)
                self.calls.pop(agent, None)

    def held(self, calls: Iterable[str]) -> frozenset[str]:
        """Agents who hold a caller of one of these calls."""
        there = set(calls)
        return frozenset(agent for agent, call in self.calls.items() if call in there)


def _named_agent(event: Event) -> str:
    extra = event.data.get("extra")
    text = extra.get("extra", extra.get("text", "")) if isinstance(extra, Mapping) else ""
    return str(text).split(",")[0].strip()


@dataclass
class Reminders:
    """Which holds by the phone's button somebody has been reminded of; `at_seconds` as the business file says (S7)."""

    since: dict[str, dt.datetime] = field(default_factory=dict)
    rung: set[str] = field(default_factory=set)

    def due(self, holding: Iterable[str], at_seconds: Sequence[int], now: dt.datetime) -> list[str]:
        """Agents whose phone has to ring now: the last reminder's time has passed; each hold rings once."""
        here = set(holding)
        for agent in [agent for agent in self.since if agent not in here]:
            del self.since[agent]
            self.rung.discard(agent)
        for agent in here:
            self.since.setdefault(agent, now)
        last = dt.timedelta(seconds=max(at_seconds, default=0))
        due = sorted(agent for agent in here - self.rung if at_seconds and now - self.since[agent] >= last)
        self.rung.update(due)
        return due
