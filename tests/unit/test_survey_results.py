"""A survey's figures: counted in the database, added up without it, and never one contact or answer too many."""

import datetime as dt
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Survey, load_hotline
from ivr.settings import ROOT
from ivr.store.followup import Case
from ivr.store.models import Transcript
from ivr.store.session import Store
from ivr.store.surveys import ContactState, comment_leg
from ivr.surveys.contacts import Chosen, list_contacts, reasons, served
from ivr.surveys.export import every_answer, every_contact
from ivr.surveys.figures import Rate
from ivr.surveys.funnel import STAGES, Funnel, count_stages, funnels
from ivr.surveys.results import (
    EARLIER,
    GROUPINGS,
    Asked,
    Given,
    Group,
    Results,
    count_answers,
    count_contacts,
    results,
    spans,
    weeks_until,
)
from tests.stores import engine_url, store
from tests.survey_tables import SURVEY, SurveyTables

__all__ = ["engine_url", "store"]

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
"""A Sunday, 10:30 in Shanghai."""
TODAY = NOW.astimezone(SHANGHAI).date()
STATES: tuple[ContactState, ...] = get_args(ContactState)
SAMPLE = load_hotline(ROOT / "hotline.yaml").surveys[SURVEY]
WITH_NUMBERS = Survey.model_validate(
    {
        "label": {"en": "x"},
        "purpose": {"en": "x"},
        "questions": [
            {"id": "days", "kind": "number", "ask": {"en": "x"}, "least": 0, "most": 100},
            {"id": "where", "kind": "choice", "ask": {"en": "x"}, "choices": {"1": {"en": "a"}, "2": {"en": "b"}}},
        ],
    }
)


# ---- pure --------------------------------------------------------------------------------------------------

WEEKS = weeks_until(TODAY, 3)
groups = st.builds(Group, st.sampled_from(["", "T01", "T02"]), st.sampled_from(["保养", "维修"]), st.integers(-1, 2))
asked_cells = st.builds(
    Asked,
    group=groups,
    stage=st.sampled_from(STAGES),
    state=st.sampled_from(STATES),
    answered=st.just(False),
    count=st.integers(1, 500),
    cases=st.integers(0, 5),
).flatmap(
    lambda cell: st.just(cell) if STAGES.index(cell.stage) < 3 else st.booleans().map(lambda yes: _answered(cell, yes))
)
given_cells = st.builds(
    Given,
    group=groups,
    question=st.sampled_from(["overall", "solved", "reason", "recommend", "dropped", "days", "where"]),
    value=st.sampled_from(["", "0", "1", "2", "5", "9", "17", "101", "odd"]),
    count=st.integers(1, 500),
)


def _answered(cell: Asked, yes: bool) -> Asked:
    return Asked(cell.group, cell.stage, cell.state, yes, cell.count, cell.cases)


@given(
    st.sampled_from([SAMPLE, WITH_NUMBERS, None]),
    st.lists(given_cells, max_size=30),
    st.lists(asked_cells, max_size=30),
)
def test_whatever_was_counted_the_figures_add_up(
    survey: Survey | None, answers: list[Given], contacts: list[Asked]
) -> None:
    found = results(survey, answers, contacts, WEEKS)
    everybody = sum(cell.count for cell in contacts)
    assert found.funnel.contacts == everybody == sum(found.funnel.states.values())
    assert sum(question.count for question in found.answers) == sum(cell.count for cell in answers)
    for question in found.answers:
        if question.question is None or question.question.kind != "comment":
            assert sum(bar.rate.count for bar in question.bars) == question.count
        assert all(bar.rate.of == question.count for bar in question.bars)
    for grouping in GROUPINGS:
        lines = found.lines[grouping]
        assert sum(line.contacts for line in lines) == everybody
        assert sum(line.cases for line in lines) == found.cases
        assert sum(line.response.count for line in lines) == found.response.count
        assert sum(line.response.of for line in lines) == found.response.of
        assert [line.key for line in lines] == sorted({line.key for line in lines}, key=_as_shown)


def _as_shown(key: str | dt.date | None) -> str:
    return str(key or "")


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.sampled_from(STATES), st.integers(0, 500))))
def test_a_funnel_only_narrows_and_loses_exactly_those_it_tells_of(
    counted: list[tuple[str, ContactState, int]],
) -> None:
    funnel: Funnel = count_stages(counted)  # type: ignore[arg-type]
    widths = [funnel.at_least(stage) for stage in STAGES]
    assert widths[0] == funnel.contacts
    assert widths == sorted(widths, reverse=True)
    for stage, width, narrower in zip(STAGES, widths, [*widths[1:], 0], strict=True):
        assert sum(funnel.no_further(stage).values()) == width - narrower
        assert funnel.step(stage).count <= funnel.step(stage).of


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_numbers_are_drawn_in_a_dozen_spans_at_most_each_number_in_one(one: int, other: int) -> None:
    least, most = sorted((one, other))
    found = spans(least, most)
    assert len(found) <= 12
    assert [number for span in found for number in span] == list(range(least, most + 1))


