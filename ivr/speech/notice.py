"""Putting the emergency notice up (S20): spoken by the prompts' engines first, in force only when it can be heard."""

import datetime as dt
from collections.abc import Mapping

from ivr.calls.notice import NO_NOTICE, Notice, NoticeBoard, NoticeUnusable, checked
from ivr.hotline import Hotline, Language
from ivr.settings import Settings
from ivr.speech.build import build, engines
from ivr.speech.prompts import PromptStore, notice_prompts


def put_up(
    settings: Settings, hotline: Hotline, texts: Mapping[Language, str], until: dt.datetime | None, now: dt.datetime
) -> Notice:
    """Speak a notice and put it in force for the next caller; without an `until` it stays until it is taken down.

    Callers of a language without a text hear the first language's. Raises NoticeUnusable; what was in force
    stays then.
    """
    default = hotline.languages[0]
    notice = checked({lang: text for lang, text in texts.items() if lang in hotline.languages}, until, now)
    if default not in notice.texts:
        raise NoticeUnusable("A notice needs words in the hotline's first language.", f"write it in {default} too")
    store = PromptStore(settings.paths, hotline)
    store.prompts = notice_prompts(hotline, {str(lang): text for lang, text in notice.texts.items()})
    report = build(store, engines(settings, settings.voice_engine), settings.cache_dir, now)
    silent = [made.key for made in report.prompts if made.result in ("failed", "kept_old")]
    if silent:
        why = "; ".join(report.unavailable.values()) or "; ".join(report.prompts[0].warnings)
        raise NoticeUnusable(f"No engine could speak {silent[0]}: {why}", "try again, or shorten the text")
    NoticeBoard.of(settings.paths).write(notice)
    return notice


def take_down(settings: Settings) -> None:
    """No caller hears the notice from now on."""
    board = NoticeBoard.of(settings.paths)
    board.write(board.read().model_copy(update={"on": False}))


def current(settings: Settings, now: dt.datetime) -> Notice:
    """The notice callers hear at `now`, or one that is off."""
    notice = NoticeBoard.of(settings.paths).read()
    return notice if notice.in_force(now) else NO_NOTICE
