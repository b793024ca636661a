"""The business in one file: its model, its loader, and messages that name the line."""

import datetime as dt
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from ivr.errors import IvrError

Language = Literal["zh-CN", "en"]
Texts = dict[Language, str]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
WorkNumber = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{2,5}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9]$")]
DialNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,15}$")]

PERSON_KEY = "0"
"""The key that reaches a person at every point (S16)."""


class HotlineFileError(IvrError):
    """The business file cannot be used: file, line, field, and what is allowed."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Company(Strict):
    name: Texts


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("allowed: a time zone's name such as Asia/Shanghai") from error
    return value


class Number(Strict):
    number: DialNumber
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    languages: Annotated[list[Language], Field(min_length=1)] = ["zh-CN"]


class Voice(Strict):
    """Who speaks a language: edge-tts voice and rate; espeak-ng voice and words a minute as fallback."""

    edge: str
    rate: Annotated[str, StringConstraints(pattern=r"^[+-][0-9]{1,3}%$")] = "+0%"
    espeak: str
    espeak_rate: Annotated[int, Field(ge=80, le=400)] = 150


class Option(Strict):
    """What a key of a menu leads to: a queue, a deeper menu, or another language."""

    label: Texts
    queue: Word | None = None
    menu: Word | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "Option":
        if sum(target is not None for target in (self.queue, self.menu, self.language)) != 1:
            raise ValueError("allowed: exactly one of queue, menu, language")
        return self


class Menu(Strict):
    options: Annotated[dict[Key, Option], Field(min_length=1)]
    prompt: Word | None = None


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$")


class Hours(Strict):
    """Weekly opening spans per weekday (0 = Monday), minutes since midnight, end exclusive."""

    spans: dict[int, tuple[tuple[int, int], ...]]

    @classmethod
    def parse(cls, value: object) -> "Hours":
        """Read `always` or `{mon-fri: "08:00-12:00, 13:00-17:30"}`; raises ValueError otherwise."""
        if value == "always":
            return cls(spans=dict.fromkeys(range(7), ((0, 1440),)))
        if not isinstance(value, dict):
            raise ValueError('allowed: always, or days with hours such as {mon-fri: "08:00-17:30"}')
        spans: dict[int, tuple[tuple[int, int], ...]] = {}
        for days, hours in value.items():
            for day in _days(str(days)):
                spans[day] = tuple(_span(part.strip()) for part in str(hours).split(","))
        return cls(spans=spans)

    def is_open(self, local: dt.datetime) -> bool:
        """Whether the wall-clock moment `local` (already in the business's zone) is open."""
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.spans.get(local.weekday(), ()))


