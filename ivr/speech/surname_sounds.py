"""The sounds of surnames beyond the hundred, and of all in English: made before a customer is rung, never in a call."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ivr.hotline import Hotline
from ivr.settings import Settings
from ivr.speech.build import build, engines
from ivr.speech.prompts import Language, Part, Prompt, PromptStore, has_sound
from ivr.speech.surname_readings import for_engines, latin_key, reading_of
from ivr.speech.surnames import TITLES, prompt_id


@dataclass(frozen=True)
class Addressed:
    """A customer as a call addresses them (S2): surname, title (先生 or 女士), the call's language."""

    surname: str
    title: str
    language: Language


def surname_sound(store: PromptStore, who: Addressed) -> str:
    """The prompt that says surname and title; empty where nobody can be sure how it is read, or there is no sound yet:
    then the customer is greeted without a name."""
    name = _prompt_of(who)
    return name if name and has_sound(store.base(name, who.language)) else ""


def missing_sounds(store: PromptStore, whom: Iterable[Addressed]) -> list[Addressed]:
    """Those who could be addressed by name, had the name its sound; each name once."""
    lacking = {name: who for who in whom if (name := _prompt_of(who)) and not has_sound(store.base(name, who.language))}
    return list(lacking.values())


def ensure(settings: Settings, hotline: Hotline, whom: Iterable[Addressed], now: dt.datetime) -> list[Addressed]:
    """Make the sounds of these names; returns those that no engine could say. Raises SoundNotWritten.

    Made like any prompt, from the cache where another business has said the name before.
    """
    store = PromptStore(settings.paths, hotline)
    wanted = {(who.language, _prompt_of(who)): who for who in whom}
    store.prompts = {
        (language, name): Prompt(name, language, parts, piece=True)
        for (language, name), who in wanted.items()
        if name and language in hotline.languages and (parts := tuple(_parts(who)))
        if all(part.lang in hotline.voices for part in parts)
    }
    build(store, engines(settings, settings.voice_engine), settings.cache_dir, now)
    return [who for who in wanted.values() if not surname_sound(store, who)]


def _prompt_of(who: Addressed) -> str:
    """The prompt's id, whether or not it has a sound; empty where the name cannot be said."""
    key = reading_of(who.surname) or latin_key(who.surname)
    return prompt_id(key, who.title) if key and who.title in TITLES else ""


def _parts(who: Addressed) -> Iterator[Part]:
    """Each name is said by a voice of its own language: Mr, then 王 as it sounds in Mandarin."""
    sound, title = reading_of(who.surname), TITLES[who.title].english
    match who.language, bool(sound):
        case "zh-CN", True:
            yield Part(f"{who.surname}{who.title}", "zh-CN", for_engines(who.surname, sound, who.title))
        case "zh-CN", False:
            yield Part(who.surname, "en")
            yield Part(who.title, "zh-CN")
        case _, True:
            yield Part(title, "en")
            yield Part(who.surname, "zh-CN", for_engines(who.surname, sound))
        case _:
            yield Part(f"{title} {who.surname}", "en")
