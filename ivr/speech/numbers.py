"""Numbers, digits and times as the prompts that say them, in Chinese and English."""

from collections.abc import Callable

LIMIT = 10**9
"""Numbers from 0 to one below this can be said."""

_DIGIT_NAMES = {"*": "digit_star", "#": "digit_hash", "+": "digit_plus"}


class NumberNotSayable(ValueError):
    """A number below 0, or too large, or text that is not a string of digits."""


def say_number(number: int, language: str, *, counting: bool = False) -> list[str]:
    """Prompt ids that say `number` (0 ≤ number < LIMIT); raises NumberNotSayable.

    `counting`: a Chinese measure word follows (位, 分钟), so that 2 is 两 and not 二.
    """
    if not 0 <= number < LIMIT:
        raise NumberNotSayable(f"{number}: allowed: 0 to {LIMIT - 1}")
    if language != "zh-CN":
        return _english(number)
    if counting and number == 2:
        return ["num_liang"]
    return _chinese(number)


def say_digits(digits: str, language: str) -> list[str]:
    """Prompt ids that say each key of `digits` on its own (1 is 幺 in Chinese); raises NumberNotSayable.

    Blanks and hyphens only group the digits and are passed over.
    """
    spoken = [char for char in digits if char not in " -"]
    if not all((char.isascii() and char.isdigit()) or char in _DIGIT_NAMES for char in spoken):
        raise NumberNotSayable("not a string of digits; allowed: 0-9 * # + and blanks")
    return [_DIGIT_NAMES.get(char, f"digit_{char}") for char in spoken]


def say_work_number(work_number: str, language: str) -> list[str]:
    """Prompt ids of "工号1001为您服务" (S1); raises NumberNotSayable."""
    return ["work_number_prefix", *say_digits(work_number, language), "work_number_suffix"]


def say_duration(seconds: float, language: str) -> list[str]:
    """Prompt ids that say a duration (rounded to whole seconds, below 1,000 hours); raises NumberNotSayable."""
    total = round(seconds)
    hours, minutes, rest = total // 3600, total // 60 % 60, total % 60
    if not 0 <= hours < 1000:
        raise NumberNotSayable(f"{seconds} s: allowed: 0 s to 1,000 hours")
    said: list[str] = []
    for count, unit in ((hours, "hour"), (minutes, "minute"), (rest, "second")):
        if count or (unit == "second" and not said):
            said += [*say_number(count, language, counting=True), _unit(unit, count, language)]
    return said


def say_position(ahead: int, language: str) -> list[str]:
    """Prompt ids of "您前面还有三位客户": how many callers are served before this one (S7)."""
    if ahead in (0, 1):
        return ["wait_position_one" if ahead else "wait_next"]
    return ["wait_position", *say_number(ahead, language, counting=True), "wait_position_end"]


def say_wait(seconds: float, language: str) -> list[str]:
    """Prompt ids of "预计等待三分钟" (S7): minutes rounded up; half a minute or less is "soon"."""
    if seconds <= 30:
        return ["wait_soon"]
    minutes = -int(-seconds // 60)
    if minutes == 1:
        return ["wait_minutes_one"]
    return ["wait_minutes", *say_number(minutes, language, counting=True), "wait_minutes_end"]


def _unit(unit: str, count: int, language: str) -> str:
    return f"unit_{unit}" if language == "zh-CN" or count == 1 else f"unit_{unit}s"


def _chinese(number: int) -> list[str]:
    """Groups of four digits with 万 and 亿; an empty place between two spoken ones is one 零."""
    if number < 100:
        return _tens(number)
    for size, unit, below in (
        (10**8, "num_yi", 10**7),
        (10**4, "num_wan", 10**3),
        (1000, "num_thousand", 100),
        (100, "num_hundred", 10),
    ):
        head, rest = divmod(number, size)
        if head == 0:
            continue
        said = [*_leading(head, size), unit]
        if rest == 0:
            return said
        if rest < below:
            said.append("num_0")
        # 110 is 一百一十 and not 一百十, although ten alone is 十.
        return said + (["num_1"] if 10 <= rest < 20 else []) + _chinese(rest)
    raise AssertionError(number)


def _leading(head: int, size: int) -> list[str]:
    # 两千, 两万, 两亿 are said with 两; 二百 keeps 二.
    return ["num_liang"] if head == 2 and size > 100 else _chinese(head)


def _english(number: int) -> list[str]:
    if number < 100:
        return _tens(number)
    if number < 1000:
        head, rest = divmod(number, 100)
        return _joined([f"num_{head}", "num_hundred"], rest, _tens, hundred=True)
    for size, unit in ((10**6, "num_million"), (1000, "num_thousand")):
        head, rest = divmod(number, size)
        if head:
            return _joined([*_english(head), unit], rest, _english, hundred=rest < 100)
    raise AssertionError(number)


def _joined(said: list[str], rest: int, say: Callable[[int], list[str]], *, hundred: bool) -> list[str]:
    if rest == 0:
        return said
    return [*said, *(["num_and"] if hundred else []), *say(rest)]


def _tens(number: int) -> list[str]:
    """0 to 99: whole up to 20, then the tens and the ones (both languages record the same pieces)."""
    if number <= 20 or number % 10 == 0:
        return [f"num_{number}"]
    return [f"num_{number // 10 * 10}", f"num_{number % 10}"]
