"""By when a customer hears from us and a case is put right (S25, S22): working days, reminders, escalation."""

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from ivr.calls.journal import Journal
from ivr.cases import acts
from ivr.cases.board import (
    ANSWERED,
    CLOSED,
    ESCALATED,
    IN_HAND,
    LANES,
    MINE,
    NEW,
    NOBODY,
    OPEN,
    OVERDUE,
    Chosen,
    count_cases,
    list_cases,
    owners,
)
from ivr.cases.deadlines import remind
from ivr.cases.opening import open_cases
from ivr.cases.record import Reader, get_case
from ivr.cases.rules import LAST_CALL, remind_at, resolve_by
from ivr.hotline.calendar import DayCalendar
from ivr.hotline.model import Standards
from ivr.store.followup import Case, News
from ivr.store.session import Store
from tests.stores import dump, engine_url, store
from tests.unit.test_cases import HOURS, MAIL, NOW, call, hotline, message, put, stored

__all__ = ["engine_url", "store"]

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = dt.timedelta(days=1)
ZONES = (
    *("Asia/Shanghai", "Europe/Berlin", "America/Santiago"),
    *("Asia/Beirut", "Australia/Lord_Howe", "Pacific/Kiritimati"),
)
"""Without daylight saving and with it, with a midnight that is left out, with half an hour, and the first of all."""
DAYS = (dt.date(2012, 1, 1), dt.date(2031, 12, 31))
moments = st.builds(
    lambda day, second: dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(seconds=second),
    st.dates(*DAYS),
    st.integers(0, 86399),
)
own_days = st.dictionaries(st.dates(*DAYS), st.sampled_from(["closed", "open", "09:00-12:00"]), max_size=40)
calendars = st.builds(DayCalendar, st.booleans(), own_days)


# ---- the rule --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "days", "local_end"),
    [
        ("2026-11-25 09:00", 3, "2026-11-30"),  # a Wednesday: Thursday, Friday, Monday
        ("2026-11-25 23:59", 1, "2026-11-26"),
        ("2026-11-28 09:00", 1, "2026-11-30"),  # a Saturday: the first working day is Monday
        ("2026-09-30 17:00", 3, "2026-10-10"),  # National Day and Mid-Autumn; 10 October, a Saturday, is worked
        ("2026-10-09 17:00", 1, "2026-10-10"),
        ("2028-02-28 10:00", 2, "2028-03-01"),  # a leap day
        ("2025-12-31 10:00", 1, "2026-01-04"),  # New Year's Day to Saturday; the Sunday is worked
    ],
)
def test_s25_days_to_put_it_right_are_working_days_with_holidays_and_make_up_days(
    opened: str, days: int, local_end: str
) -> None:
    at = dt.datetime.fromisoformat(opened).replace(tzinfo=SHANGHAI)
    end = resolve_by(at, False, Standards(resolve_days=days), DayCalendar(), SHANGHAI).astimezone(SHANGHAI)
    assert end - DAY == dt.datetime.combine(dt.date.fromisoformat(local_end), dt.time(), SHANGHAI)


def test_s22_key_customers_have_it_put_right_sooner() -> None:
    by = {key: resolve_by(NOW, key, Standards(), DayCalendar(), SHANGHAI) for key in (False, True)}
    assert by[True] - NOW < 2 * DAY < by[False] - NOW  # NOW is a Sunday morning


@given(moments, st.integers(1, 30), st.sampled_from(ZONES), calendars)
def test_so_many_working_days_lie_between_in_every_zone(
    opened: dt.datetime, days: int, zone_name: str, calendar: DayCalendar
) -> None:
    zone = ZoneInfo(zone_name)
    end = resolve_by(opened, False, Standards(resolve_days=days), calendar, zone)
    first, last = opened.astimezone(zone).date() + DAY, (end - dt.timedelta(seconds=1)).astimezone(zone).date()
    between = [first + n * DAY for n in range((last - first).days + 1)]
    assert sum(map(calendar.is_working_day, between)) == days
    assert calendar.is_working_day(last), "the last day is one on which somebody can put it right"
    assert end.tzinfo is dt.UTC and end > opened


@given(moments, st.timedeltas(dt.timedelta(0), dt.timedelta(days=10)), st.sampled_from(ZONES), calendars)
def test_what_is_opened_later_is_never_due_sooner(
    opened: dt.datetime, later: dt.timedelta, zone_name: str, calendar: DayCalendar
) -> None:
    zone = ZoneInfo(zone_name)
    ends = [resolve_by(at, False, Standards(), calendar, zone) for at in (opened, opened + later)]
    assert ends == sorted(ends)
    more = resolve_by(opened, False, Standards(resolve_days=4), calendar, zone)
    assert more > ends[0]


