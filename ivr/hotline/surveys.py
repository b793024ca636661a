"""Callbacks after a visit (S26): when and how often customers may be rung, and what they are asked."""

# ruff: noqa: RUF012  (pydantic copies a default for each instance; ruff sees its models only within one file)
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from ivr.hotline.hours import Hours
from ivr.hotline.kinds import Key, Strict, Texts, Word
from ivr.hotline.survey_prompts import PURPOSE, SAID_TIME

ShortWord = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,15}$")]
"""A survey's or question's name: both together name a prompt."""
QuestionKind = Literal["scale", "yes_no", "choice", "number", "comment"]

WIDEST = "08:00-21:00"
"""No customer is rung outside these hours of the business's wall clock, whatever the file says."""
NEVER_KEY = "9"
"""The key that ends a survey for good: the number is never rung again (do not call)."""
YES, NO = "1", "2"
_TAKEN_KEYS = frozenset({"0", NEVER_KEY})
_TAKEN_IDS = frozenset({PURPOSE, SAID_TIME})


def _within_the_widest(value: str) -> str:
    widest = Hours.parse({"mon-sun": WIDEST}).spans[0][0]
    spans = Hours.parse({"mon-sun": value}).spans[0]
    if any(start < widest[0] or end > widest[1] for start, end in spans):
        raise ValueError(f"allowed: hours within {WIDEST}")
    return value


class Outbound(Strict):
    """How customers are rung, whatever for. `calls_per_second` and `lines` (calls at once) are for surveys; each
    caller who waits in a queue takes one of the lines, so inbound always wins. `per_day` (24 h) and `per_5min` are
    dials to one number by all campaigns and queue callbacks together."""

    trunk: Word | None = None
    window: str = WIDEST
    ring_seconds: Annotated[int, Field(ge=10, le=60)] = 30
    calls_per_second: Annotated[float, Field(gt=0, le=50)] = 1
    lines: Annotated[int, Field(ge=1, le=500)] = 5
    per_day: Annotated[int, Field(ge=1, le=5)] = 5
    per_5min: Annotated[int, Field(ge=1, le=3)] = 3

    @field_validator("window")
    @classmethod
    def _allowed(cls, value: str) -> str:
        return _within_the_widest(value)


class Retries(Strict):
    """When a customer who was not reached is rung again: pauses in minutes after each such attempt in turn; when they
    are used up the contact is given up. `total`: attempts of all kinds together. Whoever did not answer, and whose
    machine answered, is rung in another part of the day. `broken_off_minutes`: a call that broke off goes on (S10)."""

    total: Annotated[int, Field(ge=1, le=10)] = 5
    busy_minutes: list[Annotated[float, Field(gt=0, le=10080)]] = [15, 120]
    no_answer_minutes: list[Annotated[float, Field(gt=0, le=10080)]] = [180, 1440]
    machine_minutes: list[Annotated[float, Field(gt=0, le=10080)]] = [240]
    rejected_minutes: list[Annotated[float, Field(gt=0, le=10080)]] = [1440]
    broken_off_minutes: list[Annotated[float, Field(gt=0, le=10080)]] = [2, 60]


class Question(Strict):
    """One question. `bad`: the answers that become a case. `only_if`: asked only after these answers to questions
    before it. `choices`: key → words, for `choice`; `least`, `most` for `number`; `seconds` for `comment`.
    `recommends`: a scale of whether they would recommend us; its figure is NPS-style (ivr.surveys.results).

    Answers are written as keyed: "1"… for a scale, "1"/"2" for yes/no, the key of a choice, the digits of a number; a
    comment's answer is its recording.
    """

    id: ShortWord
    kind: QuestionKind
    ask: Texts
    choices: dict[Key, Texts] = {}
    bad: list[str] = []
    only_if: dict[ShortWord, list[str]] = {}
    least: Annotated[int, Field(ge=0)] = 0
    most: Annotated[int, Field(ge=0, le=9999)] = 100
    seconds: Annotated[int, Field(ge=5, le=180)] = 60
    recommends: bool = False

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Question":
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("allowed: choices for a question of kind choice, and only there")
        if _TAKEN_KEYS & set(self.choices):
            raise ValueError("allowed: choices on keys 1 to 8; 0 is a person, 9 is never again")
        if self.kind == "number" and self.least > self.most:
            raise ValueError("allowed: least not above most")
        if self.kind in ("number", "comment") and self.bad:
            raise ValueError("allowed: bad answers for scale, yes_no and choice; complaint words find a bad comment")
        if self.recommends and self.kind != "scale":
            raise ValueError("allowed: recommends for a question of kind scale")
        return self


class Survey(Strict):
    """What customers are asked after a visit, and when. `visits`: kinds of visits, none means all; `after_hours` after
    the visit it is due, `valid_days` after that it is too late. `again_days`: a customer who was asked by any survey is
    left alone so long. `hours`: when this survey's customers are rung, within `outbound.window`; `on_holidays`: on
    public holidays too. `queue`: where 0 leads; `department`: who answers for what is bad. `purpose`: why we call, said
    as a sentence; `minutes`: how long we say it takes (S26). `scale`: the best answer of every scale, 1 the worst."""

    label: Texts
    visits: list[str] = []
    after_hours: Annotated[float, Field(ge=0, le=2160)] = 24
    valid_days: Annotated[float, Field(gt=0, le=90)] = 7
    again_days: Annotated[int, Field(ge=0, le=365)] = 30
    hours: Hours = Hours.parse({"mon-sun": "09:00-12:00, 14:00-20:00"})
    on_holidays: bool = False
    queue: Word | None = None
    department: Word | None = None
    purpose: Texts
    minutes: Annotated[int, Field(ge=1, le=3)] = 2
    scale: Annotated[int, Field(ge=2, le=8)] = 5
    retries: Retries = Retries()
    questions: Annotated[list[Question], Field(min_length=1, max_length=15)]

    @field_validator("hours", mode="before")
    @classmethod
    def _read_hours(cls, value: object) -> Hours:
        return value if isinstance(value, Hours) else Hours.parse(value)

    @model_validator(mode="after")
    def _questions_hang_together(self) -> "Survey":
        before: dict[str, Question] = {}
        for question in self.questions:
            if question.id in _TAKEN_IDS:
                raise ValueError(f"question {question.id}: allowed: another id, this one is the product's own")
            if question.id in before:
                raise ValueError(f"question {question.id}: allowed: every id once")
            for condition, answers in question.only_if.items():
                if condition not in before:
                    raise ValueError(f"question {question.id}: only_if: allowed: questions before it")
                self._check_answers(before[condition], answers)
            self._check_answers(question, question.bad)
            before[question.id] = question
        return self

    def _check_answers(self, question: Question, answers: list[str]) -> None:
        allowed = self.keys(question)
        if allowed is not None and set(answers) - set(allowed):
            raise ValueError(f"question {question.id}: allowed answers: {', '.join(allowed)}")

    def keys(self, question: Question) -> list[str] | None:
        """The answers a question can have; None for a number or a comment."""
        match question.kind:
            case "scale":
                return [str(step) for step in range(1, self.scale + 1)]
            case "yes_no":
                return [YES, NO]
            case "choice":
                return sorted(question.choices)
            case _:
                return None

    def due_questions(self, answers: dict[str, str]) -> Iterator[Question]:
        """The questions that these answers leave to be asked, in order."""
        for question in self.questions:
            met = all(answers.get(on) in wanted for on, wanted in question.only_if.items())
            if question.id not in answers and met:
                yield question
