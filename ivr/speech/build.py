"""Making the prompts' sound: at publish time, from a cache, and never at the cost of a good file."""

import datetime as dt
import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ivr.errors import IvrError
from ivr.hotline import Voice
from ivr.settings import Settings
from ivr.speech import audio
from ivr.speech.audio import AudioUnusable, SoundNotWritten
from ivr.speech.edge import Edge
from ivr.speech.engines import Audio, Engine, EngineUnavailable
from ivr.speech.espeak import Espeak
from ivr.speech.prompts import Part, Prompt, PromptStore, has_sound
from ivr.tools import ToolMissing, tool

Choice = Literal["auto", "edge", "espeak"]
Progress = Callable[[int, int, str], None]
"""Called with (done, total, "language/id") after each prompt."""

RETRY_AFTER = dt.timedelta(minutes=15)
"""How long `auto` leaves an engine alone that failed, so that each start does not wait for it anew."""
PART_PAUSE = 0.25
"""Seconds between two voices in one prompt."""
SPEAKERS = 4
STUDIO = "studio"


@dataclass(frozen=True)
class Made:
    """What happened to one prompt: made, kept (up to date), kept_old (an older good file stays), failed."""

    key: str
    result: Literal["made", "kept", "kept_old", "failed"]
    engine: str = ""
    seconds: float | None = None
    lufs: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildReport:
    """All prompts of a build, why an engine did not speak, and how long it took (s)."""

    prompts: list[Made]
    unavailable: dict[str, str]
    seconds: float

    @property
    def ok(self) -> bool:
        """Every prompt has a sound."""
        return all(made.result != "failed" for made in self.prompts)

    def count(self, result: str) -> int:
        return sum(made.result == result for made in self.prompts)

    @property
    def engines(self) -> dict[str, int]:
        """How many prompts each engine spoke."""
        names = [made.engine for made in self.prompts if made.engine]
        return {name: names.count(name) for name in sorted(set(names))}


class MissingEngine:
    """Stands in for an engine that is not installed, so that the reason comes with the prompts it fails."""

    def __init__(self, name: str, error: IvrError) -> None:
        self.name = name
        self.online = True
        self._error = error

    def identity(self, lang: str, voice: object) -> str:
        return self.name

    def speak(self, text: str, lang: str, voice: object) -> Audio:
        raise EngineUnavailable(self._error.message, self._error.remedy)


def engines(settings: Settings, choice: Choice = "auto") -> list[Engine]:
    """The engines of a choice, best first; auto is edge-tts, then espeak-ng."""
    found: list[Engine] = []
    if choice in ("auto", "edge"):
        found.append(Edge())
    if choice in ("auto", "espeak"):
        try:
            found.append(Espeak(tool("espeak-ng", settings.runtime_dir)))
        except ToolMissing as error:
            found.append(MissingEngine(Espeak.name, error))
    return found


def build(
    store: PromptStore,
    speakers: list[Engine],
    cache: Path,
    now: dt.datetime,
    progress: Progress = lambda done, total, key: None,
    *,
    retry: bool = False,
) -> BuildReport:
    """Make what is missing or outdated; raises SoundNotWritten when the disk refuses.

    `cache` is the user's cache folder; `retry` asks an engine again that failed a short while ago.
    """
    try:
        return _Build(store, speakers, cache / "prompts", now, retry=retry).run(progress)
    except OSError as error:
        raise SoundNotWritten(
            f"{error.filename or cache} cannot be written: {error.strerror}.",
            "free some disk space, or check the folder's owner",
        ) from error


@dataclass
class _Speaker:
    """An engine that is asked once: while nobody knows whether it answers, others wait for the first."""

    engine: Engine
    trouble: str = ""
    proven: bool = False
    _first: threading.Lock = field(default_factory=threading.Lock)

    def speak(self, part: Part, voice: Any) -> Audio:
        if not self.proven:
            with self._first:
                if not self.proven:
                    return self._ask(part, voice)
        return self._ask(part, voice)

    def _ask(self, part: Part, voice: Any) -> Audio:
        if self.trouble:
            raise EngineUnavailable(self.trouble)
        try:
            spoken = self.engine.speak(part.spoken_by(self.engine.name), part.lang, voice)
        except EngineUnavailable as error:
            if self.engine.online or not self.proven:
                self.trouble = str(error)
            raise
        self.proven = True
        return spoken


