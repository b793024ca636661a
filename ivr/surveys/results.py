"""What customers answered: distributions, satisfaction and recommendation, by whom, what and when; all add up (S26).

Three passes over the tables count (`count_answers`, `count_contacts`); `results` is pure and only adds.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from ivr.hotline import Question, Survey
from ivr.store.customers import Visit
from ivr.store.followup import Case
from ivr.store.surveys import Answer, Contact, ContactState
from ivr.surveys.contacts import Chosen, chosen_contacts
from ivr.surveys.figures import Rate, Recommendation, Recommending, median, satisfaction
from ivr.surveys.funnel import STAGES, Funnel, Stage, count_stages, has_answered, stage_at

Part = TypeVar("Part")

WEEKS = 12
"""Weeks told one by one; all before them are one."""
EARLIER = -1
MOST_BARS = 12
"""Numbers that may be more different ones are drawn in so many spans at most."""

Grouping = Literal["by", "kind", "week"]
GROUPINGS: tuple[Grouping, ...] = ("by", "kind", "week")


@dataclass(frozen=True)
class Group:
    """What figures are told apart by: who served, the kind of visit, and its week's place in the weeks asked for
    (EARLIER: before them)."""

    by: str
    kind: str
    week: int


@dataclass(frozen=True)
class Given:
    """So many customers of a group gave this answer to a question (`value` as keyed)."""

    group: Group
    question: str
    value: str
    count: int


@dataclass(frozen=True)
class Asked:
    """So many contacts of a group got to this stage; whether they answered anything; the cases opened for them."""

    group: Group
    stage: Stage
    state: ContactState
    answered: bool
    count: int
    cases: int


@dataclass(frozen=True)
class Bar:
    """How many gave an answer, of all who answered the question. `value`: as keyed, or a span of numbers "10-19".
    `known`: the survey in force has this answer."""

    value: str
    rate: Rate
    known: bool = True


@dataclass(frozen=True)
class Answers:
    """All answers to a question: the bars' counts add up to `count`. `question` None: the survey asks it no more."""

    id: str
    question: Question | None
    count: int
    bars: list[Bar]
    satisfied: Rate | None = None
    recommendation: Recommendation | None = None
    mean: float | None = None
    median: float | None = None


@dataclass(frozen=True)
class Line:
    """The figures of one group; `key` is who, what, or the week's Monday (None: all weeks before the others)."""

    key: str | dt.date | None
    contacts: int
    response: Rate
    satisfied: Rate
    recommendation: Recommendation
    cases: int


@dataclass(frozen=True)
class Results:
    """A survey's figures. `response`: customers who answered something, of all who were dialled at least once."""

    funnel: Funnel
    response: Rate
    cases: int
    answers: list[Answers]
    lines: Mapping[Grouping, list[Line]]
    satisfied: Answers | None = None
    """The question whose figure is the survey's CSAT: the first scale that does not ask for a recommendation."""
    recommended: Answers | None = None


# ---- counting --------------------------------------------------------------------------------------------


def weeks_until(day: dt.date, count: int = WEEKS) -> list[dt.date]:
    """The Mondays of the last weeks, that of `day` the last of them."""
    monday = day - dt.timedelta(days=day.weekday())
    return [monday - dt.timedelta(weeks=before) for before in reversed(range(count))]


def count_answers(session: Session, chosen: Chosen, weeks: Sequence[dt.date], zone: ZoneInfo) -> list[Given]:
    """Every answer of the chosen contacts, counted; one pass."""
    each = (
        chosen_contacts(*_group(weeks, zone), Answer.question, Answer.value, chosen=chosen)
        .join(Answer, Answer.contact_id == Contact.id)
        .subquery()
    )
    rows = session.execute(select(each, func.count()).group_by(*each.c))
    return [Given(Group(by, kind, week), question, value, n) for by, kind, week, question, value, n in rows]


def count_contacts(
    session: Session, chosen: Chosen, weeks: Sequence[dt.date], zone: ZoneInfo, now: dt.datetime
) -> list[Asked]:
    """The chosen contacts by how far they have come, counted; one pass."""
    opened = select(Case.contact_id, func.count().label("cases")).where(Case.contact_id.is_not(None))
    cases = opened.group_by(Case.contact_id).subquery()
    so_far = (stage_at(now).label("stage"), Contact.state, has_answered().label("answered"))
    each = (
        chosen_contacts(*_group(weeks, zone), *so_far, func.coalesce(cases.c.cases, 0).label("cases"), chosen=chosen)
        .outerjoin(cases, cases.c.contact_id == Contact.id)
        .subquery()
    )
    told = [column for column in each.c if column.name != "cases"]
    counted: Select[*tuple[Any, ...]] = select(*told, func.count(), func.sum(each.c.cases)).group_by(*told)
    return [
        Asked(Group(by, kind, week), stage, state, bool(answered), count, int(cases))
        for by, kind, week, stage, state, answered, count, cases in session.execute(counted)
    ]


def _group(weeks: Sequence[dt.date], zone: ZoneInfo) -> list[ColumnElement[Any]]:
    starts = [dt.datetime.combine(monday, dt.time(), zone) for monday in weeks]
    latest_first = list(enumerate(starts))[::-1]
    week = case(*((Visit.at >= start, place) for place, start in latest_first), else_=EARLIER)
    return [Visit.by.label("by"), Visit.kind.label("kind"), week.label("week")]


# ---- adding: pure ----------------------------------------------------------------------------------------


