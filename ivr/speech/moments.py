"""Days and times of day as the prompts that say them, in Chinese and English."""

import datetime as dt

from ivr.speech.numbers import say_number

_WEEK = 7


def say_opening(moment: dt.datetime, now: dt.datetime, language: str) -> list[str]:
    """Prompt ids of "我们明天上午八点开始为您服务" (S12); both moments in the business's time zone."""
    said = ["opens_at", *say_when(moment, now, language)]
    return [*said, "opens_at_end"] if language == "zh-CN" else said


def say_when(moment: dt.datetime, now: dt.datetime, language: str) -> list[str]:
    """Prompt ids of "明天上午八点": the day as seen from `now`, then the time; both in one time zone."""
    return [*_day(moment.date(), now.date(), language), *_time(moment.time(), language)]


def _day(day: dt.date, today: dt.date, language: str) -> list[str]:
    ahead = (day - today).days
    if ahead in (0, 1):
        return ["day_tomorrow" if ahead else "day_today"]
    if 0 < ahead < _WEEK:
        return [f"weekday_{day.isoweekday()}"]
    if language == "zh-CN":
        return [*say_number(day.month, language), "unit_month", *say_number(day.day, language), "unit_day"]
    return [f"month_{day.month}", *say_number(day.day, language)]


def _time(time: dt.time, language: str) -> list[str]:
    if language != "zh-CN":
        minutes = ["digit_0"] * (0 < time.minute < 10) + (say_number(time.minute, language) if time.minute else [])
        half = "time_pm" if time.hour >= 12 else "time_am"
        return ["time_at", *say_number((time.hour - 1) % 12 + 1, language), *minutes, half]
    hour = say_number((time.hour - 1) % 12 + 1 if time.hour else 0, language, counting=True)
    return [_part_of_day(time.hour), *hour, "unit_oclock", *_past(time.minute, language)]


def _past(minute: int, language: str) -> list[str]:
    if minute in (0, 30):
        return ["time_half"] * (minute == 30)
    zero = ["num_0"] if minute < 10 else []
    return [*zero, *say_number(minute, language), "unit_past"]


def _part_of_day(hour: int) -> str:
    """凌晨 until six, 上午 until noon, 中午 until one, 下午 until six, 晚上."""
    parts = ((6, "night"), (12, "morning"), (13, "noon"), (18, "afternoon"), (24, "evening"))
    return next(f"daypart_{name}" for end, name in parts if hour < end)
