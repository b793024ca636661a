"""How times and numbers are written on a page."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Local:
    """Writes moments in the business's time zone."""

    zone: ZoneInfo

    def day(self, moment: dt.datetime) -> str:
        return moment.astimezone(self.zone).strftime("%Y-%m-%d")

    def time(self, moment: dt.datetime) -> str:
        return moment.astimezone(self.zone).strftime("%H:%M:%S")

    def both(self, moment: dt.datetime) -> str:
        return f"{self.day(moment)} {self.time(moment)}"

    def iso(self, moment: dt.datetime) -> str:
        return moment.astimezone(self.zone).isoformat(timespec="seconds")


def clock(seconds: float | None) -> str:
    """Seconds as a player shows them: 65.4 is "1:05", 3600 is "1:00:00"; None is a dash."""
    if seconds is None:
        return "—"
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rough(span: dt.timedelta) -> tuple[str, int]:
    """How long, whichever way: the largest unit (days, hours, minutes) that it has two of, or one hour, or minutes."""
    minutes = abs(int(span.total_seconds())) // 60
    if minutes >= 2 * 1440:
        return "days", minutes // 1440
    return ("hours", minutes // 60) if minutes >= 60 else ("minutes", max(1, minutes))


def number(value: float) -> str:
    """At most one decimal, none when it is a whole number."""
    return f"{value:.1f}".removesuffix(".0")