@given(moments, st.timedeltas(dt.timedelta(minutes=1), dt.timedelta(days=60)))
def test_reminder_comes_between_the_beginning_and_the_end_and_a_day_before_it_at_most(
    opened: dt.datetime, time: dt.timedelta
) -> None:
    due = opened + time
    at = remind_at(opened, due)
    assert opened < at < due and due - at <= LAST_CALL


@given(st.dates(dt.date(2004, 1, 1), dt.date(2040, 12, 31)))
def test_working_day_is_one_on_which_an_office_is_open(day: dt.date) -> None:
    office = dict.fromkeys(range(5), ((480, 1020),))
    for known in (DayCalendar(), DayCalendar(chinese_holidays=False)):
        assert known.is_working_day(day) == bool(known.spans(day, office))


# ---- reminding and escalating ----------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "flow.jsonl", lambda: NOW)


def told(store: Store) -> list[str]:
    with store.read() as session:
        return [row.origin for row in session.scalars(select(News).order_by(News.id))]


def opened(store: Store, *origins: str, **notify: Any) -> dict[str, int]:
    put(store, *(message(origin) for origin in origins))
    open_cases(store, hotline(**notify), NOW)
    with store.read() as session:
        return {case.origin: case.id for case in session.scalars(select(Case))}


RESOLVE = dt.datetime(2026, 11, 25, 16, tzinfo=dt.UTC)
"""NOW is Sunday 22 November; three working days end with Wednesday in Shanghai."""


def test_s25_case_is_reminded_of_at_both_deadlines_then_escalated_each_once(store: Store, journal: Journal) -> None:
    business = hotline(email=MAIL)
    case = opened(store, "left", email=MAIL)["left"]
    steps = {
        NOW + 23 * HOURS: [],
        NOW + 24 * HOURS: [f"overdue:{case}"],
        RESOLVE - 25 * HOURS: [],
        RESOLVE - 24 * HOURS: [f"resolve_soon:{case}"],
        RESOLVE - HOURS: [],
        RESOLVE: [f"escalated:{case}"],
        RESOLVE + 100 * HOURS: [],
    }
    expected = [f"case:{case}"]
    for now, more in steps.items():
        assert remind(store, journal, business, now) == len(more)
        expected += more
        assert told(store) == expected
    with store.read() as session:
        record = get_case(session, case)
        news = {row.origin: row.body for row in session.scalars(select(News))}
    assert record.escalated_at == RESOLVE and record.escalated and record.overdue(RESOLVE)
    assert news[f"escalated:{case}"]["event"] == "case.escalated"
    assert news[f"escalated:{case}"]["resolve_by"] == RESOLVE.isoformat()
    assert {each.origin for each in record.news} == set(expected)


def test_case_is_escalated_for_the_board_where_nobody_is_told_outside(store: Store, journal: Journal) -> None:
    case = opened(store, "left")["left"]
    assert remind(store, journal, hotline(), RESOLVE) == 1
    assert told(store) == []
    with store.read() as session:
        assert get_case(session, case).escalated_at == RESOLVE


def test_closed_case_is_neither_reminded_of_nor_escalated(store: Store, journal: Journal) -> None:
    case = opened(store, "left", email=MAIL)["left"]
    acts.close(store, journal, case, "boss", "done", NOW, in_charge=True)
    assert remind(store, journal, hotline(email=MAIL), RESOLVE + 9 * DAY) == 0
    assert told(store) == [f"case:{case}"]


def test_customer_who_has_heard_from_us_is_not_overdue_until_it_should_be_put_right(
    store: Store, journal: Journal
) -> None:
    business, now = hotline(email=MAIL), NOW + 30 * HOURS
    case = opened(store, "left", email=MAIL)["left"]
    put(store, call("rung", callback_of="left", answered_at=None, started_at=NOW + HOURS, outcome="timed_out"))
    with store.read() as session:
        assert get_case(session, case).overdue(now)
    put(store, call("reached", callback_of="left", answered_at=NOW + 2 * HOURS))
    assert remind(store, journal, business, now) == 0
    with store.read() as session:
        record = get_case(session, case)
    assert (record.heard_at, record.deadline) == (NOW + 2 * HOURS, RESOLVE)
    assert not record.overdue(now) and record.overdue(RESOLVE)


