"""The service standards as rules: read from rules.yaml, checked, so that a quality lead can read and change them."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ivr.errors import IvrError
from ivr.quality.talk import Announcement

RULES_FILE = Path(__file__).parent / "rules.yaml"

Phrase = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
Phrases = Annotated[list[Phrase], Field(min_length=1)]
Standard = Annotated[str, StringConstraints(pattern=r"^S([1-9]|[12][0-9]|3[0-5])$")]
Weight = Annotated[float, Field(gt=0, le=100)]


class RulesFileError(IvrError):
    """The rules cannot be used: which field, and what is allowed."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Text(Strict):
    """A text in both of the page's languages."""

    zh: Annotated[str, Field(alias="zh-CN", min_length=1)]
    en: Annotated[str, Field(min_length=1)]

    def by_language(self) -> dict[str, str]:
        return {"zh-CN": self.zh, "en": self.en}


class Window(Strict):
    """The part of the talk a rule looks at, in seconds after the agent's answer or before the end."""

    after_answer: Annotated[float, Field(ge=-10)] = 0.0
    until_after_answer: float | None = None
    before_end: Annotated[float, Field(gt=0)] | None = None


class Part(Strict):
    """One thing that has to be said, in any of its phrasings.

    `telling` are the words of which one has to be among what was heard, however well the rest fits.
    `hotline_says`: the hotline's own announcement counts too.
    """

    id: str
    label: Text
    phrases: Phrases
    telling: list[Phrase] = []
    hotline_says: Announcement | None = None


class Forbidden(Strict):
    """Words never to say (S30): `instead` what to say, `unless` phrases around them that make them harmless.

    `grave` fails the whole card. `alone`: counts only with a pause on both sides. `opener`: only as the first
    word after a pause. `tolerated`: so many times it does not count.
    """

    phrases: Phrases
    instead: Text
    unless: list[Phrase] = []
    grave: bool = False
    alone: bool = False
    opener: bool = False
    tolerated: Annotated[int, Field(ge=0)] = 0


class Rule(Strict):
    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,40}$")]
    standard: Standard
    weight: Weight
    label: Text
    advice: Text


class SaysAll(Rule):
    """Every part has to be said within the window."""

    kind: Literal["says_all"]
    window: Window = Window()
    parts: Annotated[list[Part], Field(min_length=1)]


class SaysSome(Rule):
    """At least so many different ones of the parts have to be said."""

    kind: Literal["says_some"]
    window: Window = Window()
    at_least: Annotated[int, Field(ge=1)]
    parts: Annotated[list[Part], Field(min_length=1)]

    @model_validator(mode="after")
    def _reachable(self) -> "SaysSome":
        if self.at_least > len(self.parts):
            raise ValueError(f"at_least: allowed: 1 to {len(self.parts)}")
        return self


class NeverSays(Rule):
    """None of the words may be said."""

    kind: Literal["never_says"]
    window: Window = Window()
    words: Annotated[list[Forbidden], Field(min_length=1)]


class CallerHangsUpFirst(Rule):
    """The caller puts the phone down first (S9)."""

    kind: Literal["caller_hangs_up_first"]


AnyRule = Annotated[SaysAll | SaysSome | NeverSays | CallerHangsUpFirst, Field(discriminator="kind")]


class Recognition(Strict):
    """How far the recogniser is believed (confidences 0 to 1).

    `heard`: a phrase counts as said. `accused`: words held against an agent. `grave`: words that fail a card.
    `leg`: below this mean a leg proves nothing by what is missing in it; `demonstration_leg`: the same for words
    of the demonstration model. `words`: nor does a leg with fewer characters.
    `slack`, `accused_slack`: tolerated wrong syllables as a share of a phrase's length.
    """

    heard: Annotated[float, Field(ge=0, le=1)]
    accused: Annotated[float, Field(ge=0, le=1)]
    grave: Annotated[float, Field(ge=0, le=1)]
    leg: Annotated[float, Field(ge=0, le=1)]
    demonstration_leg: Annotated[float, Field(ge=0, le=1)]
    words: Annotated[int, Field(ge=1)]
    slack: Annotated[float, Field(ge=0, le=0.5)]
    accused_slack: Annotated[float, Field(ge=0, le=0.3)]


class RuleBook(Strict):
    """All rules, with what they have in common. `harmless` phrases are never evidence against anybody."""

    recognition: Recognition
    harmless: list[Phrase]
    rules: Annotated[list[AnyRule], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> "RuleBook":
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError("two rules have the same id")
        return self


def load_rules(path: Path = RULES_FILE) -> RuleBook:
    """Read and check the rules; raises RulesFileError naming the field."""
    try:
        return RuleBook.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RulesFileError(f"{path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RulesFileError(f"{path} is not YAML: {str(error).splitlines()[0]}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RulesFileError(f"{path}: {where}: {first['msg']}.") from error


@lru_cache(maxsize=1)
def default_rules() -> RuleBook:
    """The rules that ship with the product."""
    return load_rules()
