"""The menus of a business held against the standards with the words and the sound they have."""

from ivr.hotline import Language
from ivr.hotline.lint import Finding, lint
from ivr.speech.prompts import PromptStore, list_prompts


def check_menus(store: PromptStore) -> list[Finding]:
    """What `ivr menu check` and the menu's page say."""
    heard = prompt_seconds(store)

    def seconds(prompt: str, language: Language) -> float | None:
        return heard.get((language, prompt))

    return lint(store.hotline, store.text, seconds)


def prompt_seconds(store: PromptStore) -> dict[tuple[str, str], float]:
    """How long every prompt that has sound is heard, seconds, by language and id."""
    return {(row.lang, row.id): row.seconds for row in list_prompts(store) if row.seconds is not None}
