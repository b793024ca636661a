"""When customers may be rung: never outside the hours, whatever the zone, the calendar and the file say."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.hotline import Hours, load_hotline
from ivr.hotline.calendar import DayCalendar
from ivr.settings import ROOT
from ivr.surveys.policy import FAR, PARTS, Windows
from tests.survey_times import Business, businesses, moments, special_times

SHANGHAI = ZoneInfo("Asia/Shanghai")
parts = st.sets(st.sampled_from(sorted(PARTS)), min_size=1)


def at(moment: str, zone: ZoneInfo = SHANGHAI) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).replace(tzinfo=zone)


def windows(hours: object = {"mon-sun": "09:00-12:00, 14:00-20:00"}, **differs: Any) -> Windows:
    usual: dict[str, Any] = {"zone": SHANGHAI, "window": Hours.parse({"mon": "08:00-21:00"}).spans[0]}
    return Windows(hours=Hours.parse(hours), **(usual | {"calendar": DayCalendar()} | differs))


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-02 08:59", "2026-03-02 09:00"),
        ("2026-03-02 09:00", "2026-03-02 09:00"),
        ("2026-03-02 11:58:59", "2026-03-02 11:58:59"),
        ("2026-03-02 11:59", "2026-03-02 14:00"),  # in the last minute nobody is rung any more
        ("2026-03-02 19:59", "2026-03-03 09:00"),
        ("2026-09-30 20:00", "2026-10-08 09:00"),  # National Day
        ("2026-02-13 21:00", "2026-02-14 09:00"),  # a Saturday that is worked instead
    ],
)
def test_customers_are_rung_within_the_surveys_hours_and_on_no_public_holiday(moment: str, opens: str) -> None:
    assert windows().next_open(at(moment)) == at(opens)


def test_hours_of_weekdays_hold_on_make_up_days_and_on_holidays_only_if_the_survey_wants_it() -> None:
    office = {"mon-fri": "09:00-17:00"}
    assert windows(office).next_open(at("2026-10-10 08:00")) == at("2026-10-10 09:00")  # a Saturday, worked
    assert windows(office).next_open(at("2026-10-11 08:00")) == at("2026-10-12 09:00")
    assert windows(office, on_holidays=True).next_open(at("2026-10-01 08:00")) == at("2026-10-01 09:00")


def test_own_days_close_and_open_even_where_holidays_do_not_count_and_never_lengthen_a_surveys_hours() -> None:
    def own(text: str, **more: Any) -> Windows:
        calendar = DayCalendar(exceptions={dt.date(2026, 10, 1): text})
        return windows(calendar=calendar, **more)

    assert own("closed", on_holidays=True).spans(dt.date(2026, 10, 1)) == ()
    assert own("open").next_open(at("2026-10-01 08:00")) == at("2026-10-01 09:00")
    assert own("07:00-15:00").spans(dt.date(2026, 10, 1)) == ((540, 719), (840, 899))


def test_in_a_year_whose_notice_is_not_out_yet_nobody_is_rung_on_the_holidays_that_the_law_names() -> None:
    found = windows()
    for day in ("2050-01-01", "2050-05-02", "2050-10-03"):
        assert found.spans(dt.date.fromisoformat(day)) == ()
    assert found.spans(dt.date(2050, 10, 4)) != ()
    assert windows(on_holidays=True).spans(dt.date(2050, 10, 1)) != ()
    own = windows(calendar=DayCalendar(exceptions={dt.date(2050, 10, 1): "open"}))
    assert own.spans(dt.date(2050, 10, 1)) != ()


def test_a_closed_day_is_told_from_an_hour_too_early() -> None:
    assert windows().is_closed_day(at("2026-10-01 10:00"))
    assert not windows().is_closed_day(at("2026-10-09 08:00"))
    assert not windows({"mon-fri": "09:00-12:00"}).is_closed_day(at("2026-11-29 10:00")), "an ordinary Sunday"


def test_nobody_is_rung_at_night_even_when_a_file_that_nobody_checked_says_so() -> None:
    wild = windows("always", window=((0, 1440),))
    assert wild.spans(dt.date(2026, 3, 2)) == ((480, 1259),)


def test_another_part_of_the_day_is_looked_for() -> None:
    found = windows()
    assert found.next_open(at("2026-03-02 10:00"), parts=["evening"]) == at("2026-03-02 18:00")
    assert found.next_open(at("2026-03-02 19:00"), parts=["morning", "afternoon"]) == at("2026-03-03 09:00")
    assert windows({"mon": "09:00-11:00"}).next_open(at("2026-03-02 10:00"), parts=["evening"]) is None
    assert [found.part_of(at(f"2026-03-02 {clock}")) for clock in ("11:59", "12:00", "17:59", "18:00")] == [
        "morning",
        "afternoon",
        "afternoon",
        "evening",
    ]


def test_nothing_is_promised_that_opens_too_late_or_never() -> None:
    assert windows().next_open(at("2026-03-02 21:00"), until=at("2026-03-03 09:00")) is None
    assert windows({"mon": "06:00-08:00"}).next_open(at("2026-03-02 00:00")) is None


def test_the_sample_business_rings_by_its_own_wall_clock() -> None:
    hotline = load_hotline(ROOT / "hotline.yaml")
    found = Windows.of(hotline, hotline.surveys["after_service"])
    assert found.is_open(dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC))
    assert not found.is_open(dt.datetime(2026, 3, 2, 9, 0, tzinfo=ZoneInfo("Europe/Berlin")) + dt.timedelta(hours=5))


@st.composite
def times(draw: st.DrawFn) -> tuple[Business, dt.datetime]:
    moment = draw(moments)
    return draw(businesses(near=moment)), moment


@settings(max_examples=800)
@given(st.one_of(times(), special_times()))
def test_whatever_is_called_open_is_allowed_and_all_that_is_allowed_but_the_last_minute_is_open(
    one: tuple[Business, dt.datetime],
) -> None:
    business, moment = one
    if business.windows().is_open(moment):
        assert business.allows(moment)
        assert business.allows(moment + dt.timedelta(seconds=59)), "a phone that rings a little later still may"
    elif business.allows(moment):
        assert not business.allows(moment + dt.timedelta(seconds=60))


@settings(max_examples=400)
@given(times(), parts, st.lists(st.floats(0, 1, exclude_max=True), max_size=30))
def test_the_next_allowed_moment_is_allowed_and_there_is_none_before(
    one: tuple[Business, dt.datetime], wanted: set[Any], between: list[float]
) -> None:
    business, moment = one
    found = business.windows()
    opens = found.next_open(moment, parts=wanted)
    if opens is not None:
        assert opens >= moment and business.allows(opens) and found.part_of(opens) in wanted
    end = opens or moment + FAR
    for share in between:
        before = moment + share * (end - moment)
        if before < end and found.part_of(before) in wanted and not _clock_was_set_back(business, before):
            assert not found.is_open(before)


def _clock_was_set_back(business: Business, moment: dt.datetime) -> bool:
    """An hour that the wall clock shows twice counts once: nobody is rung the first time it is open by the second."""
    local = moment.astimezone(ZoneInfo(business.zone))
    return local.fold == 1


@settings(max_examples=200)
@given(times(), st.integers(0, 60 * 24 * 20))
def test_a_time_that_is_too_late_is_never_named(one: tuple[Business, dt.datetime], minutes: int) -> None:
    business, moment = one
    until = moment + dt.timedelta(minutes=minutes)
    opens = business.windows().next_open(moment, until=until)
    assert opens is None or moment <= opens < until
