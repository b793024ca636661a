"""Which day is what: public holidays, their make-up working days, and the business's own exceptions (S18)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import chinese_calendar
from chinese_calendar import Holiday

from ivr.hotline.hours import Spans, parse_day
from ivr.hotline.kinds import Texts

WORKING_DAY = "open"
CLOSED_DAY = "closed"

_FRIDAY = 4


def read_exception(text: str) -> Spans | None:
    """An own day as it is written: `closed` (no spans), `open` (None: a working day), or hours; raises ValueError."""
    match text.strip():
        case "closed":
            return ()
        case "open":
            return None
        case hours:
            return parse_day(hours)


@dataclass(frozen=True)
class SpecialDay:
    """A date that is no ordinary day of the week. `holiday`: the public holiday that it is, or makes up for; `own`: an
    own day as the business file has it."""

    kind: Literal["own", "holiday", "make_up"]
    holiday: Texts = field(default_factory=dict)
    own: str = ""


@dataclass(frozen=True)
class DayCalendar:
    """What a date does to a week's hours. Days no source knows anything about are ordinary days of the week.

    `exceptions`: own days, which come before any holiday. Source of the holidays: the State Council's yearly
    notices as kept by the library chinesecalendar; it knows a year only once its notice is out.
    """

    chinese_holidays: bool = True
    exceptions: Mapping[dt.date, str] = field(default_factory=dict)

    def spans(self, day: dt.date, week: Mapping[int, Spans]) -> Spans:
        """When a queue with these weekly hours is open on `day`."""
        usual = week.get(day.weekday(), ())
        if day in self.exceptions:
            own = read_exception(self.exceptions[day])
            return working_day(usual, week) if own is None else own
        if self.chinese_holidays and day in chinese_calendar.holidays:
            return ()
        if self.chinese_holidays and day in chinese_calendar.workdays and day.weekday() > _FRIDAY:
            return working_day(usual, week)
        return usual

    def is_holiday(self, day: dt.date) -> bool:
        """Whether it is a public holiday, and no own day."""
        return self.chinese_holidays and day in chinese_calendar.holidays and day not in self.exceptions

    def is_working_day(self, day: dt.date) -> bool:
        """Whether people work on `day`: an own day counts first, then holidays and make-up days, then the weekday."""
        if day in self.exceptions:
            return read_exception(self.exceptions[day]) != ()
        if self.chinese_holidays and day in chinese_calendar.holidays:
            return False
        if self.chinese_holidays and day in chinese_calendar.workdays:
            return True
        return day.weekday() <= _FRIDAY

    def special(self, day: dt.date) -> SpecialDay | None:
        """What a date is beside a day of the week; None: nothing."""
        if day in self.exceptions:
            return SpecialDay("own", own=self.exceptions[day])
        if self.is_holiday(day):
            return SpecialDay("holiday", _holiday(chinese_calendar.holidays[day]))
        if self.chinese_holidays and day in chinese_calendar.workdays and day.weekday() > _FRIDAY:
            return SpecialDay("make_up", _holiday(chinese_calendar.workdays[day]))
        return None

    def knows(self, day: dt.date) -> bool:
        """Whether the public holidays of a date's year are known."""
        return not self.chinese_holidays or day.year <= max(chinese_calendar.holidays).year


def working_day(usual: Spans, week: Mapping[int, Spans]) -> Spans:
    """A made-up working day has the hours of that weekday where it has any, else those of the first working day."""
    return usual or next((spans for _, spans in sorted(week.items()) if spans), ())


def _holiday(name: str) -> Texts:
    return {"zh-CN": Holiday(name).chinese, "en": name}
