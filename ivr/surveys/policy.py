"""When customers may be rung at all: allowed hours of the business's wall clock, holidays, and parts of the day."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from ivr.hotline import Hotline, Hours, Survey
from ivr.hotline.calendar import DayCalendar, working_day
from ivr.hotline.hours import Spans, is_within
from ivr.hotline.surveys import WIDEST

Part = Literal["morning", "afternoon", "evening"]
PARTS: dict[Part, tuple[int, int]] = {"morning": (0, 720), "afternoon": (720, 1080), "evening": (1080, 1440)}
"""Minutes since midnight: a customer who is out in the morning may be there in the evening."""

FAR = dt.timedelta(days=120)
"""No allowed hour is looked for beyond: longer than any contact is valid."""

_WIDEST: Spans = Hours.parse({"mon-sun": WIDEST}).spans[0]
_BY_LAW = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
"""Public holidays whose date is the same every year, for years whose notice is not out yet. Source: the State Council's
regulation on holidays as of 2025."""
_LAST_MINUTE = 1
"""Nobody is rung in the last minute of a span: from our claim to the ringing phone some seconds pass."""


@dataclass(frozen=True)
class Windows:
    """When the customers of one survey may be rung. Pure: the same file and moment give the same answer."""

    zone: ZoneInfo
    window: Spans
    hours: Hours
    calendar: DayCalendar
    on_holidays: bool = False
    _known: dict[dt.date, Spans] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, hotline: Hotline, survey: Survey) -> "Windows":
        window = Hours.parse({"mon-sun": hotline.outbound.window}).spans[0]
        return cls(hotline.zone, window, survey.hours, hotline.calendar.days, survey.on_holidays)

    def spans(self, day: dt.date) -> Spans:
        """When a phone may begin to ring on a date: minutes of the wall clock since midnight, end exclusive."""
        if day not in self._known:
            week = self.hours.spans
            usual = week.get(day.weekday(), ())
            on_a_holiday = usual if self.on_holidays else ()
            own = on_a_holiday if self._is_holiday(day) else self.calendar.spans(day, week)
            # An own day's hours are the business's: they make a survey's shorter, never longer.
            allowed = _both(_both(own, working_day(usual, week)), _both(self.window, _WIDEST))
            self._known[day] = tuple((a, b - _LAST_MINUTE) for a, b in allowed if b - _LAST_MINUTE > a)
        return self._known[day]

    def is_open(self, now: dt.datetime) -> bool:
        """Whether customers may be rung now."""
        local = now.astimezone(self.zone)
        return is_within(self.spans(local.date()), local)

    def next_open(
        self, moment: dt.datetime, *, until: dt.datetime | None = None, parts: Collection[Part] = tuple(PARTS)
    ) -> dt.datetime | None:
        """The first allowed moment from `moment` on that lies in one of these parts of the day.

        None when there is none before `until`, at most FAR away.
        """
        limit = min(until or moment + FAR, moment + FAR)
        wanted = tuple(PARTS[part] for part in PARTS if part in parts)
        local = moment.astimezone(self.zone)
        if moment < limit and self.is_open(moment) and is_within(wanted, local):
            return moment
        # From the day before on: a zone may skip a date, or set its clock back over midnight.
        day = local.date() - dt.timedelta(days=1)
        while self._moment(day, 0) < limit:
            starts = (start for start, _ in _both(self.spans(day), wanted))
            opens = (self._moment(day, start, fold) for start in starts for fold in (0, 1))
            later = [at for at in opens if moment < at < limit and self.is_open(at)]
            if later:
                return min(later)
            day += dt.timedelta(days=1)
        return None

    def part_of(self, moment: dt.datetime) -> Part:
        """Which part of the day it is in the business's wall clock."""
        local = moment.astimezone(self.zone)
        return next(part for part, span in PARTS.items() if is_within((span,), local))

    def is_closed_day(self, moment: dt.datetime) -> bool:
        """Whether nobody is rung all day although it is a weekday with hours: a holiday, or an own day."""
        day = moment.astimezone(self.zone).date()
        return not self.spans(day) and bool(self.hours.spans.get(day.weekday()))

    def _is_holiday(self, day: dt.date) -> bool:
        known = self.calendar.knows(day) or day in self.calendar.exceptions
        return self.calendar.is_holiday(day) if known else (day.month, day.day) in _BY_LAW

    def _moment(self, day: dt.date, minute: int, fold: int = 0) -> dt.datetime:
        """A moment of the wall clock, in UTC; one that the clock skips is that much later."""
        wall = dt.datetime.combine(day, dt.time(minute // 60, minute % 60, fold=fold), self.zone)
        return wall.astimezone(dt.UTC)


def _both(one: Spans, other: Spans) -> Spans:
    """The minutes that lie in both."""
    shared = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple(sorted((start, end) for start, end in shared if start < end))