class _Build:
    def __init__(
        self, store: PromptStore, speakers: list[Engine], cache: Path, now: dt.datetime, *, retry: bool
    ) -> None:
        self.store, self.cache, self.now = store, cache, now
        self.manifest = store.manifest()
        self.made: dict[str, dict[str, Any]] = {}
        self.voices: dict[str, Voice] = {str(lang): voice for lang, voice in store.hotline.voices.items()}
        self.speakers = [_Speaker(engine) for engine in speakers]
        for speaker in self.speakers[:-1] if not retry else []:
            failure = self.manifest["unavailable"].get(speaker.engine.name)
            if failure and now - dt.datetime.fromisoformat(failure["at"]) < RETRY_AFTER:
                speaker.trouble = failure["why"]
        self.remembered = {s.engine.name for s in self.speakers if s.trouble}

    def run(self, progress: Progress) -> BuildReport:
        start = time.monotonic()
        for folder in (self.cache, *(self.store.paths.prompts / lang for lang in self.store.hotline.languages)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made: dict[str, Made] = {}
        pool = ThreadPoolExecutor(SPEAKERS, thread_name_prefix="prompt")
        try:
            jobs = [pool.submit(self._one, prompt) for prompt in self.store.prompts.values()]
            for done, job in enumerate(as_completed(jobs), start=1):
                result = job.result()
                made[result.key] = result
                progress(done, len(jobs), result.key)
        finally:
            pool.shutdown(cancel_futures=True)
            self._remember()
        ordered = [made[f"{lang}/{name}"] for lang, name in self.store.prompts]
        trouble = {s.engine.name: s.trouble for s in self.speakers if s.trouble}
        return BuildReport(ordered, trouble, time.monotonic() - start)

    def _one(self, prompt: Prompt) -> Made:
        key = f"{prompt.lang}/{prompt.id}"
        entry: dict[str, Any] | None = self.manifest["prompts"].get(key)
        if entry is not None and not has_sound(self.store.base(prompt.id, prompt.lang)):
            entry = None
        studio = self.store.studio(prompt.id, prompt.lang)
        why = []
        if studio is not None:
            try:
                source = _digest(STUDIO, studio.read_bytes().hex(), _ends(prompt))
                if _is_current(entry, source):
                    return _kept(key, entry)
                return self._finish(prompt, audio.read(studio), STUDIO, studio.name, source)
            except (AudioUnusable, OSError) as error:
                why.append(str(error))
        for speaker in self.speakers:
            try:
                return self._spoken(prompt, entry, speaker, why if studio else [])
            except (EngineUnavailable, AudioUnusable) as error:
                why.append(str(error))
            if entry and _says_the_same(entry, prompt, speaker.engine.name):
                # The better engine's own sound of these very words is worth more than a fresh, poorer one.
                return _kept(key, entry, "kept_old", *why)
        return _kept(key, entry, "kept_old", *why) if entry else Made(key, "failed", warnings=tuple(why))

    def _spoken(self, prompt: Prompt, entry: dict[str, Any] | None, speaker: _Speaker, doubts: list[str]) -> Made:
        name = speaker.engine.name
        usual = [self.voices.get(part.lang, self.voices[prompt.lang]) for part in prompt.parts]
        voices = [voice.brisk() for voice in usual] if prompt.brisk else usual
        sources = [
            _digest(part.spoken_by(name), speaker.engine.identity(part.lang, voice))
            for part, voice in zip(prompt.parts, voices, strict=True)
        ]
        source = _digest(*sources, _ends(prompt))
        if _is_current(entry, source):
            return _kept(f"{prompt.lang}/{prompt.id}", entry)
        sounds = [
            self._cached(speaker, part, voice, self.cache / f"{digest}.flac")
            for part, voice, digest in zip(prompt.parts, voices, sources, strict=True)
        ]
        identity = speaker.engine.identity(prompt.lang, voices[0]).removeprefix(f"{name} ")
        return self._finish(prompt, _joined(sounds), name, identity, source, doubts)

    def _cached(self, speaker: _Speaker, part: Part, voice: Any, cached: Path) -> Audio:
        if cached.exists():
            try:
                return audio.read(cached)
            except AudioUnusable:
                cached.unlink(missing_ok=True)
        sound = speaker.speak(part, voice)
        audio.trim(sound, audio.SENTENCE)  # raises on silence, which must not reach the cache
        audio.store(cached, sound, format="FLAC", subtype="PCM_16")
        return audio.read(cached)  # the very same sound as when it comes from the cache

    def _finish(
        self, prompt: Prompt, sound: Audio, engine: str, voice: str, source: str, doubts: list[str] | None = None
    ) -> Made:
        key = f"{prompt.lang}/{prompt.id}"
        finished = audio.finish(sound, audio.PIECE if prompt.piece else audio.SENTENCE)
        warnings = [*(doubts or []), *finished.warnings]
        limit = length_limit(prompt)
        if finished.narrow.seconds > limit:
            warnings.append(f"{finished.narrow.seconds:.1f} s long; at most {limit:g} s")
        audio.write(finished, self.store.base(prompt.id, prompt.lang))
        self.made[key] = {
            "text": prompt.text,
            "engine": engine,
            "voice": voice,
            "seconds": round(finished.narrow.seconds, 2),
            "lufs": finished.lufs,
            "peak_db": finished.peak_db,
            "warnings": warnings,
            "made_at": self.now.isoformat(),
            "source": source,
            "recipe": audio.RECIPE,
        }
        return Made(key, "made", engine, finished.narrow.seconds, finished.lufs, tuple(warnings))

    def _remember(self) -> None:
        """Write down what was made, beside what others have made meanwhile: a supervisor's build, the scheduler's."""
        with self.store.manifest_file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            manifest = self.store.manifest()
            manifest["prompts"] |= self.made
            for speaker in self.speakers:
                name = speaker.engine.name
                if speaker.proven:
                    manifest["unavailable"].pop(name, None)
                if speaker.trouble and name not in self.remembered:
                    manifest["unavailable"][name] = {"at": self.now.isoformat(), "why": speaker.trouble}
            text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True)
            passing = self.store.manifest_file.with_suffix(f".{os.getpid()}.new")
            passing.write_text(text + "\n", encoding="utf-8")
            passing.replace(self.store.manifest_file)


