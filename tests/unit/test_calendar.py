"""When the business is open: holidays, their make-up working days, own exceptions, and what is open next (S18)."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Hotline, Hours
from ivr.hotline.calendar import DayCalendar
from ivr.settings import ROOT

SHANGHAI = ZoneInfo("Asia/Shanghai")
moments = st.integers(0, 3 * 365 * 1440).map(
    lambda minutes: dt.datetime(2026, 1, 1, tzinfo=SHANGHAI) + dt.timedelta(minutes=minutes)
)
OFFICE = {"mon-fri": "08:00-12:00, 13:00-17:30"}


def business(hours: object = OFFICE, **calendar: object) -> Hotline:
    data: dict[str, Any] = yaml.safe_load((ROOT / "hotline.yaml").read_text(encoding="utf-8"))
    data["queues"] = {"service": data["queues"]["service"] | {"hours": hours}}
    data["menus"] = {"main": {"options": {"0": {"label": {"zh-CN": "人工"}, "queue": "service"}}}}
    data["calendar"] = calendar
    return Hotline.model_validate(data)


def at(moment: str) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        ("2026-09-30 17:29", True, "2026-09-30 17:29"),
        ("2026-09-30 17:30", False, "2026-10-08 08:00"),  # National Day and Mid-Autumn: seven days
        ("2026-10-05 09:00", False, "2026-10-08 08:00"),  # a Monday, but a holiday
        ("2026-10-10 09:00", True, "2026-10-10 09:00"),  # a Saturday that is worked instead
        ("2026-10-10 12:30", False, "2026-10-10 13:00"),  # lunch
        ("2026-10-11 09:00", False, "2026-10-12 08:00"),  # an ordinary Sunday
    ],
)
def test_public_holidays_close_and_their_make_up_days_open(moment: str, is_open: bool, opens: str) -> None:
    hotline = business()

    assert hotline.is_open("service", at(moment)) is is_open
    assert hotline.next_opening("service", at(moment)) == at(opens)


def test_without_holidays_a_public_holiday_is_a_day_like_any_other() -> None:
    assert business(holidays="none").is_open("service", at("2026-10-05 09:00"))


@pytest.mark.parametrize(
    ("own", "moment", "is_open"),
    [
        ("closed", "2026-12-31 09:00", False),
        ("09:00-12:00", "2026-12-31 08:30", False),
        ("09:00-12:00", "2026-12-31 09:00", True),
        ("open", "2026-12-31 09:00", True),
    ],
)
def test_an_own_exception_comes_before_everything_else(own: str, moment: str, is_open: bool) -> None:
    hotline = business(exceptions={dt.date(2026, 12, 31): own})

    assert hotline.is_open("service", at(moment)) is is_open


def test_a_holiday_that_is_declared_open_is_worked_and_closed_beats_a_make_up_day() -> None:
    hotline = business(exceptions={dt.date(2026, 10, 1): "open", dt.date(2026, 10, 10): "closed"})

    assert hotline.is_open("service", at("2026-10-01 09:00"))
    assert not hotline.is_open("service", at("2026-10-10 09:00"))


def test_a_sunday_declared_open_has_the_hours_of_a_working_day() -> None:
    hotline = business(exceptions={dt.date(2026, 10, 11): "open"})

    assert hotline.is_open("service", at("2026-10-11 09:00"))
    assert not hotline.is_open("service", at("2026-10-11 12:30"))


@given(moments)
def test_a_queue_that_is_always_open_knows_no_holidays(moment: dt.datetime) -> None:
    hotline = business("always", exceptions={moment.date(): "closed"})

    assert hotline.is_open("service", moment)
    assert hotline.next_opening("service", moment) == moment


@given(moments)
def test_what_is_said_to_open_next_is_open_then_and_was_not_before(moment: dt.datetime) -> None:
    hotline = business()
    opens = hotline.next_opening("service", moment)

    assert opens is not None and opens >= moment
    assert hotline.is_open("service", opens)
    if opens > moment:
        assert not hotline.is_open("service", opens - dt.timedelta(minutes=1))


def test_a_business_that_never_opens_again_promises_nothing() -> None:
    days = {dt.date(2026, 1, 1) + dt.timedelta(days=n): "closed" for n in range(90)}

    assert business(exceptions=days).next_opening("service", at("2026-01-01 00:00")) is None


def test_hours_are_those_of_the_business_wherever_the_server_stands() -> None:
    eight_in_shanghai = dt.datetime(2026, 11, 23, 0, 0, tzinfo=dt.UTC)

    assert business().is_open("service", eight_in_shanghai)
    assert not business().is_open("service", eight_in_shanghai - dt.timedelta(minutes=1))


def test_a_caller_is_promised_the_queue_that_takes_over_when_it_opens_first() -> None:
    data: dict[str, Any] = yaml.safe_load((ROOT / "hotline.yaml").read_text(encoding="utf-8"))
    data["queues"]["service"]["hours"] = {"mon-sun": "07:00-22:00"}
    hotline = Hotline.model_validate(data)

    assert hotline.next_opening("booking", at("2026-11-23 03:00")) == at("2026-11-23 07:00")


def test_a_year_whose_notice_is_not_out_yet_is_not_guessed() -> None:
    days = DayCalendar()

    assert days.knows(dt.date(2026, 10, 1))
    assert not days.knows(dt.date(2050, 10, 1))
    assert days.spans(dt.date(2050, 10, 3), {0: ((480, 1050),)}) == ((480, 1050),)


@pytest.mark.parametrize("text", ["morning", "25:00-26:00", "12:00-08:00", ""])
def test_an_exception_nobody_can_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="closed, or open"):
        business(exceptions={dt.date(2026, 12, 31): text})


def test_hours_that_overlap_are_refused_and_are_kept_in_order() -> None:
    with pytest.raises(ValueError, match="overlap"):
        Hours.parse({"mon": "08:00-12:00, 11:00-13:00"})
    assert Hours.parse({"mon": "13:00-17:00, 08:00-12:00"}).spans[0] == ((480, 720), (780, 1020))
