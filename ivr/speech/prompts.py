"""What callers hear: the texts per language, and where the sound of each lies."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ivr.calls.notice import PROMPT as NOTICE
from ivr.calls.notice import NoticeBoard
from ivr.errors import IvrError
from ivr.hotline import Hotline
from ivr.settings import ROOT, StatePaths
from ivr.speech.audio import FORMATS
from ivr.speech.matters import matters, pause_texts
from ivr.speech.surname_readings import for_engines
from ivr.speech.surnames import SOUND_OF, surname_texts
from ivr.speech.survey_texts import survey_texts

Language = str
Key = tuple[Language, str]
"""A prompt in one language: (language, prompt id)."""

_ID = re.compile(r"^[a-z][a-z0-9_]{0,47}$")
_WORK_NUMBER_DIGITS = {"zh-CN": "零幺二三四五六七八九"}
"""A work number in Chinese is read digit by digit, 1 as 幺; written 1001 an engine may say one thousand."""


class PromptFileError(IvrError):
    """A text file of prompts cannot be used: file, prompt, and what is allowed."""


@dataclass(frozen=True)
class Part:
    """A run of text spoken by one language's voice; `say` replaces the text for an engine that misreads it."""

    text: str
    lang: Language
    say: tuple[tuple[str, str], ...] = ()

    def spoken_by(self, engine: str) -> str:
        return dict(self.say).get(engine, self.text)


@dataclass(frozen=True)
class Prompt:
    """One prompt in one language. A `piece` (number, unit) is joined with others in a call; a `brisk` one is spoken
    faster, for an agent's ear alone while the caller waits (S8)."""

    id: str
    lang: Language
    parts: tuple[Part, ...]
    piece: bool = False
    brisk: bool = False

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.parts)


@dataclass(frozen=True)
class PromptRow:
    """One line of `ivr prompts list`: text, who spoke it, how long (s) and loud (LUFS) it is.

    `state`: ready, outdated (the sound says an older text), or missing.
    """

    id: str
    lang: Language
    text: str
    state: str
    engine: str = ""
    voice: str = ""
    seconds: float | None = None
    lufs: float | None = None
    made_at: str = ""
    warnings: list[str] = field(default_factory=list)


class PromptStore:
    """The prompts of one instance: texts from `folder`, sound in the state folder."""

    def __init__(self, paths: StatePaths, hotline: Hotline, folder: Path = ROOT / "prompts") -> None:
        """Reads the texts; raises PromptFileError."""
        self.paths = paths
        self.hotline = hotline
        self.folder = folder
        self.prompts: dict[Key, Prompt] = {
            (lang, prompt.id): prompt for lang in hotline.languages for prompt in _load(folder, lang, hotline)
        }
        notice = NoticeBoard.of(paths).read()
        if notice.on:
            self.prompts |= notice_prompts(hotline, {str(lang): text for lang, text in notice.texts.items()})

    def file(self, prompt_id: str, lang: Language) -> str:
        """Asterisk's sound path, without extension; the default language's where this one has no sound."""
        own = self.base(prompt_id, lang)
        default = self.base(prompt_id, self.hotline.languages[0])
        return str(own if has_sound(own) or not has_sound(default) else default)

    def base(self, prompt_id: str, lang: Language) -> Path:
        return self.paths.prompts / lang / prompt_id

    def text(self, prompt_id: str, lang: Language) -> str:
        """The words of a prompt, for stories and transcripts; empty for an unknown one."""
        prompt = self.prompts.get((lang, prompt_id))
        return prompt.text if prompt else ""

    def work_number(self, number: str, lang: Language) -> list[str]:
        """Prompt ids of "工号1001为您服务": one breath where the agent stands in hotline.yaml, else in pieces."""
        from ivr.speech.numbers import say_work_number

        whole = f"work_number_{number}"
        return [whole] if has_sound(self.base(whole, lang)) else say_work_number(number, lang)

    def missing(self) -> list[str]:
        """Prompts that have a text but no sound, as language/id."""
        return [f"{lang}/{name}" for lang, name in self.prompts if not has_sound(self.base(name, lang))]

    def studio(self, prompt_id: str, lang: Language) -> Path | None:
        """The studio recording that stands in for an engine."""
        for ending in ("wav", "flac"):
            recording = self.folder / "studio" / lang / f"{prompt_id}.{ending}"
            if recording.exists():
                return recording
        return None

    @property
    def manifest_file(self) -> Path:
        return self.paths.prompts / "manifest.json"

    def manifest(self) -> dict[str, Any]:
        """What the last builds made: {"prompts": {"zh-CN/greeting": {…}}, "unavailable": {engine: {at, why}}}.

        A manifest that cannot be read counts as empty: the prompts are made again.
        """
        empty: dict[str, Any] = {"prompts": {}, "unavailable": {}}
        try:
            found = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return empty
        return {**empty, **found} if isinstance(found, dict) else empty


