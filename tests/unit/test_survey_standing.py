"""Why a campaign rings nobody just now; the days that the calendar draws; a contact's story."""

import datetime as dt
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.record import CallRecord
from ivr.hotline import Hotline, load_hotline
from ivr.hotline.calendar import DayCalendar, SpecialDay
from ivr.settings import ROOT
from ivr.store.customers import Visit
from ivr.store.followup import Case
from ivr.store.models import JournalEvent
from ivr.store.session import Store
from ivr.store.surveys import CampaignState, Contact, ContactAttempt
from ivr.surveys.calendar import coming_days
from ivr.surveys.policy import Windows
from ivr.surveys.standing import Surroundings, Today, attempts_since, standing, turns
from ivr.surveys.story import ContactNotFound, Heard, contact_story, tell
from tests.stores import engine_url, store
from tests.survey_tables import SURVEY, SurveyTables

__all__ = ["engine_url", "store"]

SHANGHAI = ZoneInfo("Asia/Shanghai")
SAMPLE = load_hotline(ROOT / "hotline.yaml")
NOON = dt.datetime(2026, 11, 23, 11, 0, tzinfo=SHANGHAI)
"""A Monday, within the sample's hours (09:00-12:00, 14:00-20:00)."""


def business(**changes: Any) -> Hotline:
    data: dict[str, Any] = yaml.safe_load((ROOT / "hotline.yaml").read_text(encoding="utf-8"))
    return Hotline.model_validate(data | changes)


# ---- standing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "due", "here", "why"),
    [
        ("running", 3, Surroundings(NOON), "ringing"),
        ("running", 0, Surroundings(NOON), "nobody_due"),
        ("running", 3, Surroundings(NOON, waiting_callers=4), "ringing"),
        ("running", 3, Surroundings(NOON, waiting_callers=5), "inbound_busy"),
        ("running", 3, Surroundings(NOON.replace(hour=13)), "outside_hours"),
        ("paused", 3, Surroundings(NOON), "paused"),
        ("planned", 3, Surroundings(NOON), "not_started"),
        ("paused", 3, Surroundings(NOON, stopped=True), "stopped"),
        ("running", 3, Surroundings(NOON.replace(month=10, day=1)), "closed_day"),
    ],
)
def test_a_campaign_says_why_nobody_is_rung(state: CampaignState, due: int, here: Surroundings, why: str) -> None:
    assert standing(SAMPLE, SURVEY, state, due, here).why == why


def test_without_a_trunk_nobody_can_be_rung() -> None:
    assert standing(business(outbound={}), SURVEY, "running", 3, Surroundings(NOON)).why == "no_trunk"


def test_the_next_window_is_told_while_this_one_is_shut() -> None:
    here = Surroundings(NOON.replace(hour=13))
    found = standing(SAMPLE, SURVEY, "running", 1, here)
    assert found.next_open == NOON.replace(hour=14)
    assert found.today == ((540, 719), (840, 1199))
    assert standing(SAMPLE, SURVEY, "running", 1, Surroundings(NOON)).next_open == NOON


def test_todays_attempts_are_counted_by_result(store: Store) -> None:
    now = NOON.astimezone(dt.UTC)
    midnight = NOON.replace(hour=0)
    with store.write() as session:
        tables = SurveyTables(session, now)
        busy = tables.contact()
        tables.attempt(busy, "busy", at=midnight - dt.timedelta(seconds=1))
        tables.attempt(busy, "busy", at=midnight)
        tables.attempt(tables.contact("dialling"), None, at=now)
        tables.attempt(tables.contact("completed", survey="other"), at=now)
        tables.contact(next_at=now + dt.timedelta(minutes=1))
    with store.read() as session:
        assert attempts_since(session, midnight) == {
            SURVEY: Today({"busy": 1}, running=1),
            "other": Today({"completed": 1}),
        }
        assert turns(session, now) == {SURVEY: 2}
    assert Today({"busy": 2, "completed": 1}, 3).attempts == 6


# ---- the calendar ------------------------------------------------------------------------------------------


def test_holidays_their_make_up_days_and_own_days_are_named() -> None:
    days = DayCalendar(exceptions={dt.date(2026, 10, 2): "open", dt.date(2026, 10, 10): "closed"})
    national = {"zh-CN": "国庆节", "en": "National Day"}
    assert days.special(dt.date(2026, 10, 1)) == SpecialDay("holiday", national)
    assert days.special(dt.date(2026, 9, 20)) == SpecialDay("make_up", national)
    assert days.special(dt.date(2026, 10, 2)) == SpecialDay("own", own="open")
    assert days.special(dt.date(2026, 10, 10)) == SpecialDay("own", own="closed")
    assert days.special(dt.date(2026, 10, 12)) is None
    assert DayCalendar(chinese_holidays=False).special(dt.date(2026, 10, 1)) is None


