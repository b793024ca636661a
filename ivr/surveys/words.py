"""A survey's questions and answers in words, as people read them."""

import re

from ivr.hotline import Language, Question, Survey, Texts
from ivr.hotline.surveys import NO, YES

_SENTENCE_END = re.compile(r"[。？！?!；;]|\.(?=\s|$)")
_YES_NO: dict[Language, dict[str, str]] = {"zh-CN": {YES: "是", NO: "否"}, "en": {YES: "yes", NO: "no"}}
_SCORE: dict[Language, str] = {"zh-CN": "{value} 分（满分 {best} 分）", "en": "{value} of {best}"}


def in_language(texts: Texts, language: Language) -> str:
    """The text in this language, else in any."""
    return texts.get(language) or next(iter(texts.values()), "")


def question_words(question: Question, language: Language) -> str:
    """What is asked, without which key to press: the first sentence."""
    asked = in_language(question.ask, language)
    return _SENTENCE_END.split(asked, maxsplit=1)[0].strip() or asked


def answer_words(survey: Survey, question: Question, value: str, language: Language) -> str:
    """What was answered; an answer that the question does not have any more stays as keyed, a comment's is empty."""
    if question.kind == "yes_no":
        return _YES_NO[language].get(value, value)
    if question.kind == "choice":
        return in_language(question.choices[value], language) if value in question.choices else value
    if question.kind == "scale":
        return _SCORE[language].format(value=value, best=survey.scale)
    return value
