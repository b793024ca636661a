"""The linter of surveys: where what customers are asked is not what S26 and its neighbours ask for."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ivr.hotline.hours import Hours, Spans
from ivr.hotline.kinds import PERSON_KEY, Language
from ivr.hotline.lint import Length, Level, Text
from ivr.hotline.model import Hotline
from ivr.hotline.scale_wording import read_scale
from ivr.hotline.survey_advice import ADVICE
from ivr.hotline.survey_length import MAX_QUESTION_SECONDS, MAX_QUESTIONS, MAX_SECONDS, measure
from ivr.hotline.survey_paths import longest_way, never_asked
from ivr.hotline.survey_prompts import CONVENIENT, EVERY_SURVEYS, PURPOSE, survey_prompt
from ivr.hotline.surveys import NEVER_KEY, Question, Survey
from ivr.hotline.wording import ADVERTISING, INFORMAL, double_barrelled, keys_said, leading


@dataclass(frozen=True)
class SurveyFinding:
    """A fault (`error`) or a doubt (`warning`) of a survey, or of one of its questions; the clause it offends."""

    level: Level
    survey: str
    question: str
    standard: str
    rule: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """What is wrong, in English; a page has its own words for `rule` and `facts`."""
        return ADVICE[self.rule][0].format(**self.facts)

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return ADVICE[self.rule][1].format(**self.facts)


def _fault(level: Level, standard: str, rule: str, question: str = "", **facts: Any) -> SurveyFinding:
    """A finding whose survey, and question where it is about its words, are filled in by whoever knows them."""
    return SurveyFinding(level, "", question, standard, rule, facts)


def lint_surveys(hotline: Hotline, text: Text, seconds: Length) -> list[SurveyFinding]:
    """Everything that is wrong with the surveys, one after the other."""
    return [
        replace(found, survey=name)
        for name, survey in hotline.surveys.items()
        for part in (
            _course(survey),
            _windows(survey, hotline),
            _ways_out(hotline, text),
            _words(name, survey, hotline, text),
            _translations(name, survey, hotline, text),
            _length(name, survey, hotline, text, seconds),
        )
        for found in part
    ]


def _of(question: str, faults: Iterator[SurveyFinding]) -> Iterator[SurveyFinding]:
    return (replace(found, question=question) for found in faults)


def _course(survey: Survey) -> Iterator[SurveyFinding]:
    """How many questions there are on any way, and those no way leads to."""
    asked = longest_way(survey, lambda question: 1).questions
    if len(asked) > MAX_QUESTIONS:
        yield _fault("warning", "S26", "too_many", questions=len(asked), most=MAX_QUESTIONS)
    for question in never_asked(survey):
        yield _fault("error", "S26", "never_asked", question)


def _windows(survey: Survey, hotline: Hotline) -> Iterator[SurveyFinding]:
    window = hotline.outbound.window
    allowed = Hours.parse({"mon-sun": window}).spans[0]
    days = [spans for spans in survey.hours.spans.values() if spans]
    if not any(_within(spans, allowed) for spans in days):
        yield _fault("error", "S26", "no_hours", window=window)
    elif any(_within(spans, allowed) != spans for spans in days):
        yield _fault("warning", "S26", "hours_outside", window=window)


def _within(spans: Spans, allowed: Spans) -> Spans:
    """What of a day's hours is allowed."""
    return tuple(
        (max(start, first), min(end, last))
        for start, end in spans
        for first, last in allowed
        if max(start, first) < min(end, last)
    )


def _ways_out(hotline: Hotline, text: Text) -> Iterator[SurveyFinding]:
    """Before the first question a customer hears how to end it for good, and how to reach a person."""
    for language in hotline.languages:
        keys = keys_said(text(CONVENIENT, language), language)
        for key, standard, rule in ((NEVER_KEY, "S26", "no_way_out"), (PERSON_KEY, "S16", "no_person")):
            if key not in keys:
                yield _fault("error", standard, rule, language=language, prompt=CONVENIENT)


def _words(name: str, survey: Survey, hotline: Hotline, text: Text) -> Iterator[SurveyFinding]:
    for language in hotline.languages:
        yield from _manner(text(survey_prompt(name, PURPOSE), language), language)
        for question in survey.questions:
            said = text(survey_prompt(name, question.id), language)
            if said:
                yield from _of(question.id, _manner(said, language))
                yield from _of(question.id, _asking(survey, question, said, language))