def has_sound(base: Path) -> bool:
    """Whether every format of a prompt is there and not empty."""
    files = (base.with_name(f"{base.name}.{ending}") for ending, _, _ in FORMATS)
    return all(file.is_file() and file.stat().st_size > 0 for file in files)


def list_prompts(store: PromptStore) -> list[PromptRow]:
    """All prompts in the order of the text files, with who spoke each."""
    made: dict[str, dict[str, Any]] = store.manifest()["prompts"]
    return [_row(store, prompt, made.get(f"{lang}/{name}")) for (lang, name), prompt in store.prompts.items()]


def say(store: PromptStore, prompt_id: str, lang: Language) -> tuple[Path, str]:
    """The wideband sound file of a prompt (raw 16-bit little-endian, 16 kHz) and its text; raises IvrError."""
    prompt = store.prompts.get((lang, prompt_id))
    if prompt is None:
        raise IvrError(f"There is no prompt {prompt_id} in {lang}.", "see `ivr prompts list` for the ids there are")
    base = store.base(prompt_id, lang)
    if not has_sound(base):
        raise IvrError(f"The prompt {lang}/{prompt_id} has no sound yet.", "run `ivr prompts build`")
    return base.with_name(f"{base.name}.sln16"), prompt.text


def _row(store: PromptStore, prompt: Prompt, entry: dict[str, Any] | None) -> PromptRow:
    if entry is None or not has_sound(store.base(prompt.id, prompt.lang)):
        return PromptRow(prompt.id, prompt.lang, prompt.text, "missing")
    state = "ready" if entry["text"] == prompt.text else "outdated"
    known = ("engine", "voice", "seconds", "lufs", "made_at", "warnings")
    return PromptRow(prompt.id, prompt.lang, prompt.text, state, **{name: entry[name] for name in known})


