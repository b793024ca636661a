"""The ways that a customer's answers can take through a survey: which questions are ever asked, and the longest way."""

from collections.abc import Callable
from dataclasses import dataclass

from ivr.hotline.surveys import Question, Survey

Given = tuple[tuple[str, str], ...]
"""Answers that decide about questions to come, by question."""
_ELSE = ""
"""Any answer that no later question asks for."""


@dataclass(frozen=True)
class Way:
    """One way through a survey: the questions asked, and what they weigh together."""

    weight: float = 0.0
    questions: tuple[str, ...] = ()


def longest_way(survey: Survey, weigh: Callable[[Question], float]) -> Way:
    """The way that weighs most, whatever is answered."""
    return max(_ways(survey, weigh).values(), key=lambda way: way.weight)


def never_asked(survey: Survey) -> list[str]:
    """Questions to which no answers lead."""
    asked: set[str] = set()

    def note(question: Question) -> float:
        asked.add(question.id)
        return 0.0

    _ways(survey, note)
    return [question.id for question in survey.questions if question.id not in asked]


def _ways(survey: Survey, weigh: Callable[[Question], float]) -> dict[Given, Way]:
    """The heaviest way to every combination of answers that still matters: few, however many ways there are."""
    ways: dict[Given, Way] = {(): Way()}
    for place, question in enumerate(survey.questions):
        later = survey.questions[place + 1 :]
        matter = {on for one in later for on in one.only_if}
        reached: dict[Given, Way] = {}
        for given, way in ways.items():
            kept = tuple(pair for pair in given if pair[0] in matter)
            known = dict(given)
            if not all(known.get(on) in wanted for on, wanted in question.only_if.items()):
                _keep(reached, kept, way)
                continue
            longer = Way(way.weight + weigh(question), (*way.questions, question.id))
            for answer in _answers_that_matter(survey, question, later) if question.id in matter else ():
                _keep(reached, (*kept, (question.id, answer)), longer)
            if question.id not in matter:
                _keep(reached, kept, longer)
        ways = reached
    return ways


def _keep(reached: dict[Given, Way], given: Given, way: Way) -> None:
    if given not in reached or reached[given].weight < way.weight:
        reached[given] = way


def _answers_that_matter(survey: Survey, question: Question, later: list[Question]) -> list[str]:
    """The answers later questions ask for, those of one effect once, and `_ELSE` where there is any other."""
    wanted = [one.only_if[question.id] for one in later if question.id in one.only_if]
    named = {answer for answers in wanted for answer in answers if _possible(survey, question, answer)}
    effects = {tuple(answer in answers for answers in wanted): answer for answer in sorted(named, reverse=True)}
    return [*effects.values(), *([_ELSE] if _others(survey, question, named) else [])]


def _possible(survey: Survey, question: Question, answer: str) -> bool:
    keys = survey.keys(question)
    if keys is not None:
        return answer in keys
    if question.kind == "number":
        return answer.isascii() and answer.isdigit() and question.least <= int(answer) <= question.most
    return False  # a comment's answer is its recording


def _others(survey: Survey, question: Question, named: set[str]) -> bool:
    keys = survey.keys(question)
    if keys is not None:
        return bool(set(keys) - named)
    return question.kind == "comment" or len({int(one) for one in named}) <= question.most - question.least
