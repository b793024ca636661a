"""Days of a queue, played by the rules of app_queue: who calls when, how long talks last, who gives up."""

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Day:
    """A queue's day: calls an hour at its quietest and busiest, agents at work by hour, mean talk and patience (s)."""

    name: str
    calls: tuple[float, float]
    agents: tuple[int, ...]
    talk: float
    spread: float
    patience: float
    wrap_up: int = 15
    ring: float = 5.0


DAYS = (
    Day("three agents, a steady day", (25, 40), (3,) * 9, 240, 0.6, 900),
    Day("ten agents, a morning rush", (60, 170), (10,) * 9, 210, 0.7, 600),
    Day("lunch halves the agents", (35, 60), (6, 6, 6, 3, 3, 6, 6, 6, 6), 260, 0.6, 700),
    Day("talks of very different length", (12, 22), (2,) * 9, 300, 1.1, 1200),
    Day("an outage: twice the calls, long talks", (80, 130), (8,) * 9, 320, 0.8, 500),
)

_START = 1_795_300_000


def queue_log(day: Day, seed: int) -> Iterator[str]:
    """The lines app_queue would write in this day, in order of time."""
    return iter(_Play(day, random.Random(seed)).lines())


class _Play:
    def __init__(self, day: Day, dice: random.Random) -> None:
        self.day, self.dice = day, dice
        self.happened: list[tuple[float, int, str]] = []
        self.waiting: list[tuple[float, str, float]] = []
        self.free_at: dict[str, float] = {}
        self.on_duty: set[str] = set()

    def lines(self) -> list[str]:
        arrivals = self._arrivals()
        events = [(at, 1, f"c{number}") for number, at in enumerate(arrivals)]
        events += [(hour * 3600.0, 0, str(count)) for hour, count in enumerate(self.day.agents)]
        heapq.heapify(events)
        while events:
            at, kind, what = heapq.heappop(events)
            self._give_up(at)
            if kind == 0:
                self._change_shift(at, int(what))
            elif kind == 1:
                self._log(at, what, "NONE", f"ENTERQUEUE||138{what[1:]:0>8}|{len(self.waiting) + 1}")
                self.waiting.append((at, what, at + self.dice.expovariate(1 / self.day.patience)))
            for freed in self._serve(at):
                heapq.heappush(events, (freed, 2, ""))
        return [line for _, _, line in sorted(self.happened)]

    def _arrivals(self) -> list[float]:
        quiet, busy = self.day.calls
        at, found = 0.0, []
        end = len(self.day.agents) * 3600.0
        while at < end:
            rate = quiet + (busy - quiet) * math.sin(math.pi * at / end) ** 2
            at += self.dice.expovariate(rate / 3600)
            found.append(at)
        return found

    def _change_shift(self, at: float, count: int) -> None:
        wanted = {str(1001 + number) for number in range(count)}
        for agent in sorted(wanted - self.on_duty):
            self.free_at.setdefault(agent, at)
            self._log(at, "MANAGER", agent, "ADDMEMBER|")
        for agent in sorted(self.on_duty - wanted):
            self._log(at, "MANAGER", agent, "REMOVEMEMBER|")
        self.on_duty = wanted

    def _give_up(self, now: float) -> None:
        for at, caller, until in [entry for entry in self.waiting if entry[2] <= now]:
            self.waiting.remove((at, caller, until))
            self._log(until, caller, "NONE", f"ABANDON|1|1|{until - at:.0f}")

    def _serve(self, now: float) -> Iterator[float]:
        free = sorted((when, agent) for agent, when in self.free_at.items() if agent in self.on_duty and when <= now)
        for _, agent in free:
            if not self.waiting:
                return
            at, caller, _ = self.waiting.pop(0)
            ring = self.dice.uniform(0.4, 1.6) * self.day.ring
            talk = self.dice.lognormvariate(math.log(self.day.talk) - self.day.spread**2 / 2, self.day.spread)
            begun, ended = now + ring, now + ring + talk
            self._log(begun, caller, agent, f"CONNECT|{begun - at:.0f}|x|{ring:.0f}")
            self._log(ended, caller, agent, f"COMPLETECALLER|{begun - at:.0f}|{talk:.0f}|1")
            self.free_at[agent] = ended + self.day.wrap_up
            yield self.free_at[agent]

    def _log(self, at: float, caller: str, agent: str, what: str) -> None:
        line = f"{_START + at:.0f}|{caller}|q|{agent}|{what}"
        self.happened.append((at, len(self.happened), line))
