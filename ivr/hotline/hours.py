"""When a queue is open: weekly spans in the wall clock of the business (S18)."""

import datetime as dt
import itertools
import re

from pydantic import BaseModel, ConfigDict

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$")


Spans = tuple[tuple[int, int], ...]
"""Opening times of one day: minutes since midnight, from (inclusive) and to (exclusive)."""
_WHOLE_DAY: Spans = ((0, 1440),)


def parse_day(text: str) -> Spans:
    """The hours of one day, "09:00-12:00, 13:00-17:30", in order of time; raises ValueError, also on an overlap."""
    spans = sorted(_span(part.strip()) for part in text.split(","))
    if any(start < end for (_, end), (start, _) in itertools.pairwise(spans)):
        raise ValueError(f"hours {text!r}: the spans overlap")
    return tuple(spans)


class Hours(BaseModel):
    """Weekly opening spans per weekday (0 = Monday), minutes since midnight, end exclusive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spans: dict[int, Spans]

    @property
    def always(self) -> bool:
        """Open day and night (S18): no holiday closes such a queue."""
        return all(self.spans.get(day) == _WHOLE_DAY for day in range(7))

    @classmethod
    def parse(cls, value: object) -> "Hours":
        """Read `always` or `{mon-fri: "08:00-12:00, 13:00-17:30"}`; raises ValueError otherwise."""
        if value == "always":
            return cls(spans=dict.fromkeys(range(7), _WHOLE_DAY))
        if not isinstance(value, dict):
            raise ValueError('allowed: always, or days with hours such as {mon-fri: "08:00-17:30"}')
        spans: dict[int, Spans] = {}
        for days, hours in value.items():
            for day in _days(str(days)):
                spans[day] = parse_day(str(hours))
        return cls(spans=spans)

    def is_open(self, local: dt.datetime) -> bool:
        """Whether the wall-clock moment `local` (already in the business's zone) is open."""
        return is_within(self.spans.get(local.weekday(), ()), local)


def is_within(spans: Spans, local: dt.datetime) -> bool:
    """Whether a wall-clock moment lies in the opening times of its day."""
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in spans)


def _days(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if first not in _DAYS or (last and last not in _DAYS):
        raise ValueError(f"day {text!r}: allowed: mon … sun, or a span such as mon-fri")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return [(start + offset) % 7 for offset in range((end - start) % 7 + 1)]


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.match(text)
    if match is None:
        raise ValueError(f'hours {text!r}: allowed: "08:00-17:30", several joined by commas')
    hour, minute, end_hour, end_minute = match.groups()
    start = int(hour) * 60 + int(minute)
    end = 1440 if end_hour is None else int(end_hour) * 60 + int(end_minute)
    if end <= start:
        raise ValueError(f"hours {text!r}: the end must come after the start")
    return start, end
