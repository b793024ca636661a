"""When a customer wants to be called, in their own words (S26): "明天下午三点" becomes a moment, or nothing where it is
not plain. Pure: whoever asks for less than certainty gets a person to listen instead."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ivr.surveys.policy import Windows

FURTHEST = dt.timedelta(days=31)
"""Nobody is promised a call later than this by a rule."""

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_NUM = "[0-9零〇一二两三四五六七八九十]+"
_WEEKDAYS = {name: day for day, names in enumerate(("一", "二", "三", "四", "五", "六末", "日天")) for name in names}
_MINUTES = {"半": 30, "一刻": 15, "三刻": 45}

_BUSY_NOW = re.compile(
    r"我?(?:现在|这会儿|今天|目前)?(?:有点|很|比较|正)?(?:没有?空|没有?时间|不太?方便|在开会|在忙|在开车|很忙)"
)
_POLITE = re.compile(r"不好意思|不用客气|没关系|没问题")
_NOT_PLAIN = re.compile(
    r"[不别没甭勿差]|除了|取消|投诉|以前|之前|下个?月|前天|昨天|上个?(?:周|星期|礼拜)|[快慢早有]一?点"
)
_RANGE_END = re.compile(rf"[到至](?:{_NUM})点(?:钟|整|半|一刻|三刻|(?:{_NUM})分)?")
_OR = re.compile(r"或者?|都行|都可以")

_AFTERWARDS = "(?:以后|之后|过后|后)"
_AFTER = re.compile(
    rf"(?P<n>{_NUM}|半)个?(?P<half>半)?(?P<unit>小时|钟头|分钟){_AFTERWARDS}?"
    rf"|(?:过(?P<n_days>{_NUM})个?(?P<days>天|星期|周)|(?P<n_after>{_NUM})个?(?P<days_after>天|星期|周){_AFTERWARDS})"
)
_LATER_ON = re.compile(r"(?:晚|迟)一?点儿?|晚些时候|晚一些")
_SOON = re.compile(r"[过等待]?一?会儿|[等待]会")
_ANY_TIME = re.compile(r"随便|随时|什么时候都(?:行|可以)|任何时间")
_CLOCK = re.compile(
    rf"(?P<hour>{_NUM})点(?:钟|整)?(?P<past>半|一刻|三刻|(?P<minutes>{_NUM})(?:分|(?![点零〇一二两三四五六七八九十0-9])))?"
)
_DAY = re.compile(
    rf"(?P<near>大后[天日]|后[天日]|[明今](?:[天日儿]|(?=[早晚上下中])))"
    rf"|(?:(?P<month>{_NUM})月份?)?(?P<date>{_NUM})[号日]"
    rf"|(?P<week>下下|下|这|本)?个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末])"
    rf"|(?P<next_week>下)个?(?:周|星期|礼拜)"
)
_PART = re.compile(r"凌晨|半夜|早上|早晨|清早|上午|中午|下午|傍晚|晚上|夜里|早|晚")
_FILLING = re.compile(
    r"请|麻烦|你们|您|你|我们|我|给|打电话|电话|打来|打过来|打|回电|再|联系|方便|有空|有时间|时间|时候|左右|前后|以后|之后"
    r"|可以|好的|好吧|好|行|那就|那|就|吧|呢|了|的|在|来|去|嗯|啊|呃|哦|诶|这个|一下|谢谢|大概|大约|应该|比较|想|要|是"
)
_REST = 4
"""Characters that nobody made sense of, and yet the rest is believed."""

_NEAR = {"今": 0, "明": 1, "后": 2, "大": 3}
_PARTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("早上", "早晨", "清早", "早", "上午"), (0, 720)),
    **dict.fromkeys(("凌晨", "半夜"), (0, 360)),
    "中午": (690, 840),
    "下午": (840, 1080),
    "傍晚": (1020, 1140),
    **dict.fromkeys(("晚上", "夜里", "晚"), (1080, 1440)),
}
"""Minutes since midnight; a bare 下午 is when people are back from lunch."""
_ANY_PART = (540, 1440)
"""A day without an hour: not the first thing in the morning."""
_DAY_LONG, _WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
_SOON_IS, _LATER_IS = dt.timedelta(hours=1), dt.timedelta(hours=3)


_T = TypeVar("_T")


class _NotPlain(Exception):
    """There is no one meaning."""


@dataclass
class _Said:
    """What is left of the words while meanings are taken out of them."""

    words: str
    either: bool
    offsets: list[dt.timedelta] = field(default_factory=list)
    vaguely: dt.timedelta | None = None
    days: list[tuple[dt.date, ...]] = field(default_factory=list)
    """Each with the dates that it can mean, the likeliest first."""
    parts: list[str] = field(default_factory=list)
    clocks: list[tuple[int, int]] = field(default_factory=list)

    def take(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        found = list(pattern.finditer(self.words))
        self.words = pattern.sub(" ", self.words)
        return found


def understand(words: str, said_at: dt.datetime, windows: Windows) -> dt.datetime | None:
    """The moment that was plainly meant, at which this survey's customers may be rung; None: a person has to listen.

    `words` as the recogniser wrote them (Chinese); what was said `said_at` counts from then.
    """
    try:
        moment = _meant(_read(words, said_at.astimezone(windows.zone).date()), said_at, windows)
    except (_NotPlain, OverflowError, ValueError):
        return None
    plain = moment is not None and said_at < moment <= said_at + FURTHEST and windows.is_open(moment)
    return moment if plain else None


def _read(words: str, today: dt.date) -> _Said:
    text = _POLITE.sub("", _BUSY_NOW.sub("", re.sub(r"[\s，。、？！,.?!]", "", words)))
    if _NOT_PLAIN.search(text):
        raise _NotPlain
    said = _Said(_RANGE_END.sub("", text), either=bool(_OR.search(text)))
    any_time = said.take(_ANY_TIME)
    said.take(_OR)
    _read_offset(said, today, vague=bool(any_time))
    said.days += [_dates(match, today) for match in said.take(_DAY)]
    said.clocks = [_clock(match) for match in said.take(_CLOCK)]
    said.parts = [match.group() for match in said.take(_PART)]
    if len(_FILLING.sub("", said.words).replace(" ", "")) > _REST:
        raise _NotPlain
    return said


def _read_offset(said: _Said, today: dt.date, *, vague: bool) -> None:
    for match in said.take(_AFTER):
        days = match["days"] or match["days_after"]
        if days:
            amount = _number(match["n_days"] or match["n_after"])
            said.days.append((today + amount * (_DAY_LONG if days == "天" else _WEEK),))
            continue
        halves = 1 if match["n"] == "半" else 2 * _number(match["n"]) + bool(match["half"])
        said.offsets.append(halves * dt.timedelta(minutes=0.5 if match["unit"] == "分钟" else 30))
    if said.take(_LATER_ON):
        said.vaguely = _LATER_IS
    if said.take(_SOON) or (vague and said.vaguely is None):
        said.vaguely = said.vaguely or _SOON_IS


def _meant(said: _Said, said_at: dt.datetime, windows: Windows) -> dt.datetime | None:
    days, parts = _one(said.days, said.either), _one(said.parts, said.either)
    clocks, offsets = _one(said.clocks, said.either), _one(said.offsets, said.either)
    today = said_at.astimezone(windows.zone).date()
    dates = days[0] if days else ()
    if offsets:
        return None if days or parts or clocks else said_at + offsets[0]
    if parts or clocks:
        dates = dates or (today, today + _DAY_LONG)
    elif said.vaguely is not None:
        until = _moment(windows, today, 1440)
        return windows.next_open(said_at + said.vaguely, until=until) if dates in ((), (today,)) else None
    moments = (_on(day, parts, clocks, said_at, windows) for day in dates)
    return next((moment for moment in moments if moment is not None), None)


def _on(
    day: dt.date, parts: Sequence[str], clocks: Sequence[tuple[int, int]], said_at: dt.datetime, windows: Windows
) -> dt.datetime | None:
    """The moment on this day; None: it is over, or nobody may be rung then. Raises _NotPlain where two are meant."""
    if clocks:
        moments = (_moment(windows, day, minute) for minute in _readings(*clocks[0], parts))
        possible = [at for at in moments if at > said_at and windows.is_open(at)]
        if len(possible) > 1:
            raise _NotPlain
        return possible[0] if possible else None
    start, end = _PARTS[parts[0]] if parts else _ANY_PART
    return windows.next_open(max(said_at + _SOON_IS, _moment(windows, day, start)), until=_moment(windows, day, end))


def _readings(hour: int, minute: int, parts: Sequence[str]) -> Iterator[int]:
    """The minutes of a day that an hour can mean: 三点 alone is either of two."""
    if hour > 24 or minute > 59:
        raise _NotPlain
    start, end = _PARTS[parts[0]] if parts else (0, 1440)
    early = parts and parts[0] in ("下午", "傍晚")
    for reading in {hour, hour + 12 if hour < 12 else hour}:
        at = reading * 60 + minute
        if (720 if early else start) <= at < end or (parts and at == end and end == 720):
            yield at


def _one(found: Sequence[_T], either: bool) -> list[_T]:
    """The one that was said, of several the first where either will do."""
    different = list(dict.fromkeys(found))
    if len(different) > 1 and not either:
        raise _NotPlain
    return different[:1]


def _dates(match: re.Match[str], today: dt.date) -> tuple[dt.date, ...]:
    if match["near"]:
        return (today + dt.timedelta(days=_NEAR[match["near"][0]]),)
    if match["date"]:
        return (_date(_number(match["date"]), _number(match["month"]) if match["month"] else None, today),)
    monday = today - dt.timedelta(days=today.weekday())
    if match["next_week"]:
        return (monday + _WEEK,)
    day = monday + dt.timedelta(days=_WEEKDAYS[match["weekday"]])
    if match["week"]:
        return (day + {"下": 1, "下下": 2}.get(match["week"], 0) * _WEEK,)
    return (day, day + _WEEK) if day >= today else (day + _WEEK,)


def _date(day: int, month: int | None, today: dt.date) -> dt.date:
    """The next such date; raises ValueError where there is none."""
    if month is not None:
        this_year = dt.date(today.year, month, day)
        return this_year if this_year >= today else dt.date(today.year + 1, month, day)
    if day >= today.day:
        return today.replace(day=day)
    following = today.replace(day=28) + dt.timedelta(days=4)
    return following.replace(day=day)


def _clock(match: re.Match[str]) -> tuple[int, int]:
    past = match["past"] or ""
    return _number(match["hour"]), _MINUTES.get(past, _number(match["minutes"]) if match["minutes"] else 0)


def _number(text: str) -> int:
    """A number below 100 as it is written in Arabic or Chinese; raises _NotPlain."""
    if text.isascii():
        return int(text) if len(text) < 4 else _refuse()
    tens, ten, ones = text.partition("十")
    if not ten:
        return int("".join(str(_DIGITS.get(one, one)) for one in tens)) if len(tens) < 4 else _refuse()
    if len(tens) > 1 or len(ones) > 1 or "十" in ones:
        return _refuse()
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[ones] if ones else 0)


def _refuse() -> int:
    raise _NotPlain


def _moment(windows: Windows, day: dt.date, minute: int) -> dt.datetime:
    """A moment of the business's wall clock; minute 1440 is the next midnight."""
    wall = dt.datetime.combine(day, dt.time(), windows.zone) + dt.timedelta(minutes=minute)
    return wall.astimezone(dt.UTC)
