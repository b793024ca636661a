"""The business: what a supervisor decides about numbers, menus, queues, agents and callers."""

# ruff: noqa: RUF012  (pydantic copies a default for each instance; ruff sees its models only within one file)
import datetime as dt
import ipaddress
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from ivr.hotline.calendar import DayCalendar, read_exception
from ivr.hotline.hours import Hours, Spans, is_within
from ivr.hotline.kinds import DialNumber, Key, Language, Level, Seconds, Strict, Texts, Word, WorkNumber
from ivr.hotline.surveys import Outbound, ShortWord, Survey

FAR_DAYS = 60
"""No opening is looked for beyond so many days."""


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
    """Who speaks a language: edge-tts voice and rate; espeak-ng voice and words a minute as fallback.

    Voices are names as `edge-tts --list-voices` and `espeak-ng --voices` show them, the latter with a +variant if
    wanted: they go into a program's arguments and a service's markup, and name no file.
    """

    edge: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$", max_length=64)]
    rate: Annotated[str, StringConstraints(pattern=r"^[+-][0-9]{1,3}%$")] = "+0%"
    espeak: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*(\+[A-Za-z0-9_-]+)?$", max_length=64)
    ]
    espeak_rate: Annotated[int, Field(ge=80, le=400)] = 150

    def brisk(self) -> "Voice":
        """The same voice, a quarter faster."""
        faster = f"{min(100, int(self.rate[:-1]) + 25):+}%"
        return self.model_copy(update={"rate": faster, "espeak_rate": min(400, round(self.espeak_rate * 1.25))})


class Option(Strict):
    """What a key of a menu leads to: a queue, a deeper menu, another language, a message, or an information.

    `message`: the queue a message is left for (S12); `say`: the prompt that is read out, with a repeat (S6).
    """

    label: Texts
    queue: Word | None = None
    menu: Word | None = None
    language: Language | None = None
    message: Word | None = None
    say: Word | None = None

    @model_validator(mode="after")
    def _one_target(self) -> "Option":
        targets = (self.queue, self.menu, self.language, self.message, self.say)
        if sum(target is not None for target in targets) != 1:
            raise ValueError("allowed: exactly one of queue, menu, language, message, say")
        return self


class Menu(Strict):
    options: Annotated[dict[Key, Option], Field(min_length=1)]
    prompt: Word | None = None


class Queue(Strict):
    """Callers waiting for the same agents.

    `agents`: work numbers, or work number → level (1 is rung first, 2 when no 1 is free, …). `weight`: an agent
    free in two queues takes the heavier first. `overflow`: the queue that takes callers when this one is closed,
    or after `overflow_after_seconds` of waiting. `ring_seconds`: until the next agent is tried (S1). `music`: the
    folder under prompts/music. `callback`, `message`: whether a waiting caller is offered them (S7, S10, S12).
    """

    label: Texts
    hours: Hours
    overflow: Word | None = None
    overflow_after_seconds: Annotated[int, Field(ge=30, le=3600)] | None = None
    strategy: Literal["leastrecent", "fewestcalls", "rrmemory", "linear", "ringall", "random"] = "leastrecent"
    weight: Annotated[int, Field(ge=0, le=99)] = 0
    ring_seconds: Annotated[int, Field(ge=5, le=15)] = 15
    wrap_up_seconds: Annotated[int, Field(ge=0, le=600)] = 0
    music: Word = "default"
    callback: bool = True
    message: bool = True
    agents: Annotated[dict[WorkNumber, Level], Field(min_length=1)]

    @field_validator("hours", mode="before")
    @classmethod
    def _read_hours(cls, value: object) -> Hours:
        return Hours.parse(value)

    @field_validator("agents", mode="before")
    @classmethod
    def _level_agents(cls, value: object) -> object:
        return dict.fromkeys(value, 1) if isinstance(value, list) else value


class Agent(Strict):
    """Somebody who takes calls. `login`: `phone` (on duty while the phone is registered and nobody logged out) or
    `pin` (logs in with a PIN at any desk). `team`: who may listen in; `supervises`: the teams this one may."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    login: Literal["phone", "pin"] = "phone"
    team: Word = "service"
    supervises: list[Word] = []


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


class Calendar(Strict):
    """`holidays`: `cn` are China's public holidays with their make-up working days; `none` knows no holidays."""

    holidays: Literal["cn", "none"] = "cn"
    exceptions: dict[dt.date, Annotated[str, Field(max_length=100)]] = {}
    """Own days: `closed`, `open`, or hours such as "09:00-12:00"; they count for every queue that is not `always`."""

    @field_validator("exceptions")
    @classmethod
    def _readable(cls, value: dict[dt.date, str]) -> dict[dt.date, str]:
        for text in value.values():
            try:
                read_exception(text)
            except ValueError as error:
                raise ValueError(f"{error}; or closed, or open") from error
        return value

    @property
    def days(self) -> DayCalendar:
        """Which day is what."""
        return DayCalendar(self.holidays == "cn", self.exceptions)


class Waiting(Strict):
    """S7: what a waiting caller is told and offered."""

    announce_seconds: Annotated[int, Field(ge=15, le=300)] = 45
    choice_after_seconds: Annotated[int, Field(ge=30, le=1800)] = 180
    """Past so long an expected (or real) wait the caller is offered a callback or a message."""


