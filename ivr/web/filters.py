"""The filter of the call list, as it stands in the address bar."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ivr.store.models import OUTCOMES

RUNNING = "running"
CHOICES = (RUNNING, *OUTCOMES)
FIELDS = ("caller", "agent", "queue", "outcome", "from", "to")
PER_PAGE = 25
_MAX_PAGE = 1_000_000
_LONGEST_WORDS = 64
_NUMBER_MARKS = re.compile(r"[\s\-().]")
_CALLER = re.compile(r"\+?\d{1,20}")
_NAME = re.compile(r"[\w.\-]{1,64}")


@dataclass(frozen=True)
class CallFilter:
    """What was asked for; `bad` names the fields that were not understood and are ignored."""

    caller: str | None = None
    agent: str | None = None
    queue: str | None = None
    outcome: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    page: int = 1
    bad: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        return any((self.caller, self.agent, self.queue, self.outcome, self.since, self.until))

    def link(self, page: int) -> str:
        """The address bar's part for another page of the same filter."""
        values = {
            "caller": self.caller,
            "agent": self.agent,
            "queue": self.queue,
            "outcome": self.outcome,
            "from": self.since,
            "to": self.until,
            "page": page if page != 1 else None,
        }
        return "?" + urlencode({name: value for name, value in values.items() if value})

    def on_page(self, page: int) -> "CallFilter":
        return replace(self, page=page)

    def arguments(self, zone: ZoneInfo) -> dict[str, Any]:
        """Arguments of list_calls; the days are whole days in the business's time zone."""
        return {
            "caller": self.caller,
            "agent": self.agent,
            "queue": self.queue,
            "outcome": self.outcome,
            "since": midnight_of(self.since, zone) if self.since else None,
            "until": midnight_of(self.until + dt.timedelta(days=1), zone) if self.until else None,
            "page": self.page,
            "per_page": PER_PAGE,
        }


def read_filter(query: Iterable[tuple[str, str]]) -> CallFilter:
    """Read the address bar; what cannot be understood is left out and named in `bad`."""
    given = {name: value.strip() for name, value in query if value.strip()}
    bad: list[str] = []
    caller = _caller(given, bad)
    agent, queue = (_matching(given, name, _NAME, bad) for name in ("agent", "queue"))
    outcome = given.get("outcome")
    if outcome is not None and outcome not in CHOICES:
        bad.append("outcome")
        outcome = None
    since, until = read_day(given, "from", bad), read_day(given, "to", bad)
    if since and until and since > until:
        since, until = until, since
    return CallFilter(caller, agent, queue, outcome, since, until, read_page(given.get("page")), tuple(bad))


def _caller(given: Mapping[str, str], bad: list[str]) -> str | None:
    """A number as people write it: blanks, dashes and brackets do not count."""
    if "caller" not in given:
        return None
    plain = _NUMBER_MARKS.sub("", given["caller"])
    if not plain.isascii() or not _CALLER.fullmatch(plain):
        bad.append("caller")
        return None
    return plain


def _matching(given: Mapping[str, str], name: str, form: re.Pattern[str], bad: list[str]) -> str | None:
    value = given.get(name)
    if value is not None and not form.fullmatch(value):
        bad.append(name)
        return None
    return value


def read_day(given: Mapping[str, str], name: str, bad: list[str]) -> dt.date | None:
    """A day of the address bar; None where there is none, or none that is understood (then `name` is in `bad`)."""
    if name not in given:
        return None
    try:
        day = dt.date.fromisoformat(given[name])
    except ValueError:
        bad.append(name)
        return None
    if not 1970 < day.year < 9000:
        bad.append(name)
        return None
    return day


def read_words(given: Mapping[str, str], name: str, bad: list[str]) -> str | None:
    """Words of the address bar; None where there are none, or none that can be shown (then `name` is in `bad`)."""
    words = given.get(name)
    if words is not None and (len(words) > _LONGEST_WORDS or not words.isprintable()):
        bad.append(name)
        return None
    return words


def read_page(text: str | None) -> int:
    """A page's number; 1 for anything that is none."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 10):
        return 1
    return min(max(int(text), 1), _MAX_PAGE)


def midnight_of(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """When a day begins in the business's time zone."""
    return dt.datetime.combine(day, dt.time(), zone)