def length_limit(prompt: Prompt) -> float:
    """Seconds a prompt may last: a menu 20 (S15), a sentence 15, a piece of a number 3."""
    if prompt.piece:
        return 3.0
    return 20.0 if prompt.id.startswith("menu_") else 15.0


def _ends(prompt: Prompt) -> str:
    return "piece" if prompt.piece else "sentence"


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _is_current(entry: dict[str, Any] | None, source: str) -> bool:
    return entry is not None and entry["source"] == source and entry["recipe"] == audio.RECIPE


def _says_the_same(entry: dict[str, Any], prompt: Prompt, engine: str) -> bool:
    return bool(entry["engine"] == engine and entry["text"] == prompt.text)


def _kept(key: str, entry: dict[str, Any] | None, result: Literal["kept", "kept_old"] = "kept", *why: str) -> Made:
    assert entry is not None
    return Made(key, result, entry["engine"], entry["seconds"], entry["lufs"], (*why, *entry["warnings"]))


def _joined(sounds: list[Audio]) -> Audio:
    """Several voices in a row, at the highest of their rates, each brought to the same loudness first."""
    if len(sounds) == 1:
        return sounds[0]
    rate = max(sound.rate for sound in sounds)
    pause = np.zeros(int(PART_PAUSE * rate), np.float32)
    pieces: list[Any] = []
    for sound in sounds:
        part = audio.trim(audio.resample(sound, rate), audio.PIECE)
        gain = 10 ** ((audio.TARGET_LUFS - audio.loudness(part)) / 20)
        pieces += [part.samples * np.float32(gain), pause]
    return Audio(np.concatenate(pieces[:-1]), rate)
