"""What a talk is about and why an agent pauses, as short prompts: the words of the business file."""

from ivr.hotline import PERSON_KEY, Hotline


def matters(hotline: Hotline) -> list[tuple[str, str]]:
    """Prompt id and words of all that the menus lead to and of every survey, in the first language; words said twice
    have one prompt."""
    named: dict[str, str] = {}
    for menu, tree in hotline.menus.items():
        for key, option in tree.options.items():
            label = option.label.get(hotline.languages[0], "")
            if label and key != PERSON_KEY and (option.queue or option.message):
                named.setdefault(label, f"matter_{menu}_{key}")
    for name, survey in hotline.surveys.items():
        if hotline.languages[0] in survey.label:
            named.setdefault(survey.label[hotline.languages[0]], f"matter_survey_{name}")
    return [(prompt, label) for label, prompt in named.items()]


def pause_texts(hotline: Hotline, lang: str) -> list[tuple[str, str]]:
    """Prompt id and words of every reason for a pause."""
    return [
        (f"pause_{key}", words)
        for key, texts in hotline.pause_reasons.items()
        for language, words in texts.items()
        if language == lang
    ]
