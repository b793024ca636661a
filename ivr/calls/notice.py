"""The emergency notice (S20): a spoken text before the menu, in force at once and until it ends by itself."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from ivr.errors import IvrError
from ivr.hotline import Language
from ivr.settings import StatePaths

PROMPT = "notice"
"""The prompt's id: its sound lies where the other prompts' sounds lie."""

LONGEST = 300
"""Characters of a notice; about a minute."""

FOREVER = 9_999_999_999
"""The end of a notice without one, epoch seconds."""

_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")


class NoticeUnusable(IvrError):
    """A notice without words, too long a one, or one that is over already."""


class Notice(BaseModel):
    """A notice: its texts by language, whether it is on, and when it ends (None: when somebody ends it)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: dict[Language, str]
    on: bool = True
    until: AwareDatetime | None = None

    def in_force(self, now: datetime) -> bool:
        """Whether callers hear it at `now`."""
        return self.on and (self.until is None or now < self.until)


NO_NOTICE = Notice(texts={}, on=False)


def checked(texts: Mapping[Language, str], until: datetime | None, now: datetime) -> Notice:
    """A notice that can be put in force; raises NoticeUnusable."""
    said = {language: " ".join(text.split()) for language, text in texts.items() if text.strip()}
    if not said:
        raise NoticeUnusable("A notice needs words.", 'say them: `ivr notice on "…"`')
    if any(len(text) > LONGEST for text in said.values()):
        raise NoticeUnusable(f"A notice has at most {LONGEST} characters.", "callers wait while it is spoken")
    if until is not None and until <= now:
        raise NoticeUnusable("The notice would be over already.", "choose a later end")
    return Notice(texts=said, until=until)


def read_end(text: str, now: datetime) -> datetime:
    """When a notice ends: "18:00" (the next one after `now`), or "2026-12-31 18:00", in the time zone of `now`.

    Raises NoticeUnusable.
    """
    if _TIME.fullmatch(text):
        end = now.replace(hour=int(text[:-3]), minute=int(text[-2:]), second=0, microsecond=0)
        return end if end > now else end + timedelta(days=1)
    try:
        end = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoticeUnusable(f"{text!r} is no time.", "write 18:00, or 2026-12-31 18:00") from error
    return end if end.utcoffset() is not None else end.replace(tzinfo=now.tzinfo)


@dataclass(frozen=True)
class NoticeBoard:
    """Where the notice of an instance stands.

    `file` is the notice; `end_file` holds the second it ends, for the dialplan, which plays the notice when no
    Python is there to read more.
    """

    file: Path
    end_file: Path

    @classmethod
    def of(cls, paths: StatePaths) -> "NoticeBoard":
        return cls(paths.state / "notice.json", paths.state / "notice-ends")

    def read(self) -> Notice:
        """The notice as it was written last; none, when there is none or it cannot be read."""
        try:
            return Notice.model_validate_json(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return NO_NOTICE

    def write(self, notice: Notice) -> None:
        """Put a notice up, or take it down (on=False); its sound must be there already. Raises OSError."""
        ends = int(notice.until.timestamp()) if notice.until else FOREVER
        if not notice.on:
            self.end_file.unlink(missing_ok=True)
        _replace(self.file, json.dumps(notice.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n")
        if notice.on:
            _replace(self.end_file, str(ends))


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(file)
