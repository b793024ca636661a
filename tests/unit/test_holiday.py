"""Holiday greetings (S26): on the days and the eve of the five holidays, never a wrong one."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.speech.prompts import PromptStore
from ivr.surveys.holiday import greeting_on, holiday_prompt

HOTLINE = load_hotline(ROOT / "hotline.yaml")
FIXED = {(1, 1): "holiday_new_year", (5, 1): "holiday_labour", (10, 1): "holiday_national"}

# The first day of the lunar year, and the fifteenth of the eighth month, from an almanac.
NEW_YEARS = [
    "2008-02-07",
    "2009-01-26",
    "2010-02-14",
    "2011-02-03",
    "2012-01-23",
    "2013-02-10",
    "2014-01-31",
    "2015-02-19",
    "2016-02-08",
    "2017-01-28",
    "2018-02-16",
    "2019-02-05",
    "2020-01-25",
    "2021-02-12",
    "2022-02-01",
    "2023-01-22",
    "2024-02-10",
    "2025-01-29",
    "2026-02-17",
]
MID_AUTUMNS = [
    "2008-09-14",
    "2009-10-03",
    "2010-09-22",
    "2011-09-12",
    "2012-09-30",
    "2013-09-19",
    "2014-09-08",
    "2015-09-27",
    "2016-09-15",
    "2017-10-04",
    "2018-09-24",
    "2019-09-13",
    "2021-09-21",
    "2022-09-10",
    "2023-09-29",
    "2024-09-17",
    "2025-10-06",
    "2026-09-25",
]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize("first", NEW_YEARS)
def test_spring_festival_is_greeted_on_its_eve_and_its_first_days(first: str) -> None:
    for offset in (-1, 0, 1, 2):
        assert greeting_on(day(first) + dt.timedelta(days=offset)) == "holiday_spring"


@pytest.mark.parametrize("text", MID_AUTUMNS)
def test_mid_autumn_is_greeted_on_its_day_and_on_its_eve_unless_that_is_national_day(text: str) -> None:
    assert greeting_on(day(text)) == "holiday_mid_autumn"
    eve = day(text) - dt.timedelta(days=1)
    national = (eve.month, eve.day) >= (10, 1)
    assert greeting_on(eve) == ("holiday_national" if national else "holiday_mid_autumn")


def test_when_mid_autumn_falls_on_national_day_one_of_them_is_said() -> None:
    assert greeting_on(day("2020-10-01")) == "holiday_national"
    assert greeting_on(day("2020-09-30")) == "holiday_national"


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("2025-12-31", "holiday_new_year"),
        ("2026-01-01", "holiday_new_year"),
        ("2026-01-04", None),  # a Sunday on which one works
        ("2026-02-24", None),
        ("2026-04-05", None),  # 清明: nothing to wish anybody
        ("2026-04-30", "holiday_labour"),
        ("2026-05-05", "holiday_labour"),
        ("2026-05-06", None),
        ("2026-06-19", None),  # 端午 is not among the five
        ("2026-09-24", "holiday_mid_autumn"),
        ("2026-09-28", None),
        ("2026-09-30", "holiday_national"),
        ("2026-10-07", "holiday_national"),
        ("2026-10-08", None),
        ("2015-09-03", None),  # a holiday of that year alone
    ],
)
def test_the_days_of_a_year_that_is_known(text: str, prompt: str | None) -> None:
    assert greeting_on(day(text)) == prompt


@given(st.dates(min_value=dt.date(2100, 1, 2)))
def test_in_a_year_that_nobody_knows_only_what_follows_the_sun_is_greeted(date: dt.date) -> None:
    """A year more than the library knows must not be greeted by last year's moon."""
    following = date + dt.timedelta(days=1) if date < dt.date.max else date
    wanted = FIXED.get((date.month, date.day)) or FIXED.get((following.month, following.day))
    assert greeting_on(date) == wanted


@given(st.dates())
def test_a_greeting_is_one_that_can_be_said_and_stands_at_most_two_weeks(date: dt.date) -> None:
    prompt = greeting_on(date)
    if prompt is not None:
        ahead = min(date.toordinal() + 14, dt.date.max.toordinal())
        rest = [greeting_on(dt.date.fromordinal(one)) for one in range(date.toordinal(), ahead + 1)]
        assert set(rest) != {prompt} or date.toordinal() + 14 > dt.date.max.toordinal()


def test_every_greeting_has_words_in_every_language(paths: StatePaths) -> None:
    store = PromptStore(paths, HOTLINE)
    first = day("2008-01-01")
    said = {greeting_on(first + dt.timedelta(days=offset)) for offset in range(366 * 12)} - {None}
    assert len(said) == 5
    assert [prompt for prompt in said for language in HOTLINE.languages if not store.text(str(prompt), language)] == []


def test_the_day_is_the_one_at_the_business_not_in_greenwich() -> None:
    assert holiday_prompt(HOTLINE, dt.datetime(2026, 5, 5, 15, 59, tzinfo=dt.UTC)) == "holiday_labour"
    assert holiday_prompt(HOTLINE, dt.datetime(2026, 5, 5, 16, 0, tzinfo=dt.UTC)) is None


def test_a_business_without_chinese_holidays_wishes_none() -> None:
    calendar = HOTLINE.calendar.model_copy(update={"holidays": "none"})
    abroad = HOTLINE.model_copy(update={"calendar": calendar})
    assert holiday_prompt(abroad, dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)) is None
