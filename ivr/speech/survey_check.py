"""The surveys of a business held against the standards with the words and the sound they have."""

from ivr.hotline import Language
from ivr.hotline.survey_lint import SurveyFinding, lint_surveys
from ivr.speech.menu_check import prompt_seconds
from ivr.speech.prompts import PromptStore


def check_surveys(store: PromptStore) -> list[SurveyFinding]:
    """What `ivr survey check` and the surveys' page say."""
    heard = prompt_seconds(store)

    def seconds(prompt: str, language: Language) -> float | None:
        return heard.get((language, prompt))

    return lint_surveys(store.hotline, store.text, seconds)
