"""The smallest parts of the business file: languages, words, numbers, and what every part has in common."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Language = Literal["zh-CN", "en"]
Texts = dict[Language, str]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
WorkNumber = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{2,5}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9]$")]
DialNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,15}$")]
Seconds = Annotated[int, Field(ge=0, le=86400)]
Level = Annotated[int, Field(ge=1, le=9)]

LABEL = re.compile(r"[\w ·、，。（）/+-]{1,60}")
"""What can be shown on an agent's phone as it stands."""

PERSON_KEY = "0"
"""The key that reaches a person at every point (S16)."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


SHORT = "_short"
"""Ends the id of a prompt's shorter wording, for who calls again."""
