"""How far all campaigns are, counted: for pages that stay open together, and not at every change of the journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from weakref import WeakKeyDictionary

from ivr.surveys.campaigns import Overview, overview
from ivr.surveys.standing import Today, attempts_since, turns
from ivr.web.context import Web
from ivr.web.desk import midnight

AT_MOST_EVERY = 2.0
"""Seconds: among ten thousands of contacts counting is dear."""


@dataclass(frozen=True)
class Counts:
    """What the tables say of all campaigns; `turns` as `ivr.surveys.standing.turns`."""

    told: list[Overview]
    today: Mapping[str, Today]
    turns: Mapping[str, int]


def count(web: Web) -> Counts:
    """Count now."""
    hotline, now = web.hotline(), web.now()
    if hotline is None:
        return Counts([], {}, {})
    with web.store.read() as session:
        return Counts(overview(session, hotline, now), attempts_since(session, midnight(web)), turns(session, now))


def lately(web: Web) -> Counts:
    """The latest count of this process, counted anew when it is older than AT_MOST_EVERY."""
    with _lock:
        kept = _kept.get(web)
        if kept is None or monotonic() - kept[0] > AT_MOST_EVERY:
            kept = _kept[web] = (monotonic(), count(web))
        return kept[1]


_lock = Lock()
_kept: WeakKeyDictionary[Web, tuple[float, Counts]] = WeakKeyDictionary()
