"""The linter of menus: where a menu is not what the service standards ask for, with the clause."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ivr.hotline.hours import Hours
from ivr.hotline.kinds import PERSON_KEY, SHORT, Language
from ivr.hotline.model import Hotline
from ivr.hotline.tree import reachable, tree, walk
from ivr.hotline.wording import ADVERTISING, keys_said, names, what_keys_are_for

MAX_DEPTH = 2
MAX_OPTIONS = 5
MAX_SECONDS = 20.0
"""Levels, keys of a menu, and seconds a menu may take to be read out (S15)."""

BEFORE_SERVICE = ("greeting", "recording_notice")
"""What every caller hears before the first menu (S17)."""

_PERSON = {
    "zh-CN": re.compile("人工|客服(人员|代表)|座席|坐席"),
    "en": re.compile(r"person|agent|representative|operator", re.I),
}
_KEY_FIRST = {
    "zh-CN": re.compile(r"^\s*(请)?(按|拨)\s*[0-9零一二三四五六七八九]"),
    "en": re.compile(r"^\s*press\b", re.I),
}

MESSAGES = {
    "too_deep": "lies {levels} levels deep; at most {most} are easy to follow",
    "circle": "key {key} leads back to it: callers go in circles",
    "too_many": "offers {keys} keys; at most {most} stay in mind",
    "no_way": "no key leads to it",
    "person_unlisted": "key 0 (a person) works, but as it stands nowhere nobody says so",
    "person_unsaid": "{language}: the main menu does not say how to reach a person",
    "dead_end": "key {key}: when {queue} is closed, no overflow, message or callback is left",
    "key_first": "{language}: says the key before what it is for",
    "advertising": "{language}: “{found}” is advertising before service",
    "key_unsaid": "{language}: {prompt} does not say key {key} ({label})",
    "key_unknown": "{language}: {prompt} says key {key}, which leads nowhere",
    "says_other": "{language}: key {key} is “{label}”, but {prompt} says “{said}”",
    "order": "{language}: says the keys as {keys}; they should rise",
    "no_text": "{language}: the prompt {prompt} has no text",
    "no_label": "{language}: key {key} has no label",
    "no_sound": "{language}: the menu has no sound; run `ivr prompts build`",
    "too_long": "{language}: takes {seconds} s; at most {most} s",
}

Level = Literal["error", "warning"]
Text = Callable[[str, Language], str]
"""The words of a prompt in a language; empty when it has none."""
Length = Callable[[str, Language], float | None]
"""How long a prompt is heard, seconds; None while it has no sound."""


@dataclass(frozen=True)
class Finding:
    """A fault (`error`) or a doubt (`warning`) of a menu, with the clause of the standards it offends."""

    level: Level
    where: str
    standard: str
    rule: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """What is wrong, in English; a page has its own words for `rule` and `facts`."""
        return MESSAGES[self.rule].format(**self.facts)


def lint(hotline: Hotline, text: Text, seconds: Length) -> list[Finding]:
    """Everything that is wrong with the menus, the first menu first."""
    return [
        *_shape(hotline),
        *_ways(hotline),
        *_words(hotline, text),
        *_translations(hotline, text),
        *_length(hotline, seconds),
    ]


def _shape(hotline: Hotline) -> Iterator[Finding]:
    for branch in walk(tree(hotline)):
        if branch.kind == "menu" and branch.depth >= MAX_DEPTH and not branch.again:
            facts = {"levels": branch.depth + 1, "most": MAX_DEPTH}
            yield Finding("error", branch.target, "S15", "too_deep", facts)
        if branch.again:
            yield Finding("error", branch.target, "S15", "circle", {"key": branch.key})
    for name, menu in hotline.menus.items():
        if len(menu.options) > MAX_OPTIONS:
            yield Finding("error", name, "S15", "too_many", {"keys": len(menu.options), "most": MAX_OPTIONS})


def _ways(hotline: Hotline) -> Iterator[Finding]:
    """Nobody is trapped: a person, or at least a message, at the end of every way (S16, S18)."""
    known = reachable(hotline)
    for name, menu in hotline.menus.items():
        if name not in known:
            yield Finding("warning", name, "S15", "no_way")
        if PERSON_KEY not in menu.options:
            level: Level = "error" if name == hotline.menu_start else "warning"
            yield Finding(level, name, "S16", "person_unlisted")
        for key, option in menu.options.items():
            if option.queue and _closes(hotline, option.queue):
                yield Finding("warning", name, "S18", "dead_end", {"key": key, "queue": option.queue})


def _closes(hotline: Hotline, queue: str) -> bool:
    """Whether a caller of this queue is at some hour left with nothing."""
    seen: set[str] = set()
    current: str | None = queue
    while current and current not in seen and current in hotline.queues:
        seen.add(current)
        here = hotline.queues[current]
        if _always(here.hours) or here.message or here.callback:
            return False
        current = here.overflow
    return True


def _always(hours: Hours) -> bool:
    return all(hours.spans.get(day) == ((0, 24 * 60),) for day in range(7))


def _words(hotline: Hotline, text: Text) -> Iterator[Finding]:
    for language in hotline.languages:
        for prompt in BEFORE_SERVICE:
            yield from _advertising(prompt, language, text(prompt, language))
        for name in hotline.menus:
            said = text(hotline.menu_prompt(name), language)
            yield from _advertising(name, language, said)
            if not said:
                continue
            if name == hotline.menu_start and not _PERSON[language].search(said):
                yield Finding("error", name, "S16", "person_unsaid", {"language": language})
            if _KEY_FIRST[language].search(said):
                yield Finding("warning", name, "S15", "key_first", {"language": language})
            yield from _order(name, language, said)
            for prompt in (hotline.menu_prompt(name), hotline.menu_prompt(name) + SHORT):
                yield from _keys(hotline, name, language, prompt, text(prompt, language))


def _advertising(where: str, language: Language, said: str) -> Iterator[Finding]:
    found = ADVERTISING.search(said)
    if found:
        yield Finding("error", where, "S17", "advertising", {"language": language, "found": found.group()})


def _order(name: str, language: Language, said: str) -> Iterator[Finding]:
    """Digits rise; the person's 0 may stand anywhere, and so may the key of another language."""
    keys = [key for key in keys_said(said, language) if key not in (PERSON_KEY, "9")]
    if keys != sorted(keys):
        yield Finding("error", name, "S15", "order", {"language": language, "keys": ", ".join(keys)})


