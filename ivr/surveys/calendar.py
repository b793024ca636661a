"""The calendar of windows: when the customers of a survey may be rung on the next days."""

import datetime as dt
from dataclasses import dataclass

from ivr.hotline import Hotline, Survey
from ivr.hotline.calendar import SpecialDay
from ivr.hotline.hours import Spans
from ivr.surveys.policy import Windows

DAYS = 14


@dataclass(frozen=True)
class CalendarDay:
    """A date: when phones may begin to ring (minutes of the wall clock, end exclusive), what day it is beside a
    weekday, and whether anybody knows the public holidays of its year."""

    day: dt.date
    spans: Spans
    special: SpecialDay | None
    known: bool


def coming_days(hotline: Hotline, survey: Survey, first: dt.date, count: int = DAYS) -> list[CalendarDay]:
    """The days from `first` on. Pure."""
    windows, calendar = Windows.of(hotline, survey), hotline.calendar.days
    days = [first + dt.timedelta(days=ahead) for ahead in range(count)]
    return [CalendarDay(day, windows.spans(day), calendar.special(day), calendar.knows(day)) for day in days]
