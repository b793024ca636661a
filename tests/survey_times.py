"""Random businesses, zones and moments for the tests of who is rung when, and a plain second opinion on each."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import chinese_calendar
from hypothesis import strategies as st

from ivr.hotline import Hours
from ivr.hotline.calendar import DayCalendar
from ivr.surveys.policy import Windows

ZONES = (
    "Asia/Shanghai",  # no summer time since 1991
    "Asia/Kathmandu",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # set its clocks at 00:01 until 2011
    "America/Sao_Paulo",  # at midnight until 2019
    "Africa/Cairo",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # by half an hour
    "Antarctica/Troll",  # by two hours
    "Pacific/Apia",  # had no 30 December 2011
    "Antarctica/Casey",  # set its clocks by three hours, several times, and not always at night
)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIRST = dt.datetime(2011, 1, 1, tzinfo=dt.UTC)
_SECONDS = int(dt.timedelta(days=17 * 365).total_seconds())
TURNS = (
    dt.datetime(2012, 2, 28, 12, tzinfo=dt.UTC),  # leap days
    dt.datetime(2024, 2, 28, 12, tzinfo=dt.UTC),
    dt.datetime(2011, 12, 29, tzinfo=dt.UTC),  # Samoa goes west
    dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC),  # summer time begins
    dt.datetime(2026, 3, 28, 12, tzinfo=dt.UTC),
    dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC),  # and ends
    dt.datetime(2025, 1, 25, tzinfo=dt.UTC),  # the Spring Festival and its make-up days
    dt.datetime(2025, 9, 27, tzinfo=dt.UTC),  # National Day and its make-up days
    dt.datetime(2024, 12, 31, tzinfo=dt.UTC),
    dt.datetime(2030, 9, 28, tzinfo=dt.UTC),  # a year of which nobody has published anything
    dt.datetime(2029, 12, 30, tzinfo=dt.UTC),
)
"""The days that rules about time stumble over."""
_BY_LAW = ("01-01", "05-01", "05-02", "10-01", "10-02", "10-03")


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _span(bounds: tuple[int, int]) -> str:
    first, last = min(bounds), max(bounds)
    return f"{_clock(first)}-{_clock(last + 1)}"


spans = st.tuples(st.integers(0, 1438), st.integers(0, 1438)).map(_span)
moments = st.one_of(
    st.integers(0, _SECONDS).map(lambda seconds: _FIRST + dt.timedelta(seconds=seconds)),
    st.tuples(st.sampled_from(TURNS), st.integers(0, 5 * 86400)).map(lambda one: one[0] + dt.timedelta(seconds=one[1])),
)

_special_days = st.one_of(
    st.sampled_from([dt.date(year, 2, 29) for year in range(2012, 2033, 4)]),
    st.sampled_from(sorted(day for day in chinese_calendar.holidays if day.year > 2010)),
    st.sampled_from(sorted(day for day in chinese_calendar.workdays if day.year > 2010)),
)
"""Leap days, public holidays, and the days that are worked to make up for them."""


@dataclass(frozen=True)
class Business:
    """A business file's words about time, and what they mean to somebody who reads them slowly."""

    zone: str
    window: str
    week: dict[str, str]
    exceptions: dict[dt.date, str]
    holidays: bool
    on_holidays: bool

    def windows(self) -> Windows:
        return Windows(
            ZoneInfo(self.zone),
            Hours.parse({"mon-sun": self.window}).spans[0],
            Hours.parse(self.week),
            DayCalendar(self.holidays, self.exceptions),
            self.on_holidays,
        )

    def allows(self, moment: dt.datetime) -> bool:
        """Whether a phone may ring at this moment."""
        local = moment.astimezone(ZoneInfo(self.zone))
        clock = f"{local.hour:02}:{local.minute:02}"
        if not "08:00" <= clock < "21:00" or not _is_in(clock, self.window):
            return False
        hours = self._hours(local.date())
        own = self.exceptions.get(local.date(), "open")
        return hours is not None and _is_in(clock, hours) and (own == "open" or _is_in(clock, own))

    def _hours(self, day: dt.date) -> str | None:
        """The survey's hours of a date; None: nobody is rung on it."""
        usual = self.week.get(_DAYS[day.weekday()])
        of_a_working_day = usual or next((self.week[name] for name in _DAYS if name in self.week), None)
        own = self.exceptions.get(day)
        if own == "closed":
            return None
        if own is not None:
            return of_a_working_day
        by_law = day.year > max(chinese_calendar.holidays).year and f"{day:%m-%d}" in _BY_LAW
        if self.holidays and (day in chinese_calendar.holidays or by_law):
            return usual if self.on_holidays else None
        made_up = self.holidays and day in chinese_calendar.workdays and day.weekday() >= 5
        return of_a_working_day if made_up else usual


def _is_in(clock: str, hours: str) -> bool:
    return any(one.split("-")[0].strip() <= clock < one.split("-")[1].strip() for one in hours.split(","))


@st.composite
def businesses(draw: st.DrawFn, near: dt.datetime | None = None) -> Business:
    """Any business; one with exceptions has them within some days of `near`."""
    week = draw(st.dictionaries(st.sampled_from(_DAYS), spans, max_size=7))
    around = near.date() if near else draw(moments).date()
    days = st.integers(-2, 12).map(lambda ahead: around + dt.timedelta(days=ahead))
    return Business(
        zone=draw(st.sampled_from(ZONES)),
        window=draw(st.one_of(st.just("08:00-21:00"), st.just("00:00-24:00"), spans)),
        week=week or {"mon": "09:00-12:00"},
        exceptions=draw(st.dictionaries(days, st.sampled_from(["closed", "open", "10:00-16:00"]), max_size=4)),
        holidays=draw(st.booleans()),
        on_holidays=draw(st.booleans()),
    )


@st.composite
def special_times(draw: st.DrawFn) -> tuple[Business, dt.datetime]:
    """A business that works from Monday to Friday, each day by hours of its own, and a moment of a special day."""
    week = {name: draw(spans) for name in _DAYS[:5]}
    zone = draw(st.sampled_from(ZONES))
    local = dt.datetime.combine(draw(_special_days), dt.time(), ZoneInfo(zone))
    business = Business(zone, "08:00-21:00", week, {}, holidays=True, on_holidays=draw(st.booleans()))
    return business, local + dt.timedelta(minutes=draw(st.integers(480, 1259)))
