"""Who calls: what is known of a number, from a file of this machine's own that is only read.

The file is written whole and put in its place at once (ivr/customers/book.py), so it is opened as unchanging:
no lock is taken, no call waits for a writer. Whatever is wrong with it, the caller is a stranger and is served.
"""

import logging
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from ivr.hotline import Language

logger = logging.getLogger(__name__)

_SHORTEST, _LONGEST = 3, 15
"""Digits of a telephone number (E.164); more, or fewer, are no number anybody has."""
_HOME_CODE = "86"
_UNSPOKEN = re.compile(r"[^\w ·]")
_NAME_LENGTH = 20


class CallerFacts(BaseModel):
    """What is known of a number; a stranger's fields are all empty.

    `agent`: a key customer's own agent; `last_agent`, `last_call_at`, `last_language`: of the last call that was
    answered or ended; `language`: written in the customer file.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    customer_id: int | None = None
    name: str = ""
    surname: str = ""
    title: str = ""
    key: bool = False
    elder: bool = False
    blocked: bool = False
    agent: str | None = None
    language: Language | None = None
    last_agent: str | None = None
    last_call_at: AwareDatetime | None = None
    last_language: Language | None = None

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_is_not_known(cls, data: Any) -> Any:
        """A language that is not spoken here must not make a key customer a stranger."""
        if not isinstance(data, dict):
            return data
        spoken = get_args(Language)
        unspoken = {name for name in ("language", "last_language") if data.get(name) not in spoken}
        return {name: value for name, value in data.items() if value is not None and name not in unspoken}

    @property
    def speaks(self) -> Language | None:
        """The language to greet in: the file's, else the one chosen last (S19)."""
        return self.language or self.last_language

    @property
    def shown(self) -> str:
        """Surname and title for an agent's screen (S2), without anything a dialplan could take for its own."""
        name = f"{self.surname}{self.title}" if self.surname else self.name
        return _UNSPOKEN.sub("", name)[:_NAME_LENGTH].strip()

    def called_since(self, now: datetime, days: int) -> bool:
        """Whether the last call was within `days`."""
        return self.last_call_at is not None and now - self.last_call_at <= timedelta(days=days)


STRANGER = CallerFacts()


@dataclass(frozen=True)
class CallerBook:
    """The file with what is known of each number (table `caller`: number, facts as JSON)."""

    file: Path

    def look_up(self, number: str) -> CallerFacts:
        """What is known of a number as the carrier delivered it; never raises, never waits."""
        written = ways_to_write(number)
        if not written:
            return STRANGER
        marks = ",".join("?" * len(written))
        try:
            uri = f"file:{quote(str(self.file))}?mode=ro&immutable=1"
            with closing(sqlite3.connect(uri, uri=True)) as book:
                found = dict(
                    book.execute(f"SELECT number, facts FROM caller WHERE number IN ({marks})", written).fetchall()
                )
            return next((CallerFacts.model_validate_json(found[way]) for way in written if way in found), STRANGER)
        except (sqlite3.Error, ValidationError) as error:
            if self.file.exists():
                # Not the error's text: it may hold the customer's data.
                logger.error("the caller book cannot be read: %s", type(error).__name__)
            return STRANGER


def ways_to_write(number: str) -> list[str]:
    """The digits under which a caller's number may be kept, likeliest first; none when it is withheld or malformed.

    Carriers deliver 13800138000 also as +8613800138000, 008613800138000 or 013800138000.
    """
    digits = number.removeprefix("+").removeprefix("00")
    if not (digits.isascii() and digits.isdigit() and _SHORTEST <= len(digits) <= _LONGEST):
        return []
    home = digits.removeprefix(_HOME_CODE)
    # A mobile number with the zero that some exchanges put before it; an area code keeps its own.
    mobile = home.removeprefix("0") if home.startswith("01") and len(home) == 12 else home
    return list(dict.fromkeys([digits, home, mobile, f"0{home}", f"00{digits}"]))
