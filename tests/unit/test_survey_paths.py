"""The ways through a survey: held against asking every question with every answer, one after the other."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline.survey_paths import longest_way, never_asked
from ivr.hotline.surveys import Question, Survey

TEXTS = {"zh-CN": "请按键。", "en": "Press a key."}
NUMBERS = ("0", "2", "7", "x")


@st.composite
def surveys(draw: st.DrawFn) -> Survey:
    questions: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["scale", "yes_no", "number", "comment"]))
        conditions: dict[str, list[str]] = {}
        for before in (
            draw(st.lists(st.sampled_from(questions), max_size=2, unique_by=lambda one: one["id"])) if questions else []
        ):
            allowed = {"scale": ("1", "2", "3"), "yes_no": ("1", "2")}.get(before["kind"], NUMBERS)
            conditions[before["id"]] = draw(st.lists(st.sampled_from(allowed), max_size=3, unique=True))
        questions.append({"id": f"q{number}", "kind": kind, "ask": TEXTS, "only_if": conditions, "least": 1, "most": 3})
    return Survey.model_validate({"label": TEXTS, "purpose": TEXTS, "scale": 3, "questions": questions})


def weigh(question: Question) -> float:
    return 60.0 if question.kind == "comment" else 7.0 + int(question.id[1:])


def possible(survey: Survey, question: Question) -> list[str]:
    """Every answer there is; a comment's is its recording."""
    keys = survey.keys(question)
    if keys is not None:
        return keys
    return [""] if question.kind == "comment" else [str(n) for n in range(question.least, question.most + 1)]


def every_way(survey: Survey, answers: dict[str, str] | None = None) -> Iterator[tuple[str, ...]]:
    """The questions asked on every way, as the call itself finds the next one."""
    answers = answers or {}
    question = next(survey.due_questions(answers), None)
    if question is None:
        yield tuple(answers)
        return
    for answer in possible(survey, question):
        yield from every_way(survey, answers | {question.id: answer})


@given(surveys())
def test_the_longest_way_is_the_longest_there_is(survey: Survey) -> None:
    by_id = {question.id: question for question in survey.questions}
    weights = {way: sum(weigh(by_id[name]) for name in way) for way in every_way(survey)}
    longest = longest_way(survey, weigh)
    assert longest.weight == max(weights.values())
    assert weights[longest.questions] == longest.weight


@given(surveys())
def test_a_question_is_never_asked_exactly_when_no_way_asks_it(survey: Survey) -> None:
    asked = {name for way in every_way(survey) for name in way}
    assert never_asked(survey) == [question.id for question in survey.questions if question.id not in asked]


def test_fifteen_questions_that_all_matter_for_the_last_are_no_trouble() -> None:
    questions: list[dict[str, Any]] = [{"id": f"q{n}", "kind": "yes_no", "ask": TEXTS} for n in range(14)]
    last = {"id": "last", "kind": "comment", "ask": TEXTS, "only_if": {f"q{n}": ["1"] for n in range(14)}}
    survey = Survey.model_validate({"label": TEXTS, "purpose": TEXTS, "questions": [*questions, last]})
    assert len(longest_way(survey, lambda question: 1).questions) == 15
