"""The waiting line's own sounds: what app_queue says by itself while a caller waits (dialplan/waiting.j2).

app_queue looks for a sound by the channel's language, from the longest name to the shortest: `zh-CN_late_service`,
`zh-CN_late`, `zh-CN` (main/file.c). In the line a caller's language is such a name, so that the same sentence of
app_queue's differs by queue, and by how long the caller has waited.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ivr.hotline import Hotline
from ivr.speech.audio import FORMATS

LATE = "late_"
"""Before the queue's name in a language, once the wait is long (S7)."""

CUT = "CUT"
"""In place of the queue's name, for whom our side has cut off (S10); queues have small letters."""

LINE_FACTS = "${QUEUE},${JOINED},${IVR_CLASS},${IVR_WHY},${MEMBERNAME},${IVR_REASON}"
"""What the dialplan keeps of a caller in line; the reason last, as it alone may hold a comma."""

_RATE = 8000
_TONE_SECONDS, _TONE_HZ, _TONE_LEVEL = 0.4, 1000.0, 0.2


@dataclass(frozen=True)
class Line:
    """A caller's place: since when (seconds since 1970), which class (0, 1 key customer, 2 cut off), why they call,
    and why the flow was called for them (`key`, `nobody`, `enough`); the agent they spoke with, if they did."""

    queue: str
    joined_at: int
    priority: int
    why: str
    agent: str
    reason: str


def read_line(text: str) -> Line:
    """What LINE_FACTS became; nothing in it is relied on."""
    queue, joined, priority, why, agent, reason = (*text.split(",", 5), "", "", "", "", "", "")[:6]
    return Line(queue, _number(joined), _number(priority), why, agent, reason)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def line_offers(hotline: Hotline, queue: str) -> tuple[str, ...]:
    """What a caller in a queue may choose beside waiting: `callback`, `message` (S7, S10, S12)."""
    settings = hotline.queues[queue]
    offers = {"callback": settings.callback and hotline.callbacks.trunk is not None, "message": settings.message}
    return tuple(name for name, offered in offers.items() if offered)


def offer_prompt(offers: tuple[str, ...], *, late: bool) -> str:
    """The prompt that ends what a waiting caller is told: thanks, and what a key leads to."""
    if not offers:
        return "thanks_waiting"
    if len(offers) == 1:
        return f"wait_key_{offers[0]}"
    return "wait_offer" if late else "wait_key"


def write_line_sounds(hotline: Hotline, folder: Path, prompts: Path) -> None:
    """Link the line's sentences to the prompts, per language and queue; links of queues that are gone do no harm.

    Each language of the line also leads to its prompts (prompts/zh-CN_service), because the dialplan speaks
    `PROMPTS/CHANNEL(language)/…`.
    """
    _write_tone(folder / "tone.ulaw")
    for language in hotline.languages:
        _link_sounds(folder / language, "next", prompts / language / "wait_next")
        _link(prompts / f"{language}_{CUT}", Path(language))
        _link_sounds(folder / f"{language}_{CUT}", "next", prompts / language / "cut_off")
        _link_sounds(folder / f"{language}_{CUT}", "end", prompts / language / "thanks_waiting")
        for queue in hotline.queues:
            offers = line_offers(hotline, queue)
            for late in ("", LATE):
                spoken = f"{language}_{late}{queue}"
                _link(prompts / spoken, Path(language))
                end = offer_prompt(offers, late=bool(late))
                _link_sounds(folder / spoken, "end", prompts / language / end)


def _write_tone(target: Path) -> None:
    """The tone after which a message is spoken."""
    if target.exists():
        return
    time = np.arange(int(_RATE * _TONE_SECONDS)) / _RATE
    draft = target.with_suffix(".new")
    soundfile.write(draft, _TONE_LEVEL * np.sin(2 * np.pi * _TONE_HZ * time), _RATE, format="RAW", subtype="ULAW")
    draft.replace(target)


def _link_sounds(folder: Path, name: str, sound: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for ending, _, _ in FORMATS:
        _link(folder / f"{name}.{ending}", sound.with_name(f"{sound.name}.{ending}"))


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