def test_call_before_the_case_was_opened_is_no_answer_to_it(store: Store) -> None:
    case = opened(store, "left")["left"]
    put(store, call("earlier", callback_of="left", answered_at=NOW - HOURS))
    with store.read() as session:
        assert get_case(session, case).heard_at is None


def test_department_owner_and_escalation_are_the_same_after_the_cases_are_made_anew(
    store: Store, journal: Journal
) -> None:
    case = opened(store, "left")["left"]
    departments = hotline().departments
    acts.move(store, journal, case, "boss", "workshop", NOW, known=departments, in_charge=True)
    acts.take(store, journal, case, "1002", NOW)
    acts.give(store, journal, case, "boss", "1001", NOW, known=["1001"], in_charge=True)
    acts.move(store, journal, case, "1001", None, NOW, known=departments)
    acts.move(store, journal, case, "1001", "workshop", NOW, known=departments)
    remind(store, journal, hotline(), RESOLVE + HOURS)
    before = dump(store, "service_case")
    stored(store, journal)
    assert dump(store, "service_case") == before
    with store.write() as session:
        session.execute(delete(Case))
    open_cases(store, hotline(), RESOLVE + 50 * HOURS)
    with store.read() as session:
        (again,) = session.scalars(select(Case)).all()
    assert (again.department, again.owner, again.state) == ("workshop", "1001", "taken")
    assert again.escalated_at == NOW, "the journal's own moment"


def test_case_is_not_moved_where_nobody_is_or_by_somebody_else(store: Store, journal: Journal) -> None:
    case = opened(store, "left")["left"]
    for by, department, problem in (("boss", "cellar", "no_department"), ("1001", "workshop", "not_taken")):
        with pytest.raises(acts.CaseRefused) as refused:
            acts.move(store, journal, case, by, department, NOW, known=hotline().departments)
        assert refused.value.problem == problem
    assert not journal.path.exists()


# ---- the board -------------------------------------------------------------------------------------------


def test_board_shows_the_escalated_first_then_what_is_due_next_and_its_counts_add_up(
    store: Store, journal: Journal
) -> None:
    origins = ["new", "late", "old", "mine", "reached", "closed"]
    put(store, *(message(each, NOW - ago * HOURS) for each, ago in zip(origins, (1, 30, 200, 2, 40, 3), strict=True)))
    open_cases(store, hotline(), NOW)
    with store.read() as session:
        ids = {case.origin: case.id for case in session.scalars(select(Case))}
    for each in ("mine", "reached"):
        acts.take(store, journal, ids[each], "boss", NOW)
    acts.close(store, journal, ids["closed"], "boss", "done", NOW, in_charge=True)
    put(store, call("rung", callback_of="reached", answered_at=NOW - 39 * HOURS))
    remind(store, journal, hotline(), NOW)
    with store.read() as session:
        reader = Reader("boss")
        shown = [case.call_id for case in list_cases(session, reader, NOW).items]
        counts = count_cases(session, reader, NOW, Chosen())
        of_boss = count_cases(session, reader, NOW, Chosen(owner="boss"))
        of_nobody = [case.call_id for case in list_cases(session, reader, NOW, Chosen(owner=NOBODY)).items]
        lanes = {name: list_cases(session, reader, NOW, Chosen(name)).total for name in LANES}
        assert owners(session, reader) == ["boss"]
    assert shown == ["old", "late", "mine", "new", "reached"]
    assert counts == {OPEN: 5, NEW: 3, IN_HAND: 1, ANSWERED: 1, MINE: 2, OVERDUE: 2, ESCALATED: 1, CLOSED: 1}
    assert sum(counts[name] for name in LANES) == counts[OPEN] and lanes == {name: counts[name] for name in LANES}
    assert of_boss[OPEN] + len(of_nobody) == counts[OPEN]


def test_board_of_a_department_counts_its_cases_alone(store: Store, journal: Journal) -> None:
    ids = opened(store, "one", "two", "three")
    acts.move(store, journal, ids["one"], "boss", "workshop", NOW, known=hotline().departments, in_charge=True)
    with store.read() as session:
        counts = {
            each: count_cases(session, Reader("boss"), NOW, Chosen(department=each))[OPEN]
            for each in ("workshop", NOBODY)
        }
    assert counts == {"workshop": 1, NOBODY: 2}
