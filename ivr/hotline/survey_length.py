"""How long a survey call lasts at the longest, from the sounds it plays (S26: at most three minutes)."""

from dataclasses import dataclass, field

from ivr.hotline.kinds import Language
from ivr.hotline.lint import Length
from ivr.hotline.survey_paths import longest_way
from ivr.hotline.survey_prompts import (
    CLOSING,
    COMMENT_THANKS,
    CONVENIENT,
    EVERY_SURVEYS,
    HOLIDAYS,
    NUMBER_READ_BACK,
    OPENING,
    PURPOSE,
    REPEAT_HINT,
    SORRY_LOW,
    survey_prompt,
    takes_prompt,
)
from ivr.hotline.surveys import Question, Survey

MAX_SECONDS = 180
MAX_QUESTIONS = 7
MAX_QUESTION_SECONDS = 12
"""A call, its questions, and the words of one of them (S26: few short questions)."""
ANSWER_SECONDS = 4.0
"""What an answer by key takes."""
NUMBER_SECONDS = 2.0
"""What a typed number takes to be read back."""


@dataclass(frozen=True)
class Measured:
    """Seconds of the longest way through a call: `whole` from the greeting to the goodbye, `asking` from the first
    question on, which is what a customer is told it takes; the questions asked on it, and how long each is heard.

    `silent`: prompts that have no sound, so that nothing else is known.
    """

    whole: float = 0.0
    asking: float = 0.0
    way: tuple[str, ...] = ()
    questions: dict[str, float] = field(default_factory=dict)
    silent: tuple[str, ...] = ()


def measure(name: str, survey: Survey, seconds: Length, language: Language) -> Measured:
    """Measure a survey by the length of its prompts in one language; comments are reckoned as long as they may be."""
    asked = {question.id: survey_prompt(name, question.id) for question in survey.questions}
    wanted = (*EVERY_SURVEYS, "recording_notice", survey_prompt(name, PURPOSE), *asked.values())
    silent = tuple(dict.fromkeys(prompt for prompt in wanted if seconds(prompt, language) is None))
    if silent:
        return Measured(silent=silent)

    def heard(*prompts: str) -> float:
        return sum(seconds(prompt, language) or 0.0 for prompt in prompts)

    def weigh(question: Question) -> float:
        if question.kind == "comment":
            return heard(asked[question.id], COMMENT_THANKS) + question.seconds
        if question.kind == "number":
            return heard(asked[question.id], *NUMBER_READ_BACK) + NUMBER_SECONDS + 2 * ANSWER_SECONDS
        return heard(asked[question.id]) + ANSWER_SECONDS

    way = longest_way(survey, weigh)
    sorry = heard(SORRY_LOW) if any(question.bad for question in survey.questions) else 0.0
    asking = heard(REPEAT_HINT) + way.weight + sorry + heard(CLOSING)
    opening = heard(*OPENING, survey_prompt(name, PURPOSE), takes_prompt(survey.minutes), CONVENIENT)
    opening += max(heard(holiday) for holiday in HOLIDAYS) + 2 * ANSWER_SECONDS
    lengths = {question: heard(prompt) for question, prompt in asked.items()}
    return Measured(opening + asking, asking, way.questions, lengths)