def test_weeks_begin_on_mondays_and_end_with_the_week_asked_about() -> None:
    assert weeks_until(dt.date(2026, 11, 22), 2) == [dt.date(2026, 11, 9), dt.date(2026, 11, 16)]
    assert weeks_until(dt.date(2026, 11, 23), 1) == [dt.date(2026, 11, 23)]


def test_the_sample_survey_has_its_figures_from_the_questions_that_ask_for_them() -> None:
    here = Group("T01", "保养", 2)
    answers = [Given(here, "overall", value, count) for value, count in (("5", 6), ("4", 2), ("2", 2))]
    answers += [Given(here, "recommend", value, count) for value, count in (("5", 5), ("4", 3), ("1", 2))]
    answers += [Given(here, "solved", "1", 9), Given(here, "solved", "2", 1), Given(here, "reason", "", 2)]
    found = results(SAMPLE, answers, [], WEEKS)
    assert found.satisfied is not None and found.satisfied.satisfied == Rate(8, 10)
    assert found.recommended is not None and found.recommended.recommendation is not None
    assert found.recommended.recommendation.score == 30.0
    assert [(each.id, each.count) for each in found.answers] == [
        ("overall", 10),
        ("solved", 10),
        ("reason", 2),
        ("recommend", 10),
    ]


def test_numbers_have_their_mean_and_middle_and_what_cannot_be_one_stands_for_itself() -> None:
    here = Group("", "保养", 0)
    values = [("0", 1), ("3", 2), ("17", 1), ("101", 1), ("", 1)]
    (days, _where) = results(WITH_NUMBERS, [Given(here, "days", *each) for each in values], [], WEEKS).answers
    assert (days.count, days.mean, days.median) == (6, 23 / 4, 3)
    assert [(bar.value, bar.rate.count) for bar in days.bars if bar.rate.count] == [
        ("0-8", 3),
        ("9-17", 1),
        ("", 1),
        ("101", 1),
    ]
    assert [bar.known for bar in days.bars][-2:] == [False, False]


def test_a_question_that_is_asked_no_more_keeps_its_answers() -> None:
    (*_, gone) = results(SAMPLE, [Given(Group("", "x", 0), "old", "7", 3)], [], WEEKS).answers
    assert (gone.id, gone.question, gone.count, gone.bars[0].known) == ("old", None, 3, False)


# ---- in the database ---------------------------------------------------------------------------------------


def fill(store: Store) -> None:
    """Somebody at every stage, of two technicians and three weeks."""
    with store.write() as session:
        tables = SurveyTables(session, NOW)
        tables.contact(visit=tables.visit(0.2))  # due tomorrow
        tables.contact()  # due
        missed = tables.contact("gave_up", tables.visit(9, by="T02", kind="维修"))
        tables.attempt(missed, "no_answer")
        tables.attempt(missed, "busy")
        refused = tables.contact()
        tables.attempt(refused, "refused", dialled_at=None)
        stranger = tables.contact("wrong_person", tables.visit(9))
        tables.attempt(stranger, "wrong_person")
        for score in ("5", "4", "2"):
            done = tables.contact("completed", tables.visit(3, by="T02"))
            tables.attempt(done)
            tables.answer(done, "overall", score)
            tables.answer(done, "solved", "1")
        session.add(_case("survey_low", done.id))
        broken = tables.contact("gave_up", tables.visit(100, by="T02"), reached_at=NOW)
        tables.attempt(broken, "broken_off")
        tables.answer(broken, "overall", "5")
        tables.answer(broken, "reason", recording="c.wav", seconds=4.0)
        leg = comment_leg(f"sv{broken.id}-1", "reason")
        session.add(Transcript(leg_id=leg, state="done", words=[{"word": "太慢"}, {"word": "了"}]))
        other = tables.contact("completed", survey="delivery")
        tables.answer(other, "overall", "1")


def _case(kind: str, contact: str) -> Case:
    return Case(kind=kind, origin=contact, contact_id=contact, opened_at=NOW, due_at=NOW)


def read(store: Store, chosen: Chosen) -> Results:
    weeks = weeks_until(TODAY, 3)
    with store.read() as session:
        given = count_answers(session, chosen, weeks, SHANGHAI)
        asked = count_contacts(session, chosen, weeks, SHANGHAI, NOW)
    return results(SAMPLE, given, asked, weeks)


