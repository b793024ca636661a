"""When a visit ended, as programs and people write it."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

from ivr.errors import FieldError

EARLIEST = 2000
SLACK = dt.timedelta(minutes=10)
"""The sender's clock may be so much ahead of ours."""
ALLOWED = "2026-11-22T10:30:00+08:00, 2026-11-22 10:30, 2026/11/22"

_FIELD = "ended_at"
_TIME = re.compile(
    r"(?P<year>\d{4})\s*(?:[-/.]|年)\s*(?P<month>\d{1,2})\s*(?:[-/.]|月)\s*(?P<day>\d{1,2})\s*日?"
    r"(?:[T\s]\s*(?P<hour>\d{1,2})\s*[:时点]\s*(?P<minute>\d{1,2})\s*"
    r"(?:分?|[:分]\s*(?P<second>\d{1,2})(?:[.,]\d{1,9})?\s*秒?))?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)
_FULL_WIDTH = str.maketrans("０１２３４５６７８９：／－．", "0123456789:/-.")


def ended_at(text: str, zone: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """The moment in UTC, to the second; without a zone in it, it is the business's wall time.

    A day alone is its last minute, and an hour that a clock change repeats is the later one: nobody is rung sooner
    after a visit than the survey says. Raises FieldError for what is no time, and for times to come.
    """
    match = _TIME.fullmatch(text.strip().translate(_FULL_WIDTH))
    if match is None:
        raise FieldError(_FIELD, "time", "It is no time.", f"allowed: {ALLOWED}")
    given = match.groupdict()
    if given["hour"] is None and given["zone"]:
        raise FieldError(_FIELD, "time", "A day alone has no zone.", f"allowed: {ALLOWED}")
    wall, day_alone = _wall(given), given["hour"] is None
    not_yet = FieldError(_FIELD, "future", "It has not ended yet.", "send a visit when it has ended")
    if wall.year > now.year + 1:  # nor can every zone reckon with the last of all years
        raise not_yet
    moment = _in_zone(wall, zone) if given["zone"] is None else wall.replace(tzinfo=_offset(given["zone"]))
    if (wall.date() > now.astimezone(zone).date()) if day_alone else moment > now + SLACK:
        raise not_yet
    return moment.astimezone(dt.UTC)


def _wall(given: dict[str, str | None]) -> dt.datetime:
    day = [int(given[part] or 0) for part in ("year", "month", "day")]
    clock = [23, 59] if given["hour"] is None else [int(given[part] or 0) for part in ("hour", "minute", "second")]
    try:
        wall = dt.datetime(*day, *clock)  # type: ignore[arg-type]  # noqa: DTZ001  its zone comes after
    except ValueError as error:
        raise FieldError(_FIELD, "time", "There is no such time.", f"allowed: {ALLOWED}") from error
    if wall.year < EARLIEST:
        raise FieldError(_FIELD, "old", "It is too long ago.", f"allowed: from {EARLIEST} on")
    return wall


def _in_zone(wall: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    moment = wall.replace(tzinfo=zone, fold=1)
    if moment.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != wall:
        raise FieldError(_FIELD, "gap", "The clocks are put forward then: there is no such time.", "correct the time")
    return moment


def _offset(text: str) -> dt.timezone:
    if text in "zZ":
        return dt.UTC
    away = dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    if away > dt.timedelta(hours=14) or int(text[-2:]) > 59:
        raise FieldError(_FIELD, "time", "There is no such time zone.", f"allowed: {ALLOWED}")
    return dt.timezone(-away if text[0] == "-" else away)