@given(st.dates(dt.date(2026, 1, 1), dt.date(2028, 12, 31)))
def test_the_calendar_draws_the_hours_that_the_dialler_obeys(first: dt.date) -> None:
    survey = SAMPLE.surveys[SURVEY]
    windows = Windows.of(SAMPLE, survey)
    days = coming_days(SAMPLE, survey, first)
    assert [each.day for each in days] == [first + dt.timedelta(days=ahead) for ahead in range(14)]
    for each in days:
        for hour in range(24):
            moment = dt.datetime.combine(each.day, dt.time(hour), SHANGHAI)
            drawn = any(start <= hour * 60 < end for start, end in each.spans)
            assert drawn == windows.is_open(moment)
        assert each.known or each.day.year > 2026


# ---- a story -----------------------------------------------------------------------------------------------

MOMENT = NOON.astimezone(dt.UTC)


def test_a_story_is_told_in_order_and_not_before_it_happened() -> None:
    visit = Visit(at=MOMENT - dt.timedelta(days=2), kind="保养", by="1001")
    contact = Contact(due_at=MOMENT - dt.timedelta(days=1), state="completed", ended_at=MOMENT)
    late = ContactAttempt(
        attempt=1, claimed_at=MOMENT, dialled_at=MOMENT, answered_at=MOMENT + dt.timedelta(seconds=9), result="later"
    )
    case = Case(id=7, kind="survey_low", opened_at=MOMENT - dt.timedelta(hours=1), closed_at=MOMENT, outcome="已回电")
    heard = [Heard(MOMENT, "survey.ended", {"result": "later"}), Heard(MOMENT, "survey.confirmed", {})]
    told = tell(contact, visit, [late], heard, [case], MOMENT)
    assert [line.what for line in told] == ["visit", "due", "case", "dialled", "later", "confirmed", "case_closed"]
    assert told == sorted(told, key=lambda line: line.at)


def test_s26_a_story_tells_that_the_customer_asked_for_a_person_and_who_talked_with_them() -> None:
    visit = Visit(at=MOMENT, kind="保养", by="")
    contact = Contact(due_at=MOMENT, state="person", ended_at=MOMENT)
    asked = Heard(MOMENT + dt.timedelta(seconds=1), "survey.ended", {"result": "person"})
    call = CallRecord(
        id="sv-1", direction="outbound", caller=None, started_at=MOMENT, answered_at=MOMENT + dt.timedelta(seconds=9),
        ended_at=None, outcome="answered", queue="service", agent="1001", wait_seconds=8, talk_seconds=3, menu_path=[],
    )  # fmt: skip
    told = tell(contact, visit, [], [asked], [], MOMENT + dt.timedelta(minutes=1), [call])
    assert [line.what for line in told] == ["visit", "due", "person", "talks"]
    assert told[-1].facts == {"agent": "1001"}
    waiting = tell(contact, visit, [], [asked], [], MOMENT + dt.timedelta(minutes=1), [replace(call, answered_at=None)])
    assert waiting[-1].what == "person"


def test_who_cancelled_and_why_it_was_given_up_is_told() -> None:
    visit = Visit(at=MOMENT, kind="保养", by="")
    contact = Contact(due_at=MOMENT + dt.timedelta(days=1), state="cancelled", ended_at=MOMENT)
    (_, line) = tell(contact, visit, [], [Heard(MOMENT, "contact.cancelled", {"by": "boss"})], [], MOMENT)
    assert (line.what, line.facts["by"]) == ("cancelled", "boss")
    contact.state = "gave_up"
    (_, line) = tell(contact, visit, [], [Heard(MOMENT, "contact.gave_up", {"reason": "per_day"})], [], MOMENT)
    assert (line.what, line.facts["reason"]) == ("gave_up", "per_day")
    (_, line) = tell(contact, visit, [], [], [], MOMENT)  # the journal's line is not there: the state tells it
    assert line.what == "gave_up"


def test_the_story_of_a_contact_has_what_its_calls_told(store: Store) -> None:
    with store.write() as session:
        tables = SurveyTables(session, MOMENT)
        contact = tables.contact("completed")
        attempt = tables.attempt(contact)
        tables.answer(contact, "overall", "2")
        told = {"source": "flow", "channel_id": None, "at": MOMENT}
        for place, (call, kind, data) in enumerate(
            [
                (attempt.call_id, "survey.heard", {"who": "human"}),
                (attempt.call_id, "survey.asking", {"question": "overall"}),
                (attempt.call_id, "survey.answer", {"question": "overall", "value": "2"}),
                ("sv-of-another", "survey.answer", {"question": "overall", "value": "5"}),
            ]
        ):
            session.add(JournalEvent(position=str(place), call_id=call, kind=kind, data=data, **told))
        session.add(Case(kind="survey_low", origin="x", contact_id=contact.id, opened_at=MOMENT, due_at=MOMENT))
    with store.read() as session:
        story = contact_story(session, contact.id, MOMENT)
        assert [line.what for line in story.lines] == ["visit", "due", "dialled", "ended", "heard", "answer", "case"]
        assert story.lines[5].facts == {"question": "overall", "value": "2"}
        assert [said.answer.value for said in story.answers] == ["2"]
        assert story.calls == {} and story.customer.name == "王建国"
        for unknown in ("nothing", "nul\x00"):
            with pytest.raises(ContactNotFound):
                contact_story(session, unknown, MOMENT)