def test_every_contact_is_counted_once_at_the_stage_it_got_to(store: Store) -> None:
    fill(store)
    with store.read() as session:
        found = funnels(session, NOW)
    funnel = found[SURVEY]
    assert {stage: funnel.at_least(stage) for stage in STAGES} == {
        "not_due": 9,
        "due": 8,
        "dialled": 6,
        "reached": 4,
        "completed": 3,
    }
    assert funnel.no_further("dialled") == {"gave_up": 1, "wrong_person": 1}
    assert funnel.no_further("reached") == {"gave_up": 1}
    assert found["delivery"].contacts == 1
    assert read(store, Chosen(survey=SURVEY)).funnel == funnel


def test_results_are_told_apart_by_technician_kind_and_week(store: Store) -> None:
    fill(store)
    found = read(store, Chosen(survey=SURVEY))
    assert found.satisfied is not None and found.satisfied.satisfied == Rate(3, 4)
    assert found.response == Rate(4, 6)
    assert found.cases == 1
    by = {line.key: line for line in found.lines["by"]}
    assert (by["T01"].contacts, by["T02"].contacts) == (4, 5)
    assert (by["T02"].response, by["T02"].satisfied, by["T02"].cases) == (Rate(4, 5), Rate(3, 4), 1)
    assert by["T01"].satisfied == Rate(0, 0)
    assert {line.key: line.contacts for line in found.lines["kind"]} == {"保养": 8, "维修": 1}
    assert [(line.key, line.contacts) for line in found.lines["week"]] == [
        (None, 1),
        (dt.date(2026, 11, 9), 2),
        (dt.date(2026, 11, 16), 6),
    ]


def test_a_week_begins_at_midnight_of_the_business(store: Store) -> None:
    sunday_night = dt.datetime(2026, 11, 15, 23, 59, tzinfo=SHANGHAI)
    with store.write() as session:
        tables = SurveyTables(session, NOW)
        for at in (sunday_night, sunday_night + dt.timedelta(minutes=1)):
            tables.contact(visit=tables.visit((NOW - at) / dt.timedelta(days=1)))
        asked = count_contacts(session, Chosen(survey=SURVEY), weeks_until(TODAY, 2), SHANGHAI, NOW)
        assert sorted(each.group.week for each in asked) == [0, 1]
        before = count_contacts(session, Chosen(), weeks_until(TODAY, 1), SHANGHAI, NOW)
        assert sorted(each.group.week for each in before) == [EARLIER, 0]


@pytest.mark.parametrize(
    ("chosen", "contacts"),
    [
        (Chosen(), 10),
        (Chosen(survey="delivery"), 1),
        (Chosen(survey=SURVEY, state="completed"), 3),
        (Chosen(survey=SURVEY, state="open"), 3),
        (Chosen(by="T02"), 5),
        (Chosen(kind="维修"), 1),
        (Chosen(since=NOW - dt.timedelta(days=3)), 7),
        (Chosen(until=NOW - dt.timedelta(days=9)), 1),
        (Chosen(text="王建"), 10),
        (Chosen(text="%"), 0),
        (Chosen(text="nul\x00"), 0),
        (Chosen(text="138 0000 0003"), 1),
        (Chosen(reason="window"), 0),
    ],
)
def test_contacts_are_chosen_and_the_figures_are_of_those_chosen(store: Store, chosen: Chosen, contacts: int) -> None:
    fill(store)
    with store.read() as session:
        page = list_contacts(session, chosen, per_page=100)
        every = [whom.contact_id for whom, _ in every_contact(session, chosen)]
    assert page.total == len(page.items) == contacts
    assert sorted(every) == sorted(line.contact.id for line in page.items)
    assert read(store, chosen).funnel.contacts == contacts


def test_whoever_is_to_be_rung_next_comes_first_and_pages_miss_nobody(store: Store) -> None:
    fill(store)
    with store.read() as session:
        everybody = [line.contact for line in list_contacts(session, Chosen(survey=SURVEY)).items]
        pages = [list_contacts(session, Chosen(survey=SURVEY), page, 4).items for page in range(1, 4)]
        assert list_contacts(session, Chosen(), 99).items == []
    still = [contact for contact in everybody if contact.ended_at is None]
    assert everybody[: len(still)] == still
    assert [contact.next_at for contact in still] == sorted(contact.next_at for contact in still)
    assert [line.contact.id for page in pages for line in page] == [contact.id for contact in everybody]


def test_every_answer_is_told_with_a_comments_words(store: Store) -> None:
    fill(store)
    with store.read() as session:
        found = every_answer(session, Chosen(survey=SURVEY))
        told = [(answer.question, answer.value, answer.words) for _, answer in found]
        assert served(session, SURVEY) == (["T01", "T02"], ["保养", "维修"])
        assert reasons(session, SURVEY) == [""]
    assert ("reason", "", "太慢了") in told
    assert len(told) == 8