class Callbacks(Strict):
    """S10: how a caller who asked for it is called back. `retry_minutes`: pause after each attempt that failed."""

    trunk: Word | None = None
    ring_seconds: Annotated[int, Field(ge=10, le=60)] = 30
    retry_minutes: list[Annotated[float, Field(gt=0, le=1440)]] = [5, 30]
    window: str = "08:00-21:00"
    abandoned: bool = False
    """Whether callers who gave up waiting are called back too."""
    abandoned_after_seconds: Seconds = 20

    @field_validator("window")
    @classmethod
    def _one_span(cls, value: str) -> str:
        Hours.parse({"mon-sun": value})
        return value


class Callers(Strict):
    """What a number says about who calls. `elder_age`: from this age on callers reach a person without a menu."""

    elder_age: Annotated[int, Field(ge=50, le=120)] = 65
    returning_days: Annotated[int, Field(ge=0, le=90)] = 7
    key_queue: Word | None = None
    """The queue of key customers (S22); else the one they ask for, before all others."""
    last_agent_days: Annotated[int, Field(ge=0, le=365)] = 30


class Messages(Strict):
    """S12: how long a message may be, seconds."""

    max_seconds: Annotated[int, Field(ge=15, le=600)] = 120
    min_seconds: Annotated[float, Field(ge=0.5, le=10)] = 2


class Rating(Strict):
    """After the talk: asked from 1 to 5; `low` and below becomes a case (S26)."""

    ask: bool = True
    low: Annotated[int, Field(ge=1, le=4)] = 2


class Email(Strict):
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    sender: str
    to: Annotated[list[str], Field(min_length=1)]


class Notify(Strict):
    """S21: who is told of new cases beside the page; the secrets come from the environment."""

    email: Email | None = None
    webhook: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")] | None = None


class ServiceLevel(Strict):
    """S33: at least `percent` of calls answered within `seconds`; who gives up before `short_abandon_seconds` has
    not waited long enough to count."""

    percent: Annotated[float, Field(gt=0, le=100)] = 80
    seconds: Annotated[int, Field(gt=0)] = 20
    short_abandon_seconds: Annotated[int, Field(ge=0, le=60)] = 5


class Standards(Strict):
    service_level: ServiceLevel = ServiceLevel()
    connection_rate: Annotated[float, Field(gt=0, le=100)] = 95
    hold_reminder_seconds: list[Annotated[int, Field(ge=10, le=1800)]] = [60, 180]
    """S7: when an agent is reminded of a caller on hold; after the last one the phone rings."""
    case_hours: Annotated[int, Field(ge=1, le=240)] = 24
    key_case_hours: Annotated[int, Field(ge=1, le=240)] = 4
    """S25, S22: first response to a case, hours; key customers faster."""
    resolve_days: Annotated[int, Field(ge=1, le=30)] = 3
    key_resolve_days: Annotated[int, Field(ge=1, le=30)] = 1
    """S25, S22: a case is put right within so many working days; the day it is opened does not count."""


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
    calendar: Calendar = Calendar()
    waiting: Waiting = Waiting()
    callbacks: Callbacks = Callbacks()
    callers: Callers = Callers()
    messages: Messages = Messages()
    rating: Rating = Rating()
    pause_reasons: dict[Key, Texts] = {}
    dispositions: dict[Word, Texts] = {}
    notify: Notify = Notify()
    outbound: Outbound = Outbound()
    surveys: dict[ShortWord, Survey] = {}
    departments: dict[Word, Texts] = {}
    """Who answers for a case (S25); a survey names the one for what its customers complain of."""
    standards: Standards = Standards()

    @property
    def languages(self) -> list[Language]:
        return self.hotline.languages

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.hotline.timezone)

    @property
    def return_trunk(self) -> str | None:
        """By which trunk agents call customers back about a case."""
        return self.outbound.trunk or self.callbacks.trunk

    def menu_prompt(self, menu: str) -> str:
        """The id of the prompt that reads a menu out."""
        return self.menus[menu].prompt or f"menu_{menu}"

    def is_open(self, queue: str, now: dt.datetime) -> bool:
        """Whether a queue itself takes callers at `now`."""
        local = now.astimezone(self.zone)
        return is_within(self._spans(queue, local.date()), local)

    def open_queue(self, queue: str, now: dt.datetime) -> str | None:
        """The queue that takes a caller at `now`: itself, else its overflow, else None when all are closed."""
        return next((name for name in self._chain(queue) if self.is_open(name, now)), None)

    def next_opening(self, queue: str, now: dt.datetime) -> dt.datetime | None:
        """When a caller for `queue` reaches somebody: `now` where it or an overflow is open; None within FAR_DAYS."""
        if self.open_queue(queue, now) is not None:
            return now
        local = now.astimezone(self.zone)
        for day in (local.date() + dt.timedelta(days=ahead) for ahead in range(FAR_DAYS)):
            midnight = dt.datetime.combine(day, dt.time(), self.zone)
            # Reckoned in wall-clock minutes: a day on which the clocks change keeps its opening time.
            starts = (
                midnight + dt.timedelta(minutes=start)
                for name in self._chain(queue)
                for start, _ in self._spans(name, day)
            )
            later = [start for start in starts if start > local]
            if later:
                return min(later)
        return None

    def _spans(self, queue: str, day: dt.date) -> Spans:
        hours = self.queues[queue].hours
        return hours.spans[day.weekday()] if hours.always else self.calendar.days.spans(day, hours.spans)

    def _chain(self, queue: str) -> list[str]:
        """A queue and those that take over from it, one after the other."""
        chain: list[str] = []
        current: str | None = queue
        while current is not None and current not in chain:
            chain.append(current)
            current = self.queues[current].overflow
        return chain

    def may_listen(self, supervisor: str, agent: str) -> bool:
        """Whether a supervisor may listen to an agent's calls: own team only (S24)."""
        return self.agents[agent].team in self.agents[supervisor].supervises
