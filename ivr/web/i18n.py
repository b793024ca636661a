"""The pages' words: one flat text file per language, Chinese first."""

from functools import cache
from pathlib import Path

import yaml

from ivr.hotline import Language

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
"""The first is the default."""

_FOLDER = Path(__file__).parent / "texts"


@cache
def texts(language: str) -> dict[str, str]:
    """All words of one language, by key; raises KeyError for a language that is not offered."""
    if language not in LANGUAGES:
        raise KeyError(language)
    return {
        str(key): str(text) for key, text in yaml.safe_load((_FOLDER / f"{language}.yaml").read_text("utf-8")).items()
    }


def known_language(value: str | None) -> Language:
    """The language itself when it is offered, else the default."""
    return next((language for language in LANGUAGES if language == value), LANGUAGES[0])


class Translator:
    """Looks words up for one language."""

    def __init__(self, language: str) -> None:
        self.language: Language = known_language(language)
        self._texts = texts(self.language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key with {names} filled in ({key} may be one); raises KeyError for an unknown key."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def named(self, group: str, name: str | None) -> str:
        """The text of `group.name` for names that come from data; the bare name when there is none."""
        return "" if name is None else self._texts.get(f"{group}.{name}", name)
