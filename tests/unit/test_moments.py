"""When somebody is there again, as it is said."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.settings import ROOT
from ivr.speech.moments import say_opening, say_when

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2026, 11, 22, 21, 0, tzinfo=SHANGHAI)
TEXTS = {lang: yaml.safe_load((ROOT / "prompts" / f"{lang}.yaml").read_text())["pieces"] for lang in ("zh-CN", "en")}


def words(moment: str, language: str) -> str:
    said = say_opening(dt.datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI), NOW, language)
    return ("" if language == "zh-CN" else " ").join(TEXTS[language][piece] for piece in said)


@pytest.mark.parametrize(
    ("moment", "chinese", "english"),
    [
        ("2026-11-22 22:00", "我们今天晚上十点开始为您服务。", "today at ten p.m."),
        ("2026-11-23 08:00", "我们明天上午八点开始为您服务。", "tomorrow at eight a.m."),
        ("2026-11-24 14:30", "我们星期二下午两点半开始为您服务。", "on Tuesday at two thirty p.m."),
        ("2026-11-25 12:05", "我们星期三中午十二点零五分开始为您服务。", "on Wednesday at twelve zero five p.m."),
        ("2027-01-02 00:00", "我们一月二日凌晨零点开始为您服务。", "on January two at twelve a.m."),
    ],
)  # fmt: skip
def test_the_next_opening_is_said_as_people_say_it(moment: str, chinese: str, english: str) -> None:
    assert words(moment, "zh-CN") == chinese
    assert words(moment, "en") == f"We will be here for you {english}"


@given(st.integers(0, 5 * 365 * 1440), st.sampled_from(["zh-CN", "en"]))
def test_every_moment_to_come_can_be_said(minutes: int, language: str) -> None:
    assert set(say_when(NOW + dt.timedelta(minutes=minutes), NOW, language)) <= set(TEXTS[language])
