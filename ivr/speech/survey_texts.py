"""What a survey asks, as prompts: the words of the business file (S26)."""

from ivr.hotline import Hotline
from ivr.hotline.survey_prompts import PURPOSE, survey_prompt


def survey_texts(hotline: Hotline, lang: str) -> list[tuple[str, str]]:
    """Prompt id and words of every survey's purpose and questions in one language."""
    return [
        (survey_prompt(name, part), _as_a_sentence(words, lang))
        for name, survey in hotline.surveys.items()
        for part, texts in {PURPOSE: survey.purpose, **{one.id: one.ask for one in survey.questions}}.items()
        for language, words in texts.items()
        if language == lang
    ]


def _as_a_sentence(words: str, lang: str) -> str:
    """With a capital, and with the mark at its end by which an engine lets its voice fall."""
    words = words.strip()
    mark = "" if words.endswith(tuple("。？！.?!")) else "。" if lang == "zh-CN" else "."
    return words[:1].upper() + words[1:] + mark