def _manner(said: str, language: Language) -> Iterator[SurveyFinding]:
    """How a customer is spoken to, whatever is said."""
    informal = INFORMAL.search(said)
    if informal:
        yield _fault("error", "S2", "informal", language=language, found=informal.group())
    advertising = ADVERTISING.search(said)
    if advertising:
        yield _fault("error", "S17", "advertising", language=language, found=advertising.group())
    if leading(said, language):
        yield _fault("error", "S26", "leading", language=language, found=leading(said, language))


def _asking(survey: Survey, question: Question, said: str, language: Language) -> Iterator[SurveyFinding]:
    """Whether the words ask one thing, about the survey's scale, and with the keys that the question has."""
    if question.kind in ("scale", "yes_no") and double_barrelled(said, language):
        yield _fault("warning", "S26", "double", language=language, found=double_barrelled(said, language))
    if question.kind == "scale":
        yield from _scale(survey.scale, said, language)
    if question.kind in ("yes_no", "choice", "comment"):
        yield from _keys(survey.keys(question) or [], said, language)


def _scale(scale: int, said: str, language: Language) -> Iterator[SurveyFinding]:
    words = read_scale(said, language, scale)
    if words.range and not words.fits(scale):
        low, high = words.range
        yield _fault("error", "S26", "mixed_scale", language=language, scale=scale, low=low, high=high)
    elif words.reversed:
        yield _fault("error", "S26", "reversed_scale", language=language, scale=scale)
    elif not words.valued:
        yield _fault("error", "S26", "scale_unsaid", language=language, scale=scale)


def _keys(allowed: list[str], said: str, language: Language) -> Iterator[SurveyFinding]:
    named = keys_said(said, language)
    strange = [key for key in named if key not in (*allowed, PERSON_KEY, NEVER_KEY)]
    unsaid = [key for key in allowed if key not in named]
    if strange:
        yield _fault("error", "S26", "strange_key", language=language, keys=", ".join(strange))
    if unsaid:
        yield _fault("error", "S26", "key_unsaid", language=language, keys=", ".join(unsaid))


def _translations(name: str, survey: Survey, hotline: Hotline, text: Text) -> Iterator[SurveyFinding]:
    for language in hotline.languages:
        if not survey.label.get(language):
            yield _fault("warning", "S19", "no_label", language=language)
        if not text(survey_prompt(name, PURPOSE), language):
            yield _fault("error", "S19", "no_purpose", language=language)
        for question in survey.questions:
            yield from _of(question.id, _question_translations(name, question, language, text))
        missing = [prompt for prompt in EVERY_SURVEYS if not text(prompt, language)]
        if missing:
            yield _fault("error", "S19", "no_prompt", language=language, prompts=_some(missing))


def _question_translations(name: str, question: Question, language: Language, text: Text) -> Iterator[SurveyFinding]:
    if not text(survey_prompt(name, question.id), language):
        yield _fault("error", "S19", "no_words", language=language)
    keys = [key for key, words in sorted(question.choices.items()) if not words.get(language)]
    if keys:
        yield _fault("warning", "S19", "no_choice_label", language=language, keys=", ".join(keys))


def _length(name: str, survey: Survey, hotline: Hotline, text: Text, seconds: Length) -> Iterator[SurveyFinding]:
    """What a customer hears is there, short, and as long as we say it is."""
    for language in hotline.languages:
        measured = measure(name, survey, seconds, language)
        silent = [prompt for prompt in measured.silent if text(prompt, language)]
        if silent:
            yield _fault("error", "S26", "no_sound", language=language, prompts=_some(silent))
        facts = {"language": language, "way": ", ".join(measured.way)}
        if measured.whole > MAX_SECONDS:
            yield _fault("error", "S26", "too_long", **facts, seconds=round(measured.whole), most=MAX_SECONDS)
        if measured.asking > survey.minutes * 60:
            took = round(measured.asking)
            yield _fault("error", "S26", "minutes_short", **facts, seconds=took, minutes=survey.minutes)
        for question, heard in measured.questions.items():
            if heard > MAX_QUESTION_SECONDS:
                took = round(heard)
                most = MAX_QUESTION_SECONDS
                yield _fault("warning", "S26", "long_question", question, language=language, seconds=took, most=most)


def _some(prompts: list[str]) -> str:
    return ", ".join(prompts[:3]) + (f" and {len(prompts) - 3} more" if len(prompts) > 3 else "")