def results(survey: Survey | None, given: Iterable[Given], asked: Iterable[Asked], weeks: Sequence[dt.date]) -> Results:
    """The figures of a survey (None: the business file knows it no more) from what was counted."""
    given, asked = list(given), list(asked)
    answers = _answers(survey, given)
    scales = [each for each in answers if each.question is not None and each.question.kind == "scale"]
    satisfied = next((each for each in scales if each.satisfied is not None), None)
    recommended = next((each for each in scales if each.recommendation is not None), None)
    figures = _Figures(survey, satisfied, recommended, weeks)
    return Results(
        funnel=count_stages((each.stage, each.state, each.count) for each in asked),
        response=response(asked),
        cases=sum(each.cases for each in asked),
        answers=answers,
        lines={name: figures.lines(name, given, asked) for name in GROUPINGS},
        satisfied=satisfied,
        recommended=recommended,
    )


def response(asked: Iterable[Asked]) -> Rate:
    """Customers who answered at least one question, of all who were dialled at least once."""
    dialled = [each for each in asked if STAGES.index(each.stage) >= STAGES.index("dialled")]
    return Rate(sum(each.count for each in dialled if each.answered), sum(each.count for each in dialled))


def _answers(survey: Survey | None, given: Sequence[Given]) -> list[Answers]:
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for each in given:
        counted[each.question][each.value] += each.count
    asked = {question.id: question for question in survey.questions} if survey else {}
    gone = sorted(set(counted) - set(asked))
    found = [_question(survey, question, counted[question.id]) for question in asked.values()] if survey else []
    return found + [_unknown(name, counted[name]) for name in gone]


def _question(survey: Survey, question: Question, counts: Counter[str]) -> Answers:
    total = counts.total()
    if question.kind == "comment":
        return Answers(question.id, question, total, [])
    if question.kind == "number":
        return _numbers(question, counts)
    known = survey.keys(question) or []
    bars = [Bar(key, Rate(counts[key], total)) for key in known]
    bars += [Bar(value, Rate(counts[value], total), known=False) for value in sorted(set(counts) - set(known))]
    if question.kind != "scale":
        return Answers(question.id, question, total, bars)
    if question.recommends:
        score = Recommending(survey.scale).of(counts)
        return Answers(question.id, question, total, bars, recommendation=score)
    return Answers(question.id, question, total, bars, satisfied=satisfaction(counts, survey.scale))


def _unknown(name: str, counts: Counter[str]) -> Answers:
    total = counts.total()
    return Answers(name, None, total, [Bar(value, Rate(counts[value], total), known=False) for value in sorted(counts)])


def _numbers(question: Question, counts: Counter[str]) -> Answers:
    """Numbers in spans; what is no number, or outside those asked for, stands for itself."""
    total = counts.total()
    numbers = {int(value): count for value, count in counts.items() if _is_number(value, question)}
    bars = [
        Bar(_span(span), Rate(sum(numbers.get(number, 0) for number in span), total))
        for span in spans(question.least, question.most)
    ]
    strange = sorted(value for value in counts if not _is_number(value, question))
    bars += [Bar(value, Rate(counts[value], total), known=False) for value in strange]
    often = sum(numbers.values())
    mean = sum(number * count for number, count in numbers.items()) / often if often else None
    return Answers(question.id, question, total, bars, mean=mean, median=median(numbers))


def spans(least: int, most: int) -> list[range]:
    """The numbers from `least` to `most` in at most MOST_BARS spans of one width (the last may be narrower)."""
    width = -(-(most - least + 1) // MOST_BARS)
    return [range(start, min(start + width, most + 1)) for start in range(least, most + 1, width)]


def _span(span: range) -> str:
    return str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}"


def _is_number(value: str, question: Question) -> bool:
    return value.isascii() and value.isdigit() and question.least <= int(value) <= question.most


class _Figures:
    """The figures of groups: each group's own counts, by the same rules as the survey's."""

    def __init__(
        self, survey: Survey | None, satisfied: Answers | None, recommended: Answers | None, weeks: Sequence[dt.date]
    ) -> None:
        self._scale = survey.scale if survey else 0
        self._satisfied = satisfied.id if satisfied else None
        self._recommended = recommended.id if recommended else None
        self._weeks = weeks

    def lines(self, grouping: Grouping, given: Sequence[Given], asked: Sequence[Asked]) -> list[Line]:
        def place(group: Group) -> str | int:
            return group.week if grouping == "week" else group.by if grouping == "by" else group.kind

        contacts, answers = _parts(asked, lambda each: place(each.group)), _parts(given, lambda each: place(each.group))
        return [self._line(key, answers.get(key, []), contacts.get(key, [])) for key in sorted(contacts)]

    def _line(self, key: str | int, given: Sequence[Given], asked: Sequence[Asked]) -> Line:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for each in given:
            counts[each.question][each.value] += each.count
        named = key if isinstance(key, str) else None if key == EARLIER else self._weeks[key]
        return Line(
            key=named,
            contacts=sum(each.count for each in asked),
            response=response(asked),
            satisfied=satisfaction(counts[self._satisfied], self._scale) if self._satisfied else Rate(0, 0),
            recommendation=Recommending(self._scale).of(counts[self._recommended])
            if self._recommended
            else Recommendation(0, 0, 0),
            cases=sum(each.cases for each in asked),
        )


def _parts(each: Iterable[Part], place: Callable[[Part], str | int]) -> dict[str | int, list[Part]]:
    found: dict[str | int, list[Part]] = defaultdict(list)
    for one in each:
        found[place(one)].append(one)
    return found
