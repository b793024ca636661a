"""The holiday greeting of a survey call (S26): 元旦, 春节, 五一, 中秋, 国庆."""

import datetime as dt

import chinese_calendar
from chinese_calendar import Holiday

from ivr.hotline import Hotline

_GREETINGS = {
    Holiday.new_years_day.value: "holiday_new_year",
    Holiday.spring_festival.value: "holiday_spring",
    Holiday.labour_day.value: "holiday_labour",
    Holiday.mid_autumn_festival.value: "holiday_mid_autumn",
    Holiday.national_day.value: "holiday_national",
}
_FIXED = {(1, 1): "holiday_new_year", (5, 1): "holiday_labour", (10, 1): "holiday_national"}
"""Holidays that fall on the same date every year: known before the State Council's notice of a year is out."""
_ONE_DAY = dt.timedelta(days=1)
_KNOWN_YEARS = frozenset(day.year for day in chinese_calendar.holidays)


def holiday_prompt(hotline: Hotline, now: dt.datetime) -> str | None:
    """The prompt that wishes a customer a happy holiday at `now`; None on other days, and for a business that keeps
    no Chinese holidays (`calendar.holidays: none`)."""
    if hotline.calendar.holidays != "cn":
        return None
    return greeting_on(now.astimezone(hotline.zone).date())


def greeting_on(day: dt.date) -> str | None:
    """The greeting's prompt on the days of a holiday and on its eve; one where two holidays meet.

    Source: the library chinesecalendar. Of a year it does not know yet, a holiday that follows the moon gets no
    greeting rather than one on a wrong day.
    """
    return _greeting_of(day) or (_greeting_of(day + _ONE_DAY) if day < dt.date.max else None)


def _greeting_of(day: dt.date) -> str | None:
    if day.year in _KNOWN_YEARS:
        return _GREETINGS.get(chinese_calendar.holidays.get(day, ""))
    return _FIXED.get((day.month, day.day))
