"""What a survey call knows of its order, and when we may call again."""

import re
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Hours, load_hotline
from ivr.hotline.calendar import DayCalendar
from ivr.settings import ROOT
from ivr.surveys.later import OFFERS, later_offers, offer_prompts
from ivr.surveys.line import Order
from ivr.surveys.policy import PARTS, Windows
from ivr.telephony.agi import plain
from ivr.telephony.survey_sheet import SHEET, Sheet, read_sheet, write_sheet

SAMPLE = load_hotline(ROOT / "hotline.yaml")
WINDOWS = Windows.of(SAMPLE, SAMPLE.surveys["after_service"])
WORD = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
ORDERS = st.builds(
    Order,
    contact_id=st.from_regex(r"[0-9a-f]{20}", fullmatch=True),
    attempt=st.integers(1, 20),
    number=st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    survey=WORD,
    language=st.sampled_from(["zh-CN", "en"]),
    customer_id=st.none() | st.integers(1, 10**9),
    surname=st.just("") | WORD,
    customer=st.text(max_size=60),
    visit_kind=st.text(max_size=60),
    asking=st.just("") | WORD,
    answers=st.lists(st.tuples(WORD, st.from_regex(r"[0-9]{0,4}", fullmatch=True)), unique_by=lambda pair: pair[0]).map(
        tuple
    ),
    key=st.booleans(),
)


def through_asterisk(variables: dict[str, str], **heard: str) -> Sheet:
    """The sheet as the flow reads it from the customer's channel, which inherits the variables."""
    known = {name.removeprefix("__"): value for name, value in variables.items()} | heard
    return read_sheet(re.sub(r"\$\{(\w+)\}", lambda match: known.get(match[1], ""), SHEET))


@given(ORDERS)
def test_what_is_written_for_a_call_is_what_the_flow_reads(order: Order) -> None:
    sheet = through_asterisk(write_sheet(order), AMDSTATUS="HUMAN", AMDCAUSE="HUMAN-700-700")
    assert (sheet.contact, sheet.number, sheet.survey) == (order.contact_id, order.number, order.survey)
    assert (sheet.surname, sheet.asking, sheet.answers) == (order.surname, order.asking, dict(order.answers))
    assert (sheet.amd, sheet.who) == ("HUMAN", "human")
    assert sheet.visit_kind == plain(order.visit_kind)[:20].strip()
    assert sheet.goes_on == bool(order.asking or order.answers)


@given(ORDERS)
def test_nothing_that_is_written_could_be_read_as_the_dialplans_own(order: Order) -> None:
    for name, value in write_sheet(order).items():
        assert name.startswith("__"), "every channel of the call inherits it"
        assert not re.search(r'[${}\[\]"\\,;()&|=<>\n]', value)


@given(st.text(max_size=200))
def test_whatever_is_read_is_a_sheet(text: str) -> None:
    assert read_sheet(text).who in ("human", "machine", "phone_menu", "uncertain")


def beijing(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of January 2026; the 5th is a Monday."""
    return datetime(2026, 1, day, hour, minute, tzinfo=WINDOWS.zone)


@pytest.mark.parametrize(
    ("now", "offers"),
    [
        (beijing(5, 9), {"1": beijing(5, 10), "2": beijing(5, 14), "3": beijing(6, 9), "4": beijing(6, 14)}),
        (beijing(5, 11, 30), {"2": beijing(5, 14, 30), "3": beijing(6, 9), "4": beijing(6, 14)}),
        (beijing(5, 16), {"1": beijing(5, 17), "2": beijing(5, 19), "3": beijing(6, 9), "4": beijing(6, 14)}),
        (beijing(5, 19, 30), {"3": beijing(6, 9), "4": beijing(6, 14)}),
        (datetime(2026, 9, 30, 15, tzinfo=WINDOWS.zone), {"1": 16, "2": 18}),
    ],
    ids=["morning", "before lunch", "afternoon", "evening", "the day before a holiday"],
)
def test_the_times_that_are_offered(now: datetime, offers: dict[str, datetime | int]) -> None:
    expected = {key: now.replace(hour=at) if isinstance(at, int) else at for key, at in offers.items()}
    assert later_offers(WINDOWS, now) == expected


@given(
    st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: beijing(1, 0) + timedelta(minutes=minutes)),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from(["09:00-12:00, 14:00-20:00", "08:00-21:00", "10:00-10:30", "18:00-20:00"]),
)
def test_no_time_is_offered_at_which_nobody_may_be_rung(now: datetime, zone: str, hours: str) -> None:
    windows = Windows(
        SAMPLE.model_copy(update={"hotline": SAMPLE.hotline.model_copy(update={"timezone": zone})}).zone,
        Hours.parse({"mon-sun": "08:00-21:00"}).spans[0],
        Hours.parse({"mon-fri": hours}),
        DayCalendar(),
    )
    offers = later_offers(windows, now)
    for key, at in offers.items():
        assert windows.is_open(at) and at > now
        local, today = at.astimezone(windows.zone), now.astimezone(windows.zone).date()
        if key in ("3", "4"):
            assert local.date() == today + timedelta(days=1)
            start, end = PARTS["morning" if key == "3" else "afternoon"]
            assert start <= local.hour * 60 + local.minute < end
        elif key == "2":
            assert local.date() == today


def test_all_offers_are_said_in_one_breath_and_some_one_by_one() -> None:
    assert offer_prompts(OFFERS) == ["survey_later"]
    some = ["survey_later_hour", "survey_later_afternoon"]
    assert offer_prompts(["4", "1"]) == ["survey_later_ask", *some, "survey_later_own"]