def _keys(hotline: Hotline, name: str, language: Language, prompt: str, said: str) -> Iterator[Finding]:
    """Words stay behind when a menu changes: they are to tell every key, no other, and what it is for (S15)."""
    if not said:
        return
    options, told = hotline.menus[name].options, what_keys_are_for(said, language)
    about = {"language": language, "prompt": prompt}
    for key in sorted(told.keys() - options.keys() - {PERSON_KEY}):
        yield Finding("error", name, "S15", "key_unknown", about | {"key": key})
    for key, option in options.items():
        label = option.label.get(language, "")
        if key not in told and option.language and prompt.endswith(SHORT):
            continue  # who calls again is spoken to in the language they chose
        if key not in told:
            yield Finding("warning", name, "S15", "key_unsaid", about | {"key": key, "label": label})
        elif label and not option.language and not _KEY_FIRST[language].search(said) and not names(told[key], label):
            yield Finding("warning", name, "S15", "says_other", about | {"key": key, "label": label, "said": told[key]})


def _translations(hotline: Hotline, text: Text) -> Iterator[Finding]:
    for language in hotline.languages:
        for name, menu in hotline.menus.items():
            if not text(hotline.menu_prompt(name), language):
                facts = {"language": language, "prompt": hotline.menu_prompt(name)}
                yield Finding("error", name, "S19", "no_text", facts)
            for key, option in menu.options.items():
                if not option.label.get(language):
                    yield Finding("warning", name, "S19", "no_label", {"language": language, "key": key})
                if option.say and not text(option.say, language):
                    yield Finding("error", name, "S19", "no_text", {"language": language, "prompt": option.say})


def _length(hotline: Hotline, seconds: Length) -> Iterator[Finding]:
    for language in hotline.languages:
        for name in hotline.menus:
            heard = seconds(hotline.menu_prompt(name), language)
            if heard is None:
                yield Finding("error", name, "S15", "no_sound", {"language": language})
            elif heard > MAX_SECONDS:
                facts = {"language": language, "seconds": round(heard), "most": round(MAX_SECONDS)}
                yield Finding("error", name, "S15", "too_long", facts)
