"""The linter of prompts: what is missing, too long, too loud, or says something else than the menu does."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ivr.hotline.wording import keys_said
from ivr.speech import audio
from ivr.speech.build import length_limit
from ivr.speech.numbers import say_digits, say_number, say_position, say_wait
from ivr.speech.prompts import PromptStore, list_prompts

SPEAKING = frozenset({"play", "ask", "hang_up", "file"})
"""Methods whose string arguments are prompt ids (`call.play("greeting")`)."""


@dataclass(frozen=True)
class Finding:
    """A fault (`error`: callers would miss something) or a doubt (`warning`), with the standard it touches."""

    level: Literal["error", "warning"]
    prompt: str
    message: str
    standard: str = ""


def check(store: PromptStore, flows: Iterable[Path] = ()) -> list[Finding]:
    """All findings of texts, menus and sound; `flows` are the call flows' files, read for the ids they use."""
    return [
        *_translations(store),
        *_menus(store),
        *_used(store, flows),
        *_sound(store),
    ]


def _translations(store: PromptStore) -> Iterator[Finding]:
    default = store.hotline.languages[0]
    for lang in store.hotline.languages[1:]:
        for (other, name), prompt in store.prompts.items():
            if prompt.piece:
                continue  # 万 and million, hour and hours
            if other == default and (lang, name) not in store.prompts:
                yield Finding("error", f"{lang}/{name}", f"has no text in {lang}.yaml", "S19")
            if other == lang and (default, name) not in store.prompts:
                yield Finding("error", f"{default}/{name}", f"has no text in {default}.yaml", "S19")


def _menus(store: PromptStore) -> Iterator[Finding]:
    """Every menu has a prompt in every language, and the prompt names every key that works (S15, S16)."""
    for menu, content in store.hotline.menus.items():
        name = store.hotline.menu_prompt(menu)
        for lang in store.hotline.languages:
            prompt = store.prompts.get((lang, name))
            if prompt is None:
                yield Finding("error", f"{lang}/{name}", f"the menu {menu} has no text in {lang}.yaml", "S15")
                continue
            named = {*keys_said(prompt.text, "zh-CN"), *keys_said(prompt.text, "en")}
            for key, option in content.options.items():
                if option.language != lang and key not in named:
                    standard = "S16" if key == "0" else "S15"
                    yield Finding("error", f"{lang}/{name}", f"does not name key {key}", standard)


def _used(store: PromptStore, flows: Iterable[Path]) -> Iterator[Finding]:
    """Prompts that flows, numbers and waits play must have a text in every language."""
    wanted = {name: flow.name for flow in flows for name in prompts_used(flow.read_text(encoding="utf-8"), flow.name)}
    for lang in store.hotline.languages:
        pieces = {piece for number in range(121) for piece in say_number(number, lang)}
        pieces |= {*say_digits("0123456789", lang), *say_position(0, lang), *say_position(1, lang)}
        pieces |= {*say_position(2, lang), *say_wait(0, lang), *say_wait(60, lang), *say_wait(120, lang)}
        for name in sorted(wanted.keys() | pieces):
            if (lang, name) not in store.prompts:
                by = wanted.get(name, "spoken numbers")
                yield Finding("error", f"{lang}/{name}", f"is used by {by} but has no text in {lang}.yaml")


def prompts_used(source: str, filename: str = "<flow>") -> list[str]:
    """Prompt ids written out in a flow's source, as in `call.ask("greeting", "menu_main")`."""
    calls = [node for node in ast.walk(ast.parse(source, filename)) if isinstance(node, ast.Call)]
    spoken = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr in SPEAKING]
    found: list[str] = []
    for call in spoken:
        assert isinstance(call.func, ast.Attribute)
        # file("greeting", "zh-CN"), hang_up("closed", "closed"): only the first argument is a prompt.
        arguments = call.args if call.func.attr in ("play", "ask") else call.args[:1]
        found += [a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return list(dict.fromkeys(found))


def _sound(store: PromptStore) -> Iterator[Finding]:
    manifest: dict[str, Any] = store.manifest()["prompts"]
    for row in list_prompts(store):
        key = f"{row.lang}/{row.id}"
        if row.state == "missing":
            yield Finding("error", key, "has no sound: run `ivr prompts build`")
            continue
        if row.state == "outdated":
            yield Finding("warning", key, "its sound says an older text: run `ivr prompts build`")
        limit = length_limit(store.prompts[row.lang, row.id])
        seconds = _seconds(store, row.lang, row.id)
        if seconds > limit:
            yield Finding("warning", key, f"{seconds:.1f} s long; at most {limit:g} s", "S15")
        if abs(seconds - manifest[key]["seconds"]) > 0.05:
            yield Finding("error", key, f"{seconds:.1f} s long, but {manifest[key]['seconds']} s were made")
        if row.lufs is not None and abs(row.lufs - audio.TARGET_LUFS) > audio.TOLERANCE_LU:
            yield Finding("warning", key, f"{row.lufs} LUFS instead of {audio.TARGET_LUFS:g}", "S31")
        yield from (Finding("warning", key, warning) for warning in row.warnings if "s long" not in warning)


def _seconds(store: PromptStore, lang: str, name: str) -> float:
    """Length of the file that is really there: G.711 has one byte per sample."""
    base = store.base(name, lang)
    return base.with_name(f"{base.name}.ulaw").stat().st_size / audio.NARROW