def _load(folder: Path, lang: Language, hotline: Hotline) -> Iterator[Prompt]:
    path = folder / f"{lang}.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PromptFileError(
            f"{path}: {error.strerror}.", f"write the texts of {lang}, or take {lang} out of hotline.yaml"
        ) from error
    except yaml.YAMLError as error:
        raise PromptFileError(f"{path}: not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(data, dict) or set(data) - {"prompts", "pieces", "work_number", "surname"}:
        raise PromptFileError(f"{path}: allowed: the fields prompts, pieces, work_number, surname.")
    names = {str(language): name for language, name in hotline.company.name.items()}
    facts = {"company": names.get(lang, ""), "number": hotline.hotline.number}
    for section in ("prompts", "pieces"):
        for name, value in (data.get(section) or {}).items():
            yield Prompt(_id(path, name), lang, _parts(path, name, lang, value, facts), section == "pieces")
    yield from _of_the_business(lang, hotline, data.get("prompts") or {})
    for name, (surname, title) in surname_texts().items() if "surname" in data else ():
        parts = _parts(path, "surname", lang, data["surname"], {**facts, "customer": f"{surname}{title}"})
        say = for_engines(surname, SOUND_OF[surname], title)
        yield Prompt(name, lang, tuple(replace(part, say=say) for part in parts), piece=True)
    if "work_number" in data:
        yield from _for_agents(lang, hotline)
    for number in hotline.agents if "work_number" in data else ():
        spoken = number.translate(str.maketrans("0123456789", _WORK_NUMBER_DIGITS.get(lang, "0123456789")))
        filled = {**facts, "work_number": spoken if lang in _WORK_NUMBER_DIGITS else " ".join(number)}
        name = f"work_number_{number}"
        yield Prompt(name, lang, _parts(path, "work_number", lang, data["work_number"], filled))


def _of_the_business(lang: Language, hotline: Hotline, written: dict[str, object]) -> Iterator[Prompt]:
    """queue_<name>: what an agent hears before the caller (S8), the queue's label; survey_<survey>_purpose and
    survey_<survey>_<question> (S26). A text of that id in the file goes before."""
    for name, queue in hotline.queues.items():
        labels = {str(language): label for language, label in queue.label.items()}
        if lang in labels and f"queue_{name}" not in written:
            yield Prompt(f"queue_{name}", lang, (Part(labels[lang], lang),), piece=True, brisk=True)
    for name, words in survey_texts(hotline, lang):
        if name not in written:
            yield Prompt(name, lang, (Part(words, lang),))


def notice_prompts(hotline: Hotline, texts: Mapping[Language, str]) -> dict[Key, Prompt]:
    """The emergency notice (S20) in every language; one without a text hears the first language's."""
    default: Language = hotline.languages[0]
    spoken = {str(lang): str(lang) if texts.get(lang) else default for lang in hotline.languages}
    return {
        (lang, NOTICE): Prompt(NOTICE, lang, (Part(texts[voice], voice),))
        for lang, voice in spoken.items()
        if texts.get(voice)
    }


def _for_agents(lang: Language, hotline: Hotline) -> Iterator[Prompt]:
    """matter_<menu>_<key>: what the caller has chosen (S8); pause_<key>: a reason for a pause. Words of the file."""
    for name, words in matters(hotline) if lang == hotline.languages[0] else []:
        yield Prompt(name, lang, (Part(words, lang),), piece=True, brisk=True)
    for name, words in pause_texts(hotline, lang):
        yield Prompt(name, lang, (Part(words, lang),), piece=True)


def _id(path: Path, name: object) -> str:
    if not isinstance(name, str) or not _ID.match(name):
        raise PromptFileError(f"{path}: {name}: allowed: an id of small letters, digits and _.")
    return name


def _parts(path: Path, name: str, lang: Language, value: object, facts: dict[str, str]) -> tuple[Part, ...]:
    """A text; {text, say: {engine: …}}; or {parts: [text, {language: text}, …]}."""
    match value:
        case str():
            return (Part(_fill(path, name, value, facts), lang),)
        case {"text": str(text), **rest} if set(rest) <= {"say"}:
            say = rest.get("say", {})
            if not isinstance(say, dict):
                raise PromptFileError(f"{path}: {name}: say: allowed: {{espeak-ng: text, edge-tts: text}}.")
            spoken = tuple((str(engine), _fill(path, name, str(words), facts)) for engine, words in say.items())
            return (Part(_fill(path, name, text, facts), lang, spoken),)
        case {"parts": [*items]}:
            parts: list[Part] = []
            for item in items:
                other = next(iter(item)) if isinstance(item, dict) and len(item) == 1 else None
                if other in ("zh-CN", "en"):
                    parts += _parts(path, name, other, item[other], facts)
                else:
                    parts += _parts(path, name, lang, item, facts)
            return tuple(parts)
    raise PromptFileError(f"{path}: {name}: allowed: a text, {{text, say}}, or {{parts: [text, {{en: text}}]}}.")


def _fill(path: Path, name: str, text: str, facts: dict[str, str]) -> str:
    try:
        filled = text.format_map(facts).strip()
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        known = ", ".join(f"{{{fact}}}" for fact in facts)
        raise PromptFileError(f"{path}: {name}: placeholder {error}: allowed: {known}.") from error
    if not filled:
        raise PromptFileError(f"{path}: {name}: the text is empty.")
    return filled
