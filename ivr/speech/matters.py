"""What a talk is about and why an agent pauses, as short prompts: the words of the business file."""

from ivr.hotline import PERSON_KEY, Hotline

SURVEY_MATTER = "matter_survey"
"""What a customer who asks for a person in a survey calls about: a word, as the name comes before it and both have two
seconds together (S8); the agent's display shows which survey."""


def matters(hotline: Hotline) -> list[tuple[str, str]]:
    """Prompt id and words of all that the menus lead to, in the first language; words said twice have one prompt."""
    named: dict[str, str] = {}
    for menu, tree in hotline.menus.items():
        for key, option in tree.options.items():
            label = option.label.get(hotline.languages[0], "")
            if label and key != PERSON_KEY and (option.queue or option.message):
                named.setdefault(label, f"matter_{menu}_{key}")
    return [(prompt, label) for label, prompt in named.items()]


def whispered(hotline: Hotline) -> list[tuple[str, str]]:
    """Prompt id and words of everything that may be what a caller calls about: what menus lead to, and surveys."""
    found = matters(hotline)
    known = {label for _, label in found}
    labels = (survey.label.get(hotline.languages[0], "") for survey in hotline.surveys.values())
    return found + [(SURVEY_MATTER, label) for label in dict.fromkeys(labels) if label and label not in known]


def pause_texts(hotline: Hotline, lang: str) -> list[tuple[str, str]]:
    """Prompt id and words of every reason for a pause."""
    return [
        (f"pause_{key}", words)
        for key, texts in hotline.pause_reasons.items()
        for language, words in texts.items()
        if language == lang
    ]
