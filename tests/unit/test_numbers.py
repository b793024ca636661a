"""What a caller hears of numbers must give the number back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.numbers import (
    LIMIT,
    NumberNotSayable,
    say_digits,
    say_duration,
    say_number,
    say_position,
    say_wait,
    say_work_number,
)

ZH = [
    "零",
    "一",
    "二",
    "三",
    "四",
    "五",
    "六",
    "七",
    "八",
    "九",
    "十",
    "十一",
    "十二",
    "十三",
    "十四",
    "十五",
    "十六",
    "十七",
    "十八",
    "十九",
]
TENS = {20: "二十", 30: "三十", 40: "四十", 50: "五十", 60: "六十", 70: "七十", 80: "八十", 90: "九十"}
HAN = (
    {f"num_{n}": word for n, word in enumerate(ZH)}
    | {f"num_{n}": word for n, word in TENS.items()}
    | {"num_liang": "两", "num_hundred": "百", "num_thousand": "千", "num_wan": "万", "num_yi": "亿"}
)


def han(ids: list[str]) -> str:
    return "".join(HAN[i] for i in ids)


def hear_chinese(text: str) -> int:
    """An independent reader of spoken Chinese numbers."""
    total = section = digit = 0
    for char in text.replace("两", "二"):
        if char in "零一二三四五六七八九":
            digit = "零一二三四五六七八九".index(char)
        elif char in "十百千":
            section += (digit or (1 if char == "十" else 0)) * {"十": 10, "百": 100, "千": 1000}[char]
            digit = 0
        else:
            total = (total + section + digit) * {"万": 10**4, "亿": 10**8}[char]
            section = digit = 0
            if char == "亿":
                return total + hear_chinese(text.split("亿", 1)[1])
    return total + section + digit


def hear_english(ids: list[str]) -> int:
    total = section = 0
    for name in (i.removeprefix("num_") for i in ids):
        if name == "hundred":
            section *= 100
        elif name in ("thousand", "million"):
            total, section = total + section * {"thousand": 1000, "million": 10**6}[name], 0
        elif name != "and":
            section += int(name)
    return total + section


anything = st.one_of(st.integers(0, 200), st.integers(0, LIMIT - 1), st.sampled_from([10**n for n in range(1, 9)]))


@given(anything, st.booleans())
def test_chinese_number_is_heard_as_it_was_meant(number: int, counting: bool) -> None:
    assert hear_chinese(han(say_number(number, "zh-CN", counting=counting))) == number


@given(anything)
def test_chinese_number_never_says_zero_twice_running_nor_last(number: int) -> None:
    said = han(say_number(number, "zh-CN"))
    assert "零零" not in said
    assert number == 0 or not said.endswith("零")


@given(anything)
def test_english_number_is_heard_as_it_was_meant(number: int) -> None:
    assert hear_english(say_number(number, "en")) == number


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "零"),
        (2, "二"),
        (10, "十"),
        (15, "十五"),
        (22, "二十二"),
        (101, "一百零一"),
        (110, "一百一十"),
        (115, "一百一十五"),
        (200, "二百"),
        (1001, "一千零一"),
        (1010, "一千零一十"),
        (2020, "两千零二十"),
        (10001, "一万零一"),
        (22000, "两万两千"),
        (100010, "十万零一十"),
        (120000, "十二万"),
        (200000000, "两亿"),
        (100001000, "一亿零一千"),
    ],
)
def test_chinese_numbers_as_people_say_them(number: int, said: str) -> None:
    assert han(say_number(number, "zh-CN")) == said


def test_two_people_ahead_are_liang_wei_and_not_er_wei() -> None:
    assert say_position(2, "zh-CN") == ["wait_position", "num_liang", "wait_position_end"]
    assert say_position(12, "zh-CN") == ["wait_position", "num_12", "wait_position_end"]


def test_next_caller_in_line_is_told_so_instead_of_zero_people() -> None:
    assert say_position(0, "zh-CN") == say_position(0, "en") == ["wait_next"]


def test_one_caller_ahead_is_said_in_one_breath_and_in_the_singular() -> None:
    assert say_position(1, "en") == ["wait_position_one"]


@given(st.floats(0, 86_400))
def test_wait_is_told_in_minutes_never_shorter_than_it_is(seconds: float) -> None:
    said = say_wait(seconds, "en")
    if said == ["wait_soon"]:
        assert seconds <= 30
    else:
        minutes = 1 if said == ["wait_minutes_one"] else hear_english(said[1:-1])
        assert minutes * 60 >= seconds > (minutes - 1) * 60


@given(st.integers(0, 999 * 3600), st.sampled_from(["zh-CN", "en"]))
def test_duration_is_heard_as_it_was_meant(seconds: int, language: str) -> None:
    total, number = 0, list[str]()
    for piece in say_duration(seconds, language):
        if piece.startswith("unit_"):
            count = hear_chinese(han(number)) if language == "zh-CN" else hear_english(number)
            size = {"hour": 3600, "minute": 60, "second": 1}[piece.removeprefix("unit_").rstrip("s")]
            if language == "en":
                assert piece.endswith("s") == (count != 1)
            total, number = total + count * size, []
        else:
            number.append(piece)
    assert not number
    assert total == seconds


@given(st.text("0123456789", max_size=20), st.sampled_from(["zh-CN", "en"]))
def test_digit_string_is_read_digit_by_digit(digits: str, language: str) -> None:
    assert "".join(i.removeprefix("digit_") for i in say_digits(digits, language)) == digits


def test_work_number_is_announced_with_its_frame() -> None:
    assert say_work_number("1001", "zh-CN") == [
        "work_number_prefix",
        *(f"digit_{digit}" for digit in "1001"),
        "work_number_suffix",
    ]


@given(st.text(min_size=1, max_size=5))
def test_what_is_no_digit_is_refused(text: str) -> None:
    if re.fullmatch(r"[0-9*#+ \-]+", text):
        assert all(i.startswith("digit_") for i in say_digits(text, "en"))
    else:
        with pytest.raises(NumberNotSayable):
            say_digits(text, "en")


@pytest.mark.parametrize("number", [-1, LIMIT])
def test_number_that_cannot_be_said_is_refused(number: int) -> None:
    with pytest.raises(NumberNotSayable):
        say_number(number, "zh-CN")
