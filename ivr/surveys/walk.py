"""Going through a survey: what a key means, what is asked next, and when to let go, as rules without a telephone."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ivr.calls.message_sound import Spoken
from ivr.hotline import PERSON_KEY, Question, Survey
from ivr.hotline.surveys import NEVER_KEY

REPEAT_KEY = "*"
BACK_KEY = "#"
SILENCES = 2
"""So many in a row, and the customer is not disturbed further."""
WRONG_KEYS = 3
"""So many in a row, and they are let go kindly: whoever finds no way is kept in no survey."""
STEPS = 80
"""So many keys in all, repeats and corrections included."""

Result = Literal[
    "completed",
    "later",
    "declined",
    "do_not_call",
    "wrong_person",
    "machine",
    "phone_menu",
    "no_human",
    "person",
]


@dataclass(frozen=True)
class Ending:
    """How a survey call ends (`ivr.surveys.events.ENDED`); of `later`: `agreed` the moment chosen, or `said` when."""

    result: Result
    agreed: datetime | None = None
    said: Spoken | None = None


@dataclass(frozen=True)
class Reply:
    """What came of asking: the key that was asked for, or the end; neither: ask again, after the remark (a prompt)."""

    key: str | None = None
    ending: Ending | None = None
    remark: str | None = None


@dataclass
class Patience:
    """What keys mean wherever a customer is asked: 0 a person, 9 never again, * once more; silence and wrong keys are
    borne kindly and counted apart. Every way ends: within STEPS keys."""

    pressed: bool = False
    _silent: int = 0
    _wrong: int = 0
    _steps: int = 0

    def take(self, key: str | None, keys: Collection[str]) -> Reply:
        """Take a key (None: silence) where these were asked for."""
        self._steps += 1
        if key is None:
            return self._silence()
        self._silent, self.pressed = 0, True
        if key in keys:
            self._wrong = 0
            return Reply(key) if self._steps < STEPS else Reply(ending=self._let_go())
        if key == PERSON_KEY:
            return Reply(ending=Ending("person"))
        if key == NEVER_KEY:
            return Reply(ending=Ending("do_not_call"))
        if key == REPEAT_KEY and self._steps < STEPS:
            return Reply()
        return self._wrong_key()

    def take_digits(self, digits: str, question: Question) -> Reply:
        """Take the digits of a number ("": silence); a lone 0 is a person."""
        number = number_of(digits, question)
        if not digits or digits == PERSON_KEY:
            return self.take(digits or None, ())
        return self.take(number, (number,)) if number is not None else self.take(digits, ())

    def _silence(self) -> Reply:
        self._silent += 1
        if self._silent >= SILENCES or self._steps >= STEPS:
            return Reply(ending=self._let_go())
        return Reply(remark="survey_no_key")

    def _wrong_key(self) -> Reply:
        self._wrong += 1
        if self._wrong >= WRONG_KEYS or self._steps >= STEPS:
            return Reply(ending=self._let_go())
        return Reply(remark="survey_wrong_key")

    def _let_go(self) -> Ending:
        """Who has pressed any key would rather not; else nobody was there."""
        return Ending("declined" if self.pressed else "no_human")


@dataclass
class SurveyWalk:
    """One customer's way through the questions: those that are due, from the one on that a call before broke off at.

    `answers`: question → value, those of earlier calls too. A question passed over is not asked again in this call.
    """

    survey: Survey
    answers: dict[str, str]
    asking: str = ""
    _passed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        due = [question.id for question in self.survey.due_questions(self.answers)]
        if self.asking in due:
            self._passed.update(due[: due.index(self.asking)])

    @property
    def question(self) -> Question | None:
        """What is asked now; None when all that is due has been asked."""
        due = self.survey.due_questions(self.answers)
        return next((question for question in due if question.id not in self._passed), None)

    def answer(self, value: str) -> bool:
        """Note the answer to the question; whether it is one of the bad ones."""
        question = self._now
        self.answers[question.id] = value
        return value in question.bad

    def pass_over(self) -> None:
        """Leave the question unanswered."""
        self._passed.add(self._now.id)

    def back(self) -> str | None:
        """Go back to the question before, whose answer no longer counts; its id. None: this is the first one."""
        before = [question.id for question in self.survey.questions]
        before = before[: before.index(self._now.id)]
        last = next((one for one in reversed(before) if one in self.answers or one in self._passed), None)
        if last is not None:
            self.answers.pop(last, None)
            self._passed.discard(last)
        return last

    @property
    def _now(self) -> Question:
        question = self.question
        assert question is not None, "there is nothing left to ask"
        return question


def number_of(digits: str, question: Question) -> str | None:
    """The number that was keyed, without leading zeros; None where the question does not allow it."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits)
    return str(number) if question.least <= number <= question.most else None