def _days(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if first not in _DAYS or (last and last not in _DAYS):
        raise ValueError(f"day {text!r}: allowed: mon … sun, or a span such as mon-fri")
    start, end = _DAYS.index(first), _DAYS.index(last or first)
    return [(start + offset) % 7 for offset in range((end - start) % 7 + 1)]


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.match(text)
    if match is None:
        raise ValueError(f'hours {text!r}: allowed: "08:00-17:30", several joined by commas')
    hour, minute, end_hour, end_minute = match.groups()
    start = int(hour) * 60 + int(minute)
    end = 1440 if end_hour is None else int(end_hour) * 60 + int(end_minute)
    if end <= start:
        raise ValueError(f"hours {text!r}: the end must come after the start")
    return start, end


class Queue(Strict):
    label: Texts
    hours: Hours
    overflow: Word | None = None
    strategy: Literal["leastrecent", "fewestcalls", "rrmemory", "linear", "ringall", "random"] = "leastrecent"
    ring_seconds: Annotated[int, Field(ge=5, le=60)] = 15
    wrap_up_seconds: Annotated[int, Field(ge=0, le=600)] = 0
    agents: Annotated[list[WorkNumber], Field(min_length=1)]

    @field_validator("hours", mode="before")
    @classmethod
    def _read_hours(cls, value: object) -> Hours:
        return Hours.parse(value)


class Agent(Strict):
    name: Annotated[str, StringConstraints(min_length=1, max_length=40)]


def _known_network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError("allowed: a network such as 192.0.2.0/24") from error
    return value


class Trunk(Strict):
    """A carrier, known by its address alone; calls from elsewhere are refused."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 5060
    allow: Annotated[list[Annotated[str, AfterValidator(_known_network)]], Field(min_length=1)]


class ServiceLevel(Strict):
    """S33: at least `percent` of calls answered within `seconds`."""

    percent: Annotated[float, Field(gt=0, le=100)] = 80
    seconds: Annotated[int, Field(gt=0)] = 20


class Standards(Strict):
    service_level: ServiceLevel = ServiceLevel()
    connection_rate: Annotated[float, Field(gt=0, le=100)] = 95


class Hotline(Strict):
    """Everything a supervisor decides about the business."""

    company: Company
    hotline: Number
    voices: dict[Language, Voice]
    menu_start: Word = "main"
    menus: Annotated[dict[Word, Menu], Field(min_length=1)]
    default_queue: Word
    queues: Annotated[dict[Word, Queue], Field(min_length=1)]
    agents: Annotated[dict[WorkNumber, Agent], Field(min_length=1)]
    trunks: dict[Word, Trunk] = {}
    standards: Standards = Standards()

    @property
    def languages(self) -> list[Language]:
        return self.hotline.languages

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.hotline.timezone)

    def menu_prompt(self, menu: str) -> str:
        """The id of the prompt that reads a menu out."""
        return self.menus[menu].prompt or f"menu_{menu}"

    def open_queue(self, queue: str, now: dt.datetime) -> str | None:
        """The queue that takes a caller at `now`: itself, else its overflow, else None when all are closed."""
        local, seen = now.astimezone(self.zone), set[str]()
        current: str | None = queue
        while current is not None and current not in seen:
            if self.queues[current].hours.is_open(local):
                return current
            seen.add(current)
            current = self.queues[current].overflow
        return None


def load_hotline(path: Path) -> Hotline:
    """Read and check the business file; raises HotlineFileError naming file, line, field and what is allowed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise HotlineFileError(f"{path}: {reason}.", "set IVR_HOTLINE_FILE to a readable business file") from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_duplicates(path, root)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise HotlineFileError(f"{path}:{line}: not YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise HotlineFileError(f"{path}:1: not YAML: {str(error).splitlines()[0]}.") from error
    if not isinstance(data, dict):
        raise HotlineFileError(f"{path}:1: allowed: the fields {', '.join(Hotline.model_fields)}.")
    try:
        hotline = Hotline.model_validate(data)
    except ValidationError as error:
        raise HotlineFileError("; ".join(_describe(path, root, e) for e in error.errors()[:5])) from error
    for where, problem in _broken_references(hotline):
        raise HotlineFileError(f"{path}:{_line(root, where)}: {_field(where)}: {problem}")
    return hotline


def _broken_references(hotline: Hotline) -> list[tuple[tuple[str | int, ...], str]]:
    queues, menus, agents = ", ".join(hotline.queues), ", ".join(hotline.menus), ", ".join(hotline.agents)
    problems: list[tuple[tuple[str | int, ...], str]] = []
    if hotline.menu_start not in hotline.menus:
        problems.append((("menu_start",), f"no such menu; allowed: {menus}"))
    if hotline.default_queue not in hotline.queues:
        problems.append((("default_queue",), f"no such queue; allowed: {queues}"))
    for language in hotline.languages:
        if language not in hotline.voices:
            problems.append((("voices",), f"no voice for {language}"))
    for name, menu in hotline.menus.items():
        for key, option in menu.options.items():
            where = ("menus", name, "options", key)
            if option.queue and option.queue not in hotline.queues:
                problems.append(((*where, "queue"), f"no such queue; allowed: {queues}"))
            if option.menu and option.menu not in hotline.menus:
                problems.append(((*where, "menu"), f"no such menu; allowed: {menus}"))
            if option.language and option.language not in hotline.languages:
                problems.append(((*where, "language"), f"allowed: {', '.join(hotline.languages)}"))
            if key == PERSON_KEY and not option.queue:
                problems.append((where, "key 0 reaches a person (S16); allowed: a queue"))
    for name, queue in hotline.queues.items():
        if queue.overflow and queue.overflow not in hotline.queues:
            problems.append((("queues", name, "overflow"), f"no such queue; allowed: {queues}"))
        for index, agent in enumerate(queue.agents):
            if agent not in hotline.agents:
                problems.append((("queues", name, "agents", index), f"no such agent; allowed: {agents}"))
    return problems


def _refuse_duplicates(path: Path, node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise HotlineFileError(f"{path}:{key.start_mark.line + 1}: {key.value}: stands here twice")
            seen.add(key.value)
            _refuse_duplicates(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_duplicates(path, value)


def _describe(path: Path, root: yaml.Node | None, error: Any) -> str:
    where = tuple(part for part in error["loc"] if part != "[key]")
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown field"
    return f"{path}:{_line(root, where)}: {_field(where)}: {message}"


def _field(where: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in where)


def _line(node: yaml.Node | None, where: tuple[str | int, ...]) -> int:
    line = node.start_mark.line + 1 if node else 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
