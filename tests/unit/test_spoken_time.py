"""A customer says when to call them: what is plain becomes a moment, all else a person has to listen to (S26)."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Hotline
from ivr.settings import ROOT
from ivr.surveys.policy import Windows
from ivr.surveys.spoken_time import FURTHEST, understand

ZONE = ZoneInfo("Asia/Shanghai")
FILE = yaml.safe_load((ROOT / "hotline.yaml").read_text())
FILE["surveys"]["after_service"] |= {"hours": {"mon-sun": "09:00-12:00, 14:00-20:00"}, "on_holidays": True}
HOTLINE = Hotline.model_validate(FILE)
WINDOWS = Windows.of(HOTLINE, HOTLINE.surveys["after_service"])
WEDNESDAY_AT_TEN = dt.datetime(2026, 3, 11, 10, 0, tzinfo=ZONE)

PLAIN = """
明天下午三点                        | 03-12 15:00
明天 下午 三 点                     | 03-12 15:00
请你们明天下午三点半给我打电话      | 03-12 15:30
那就明天上午十点钟吧                | 03-12 10:00
明天上午十点一刻                    | 03-12 10:15
后天晚上七点                        | 03-13 19:00
大后天上午                          | 03-14 09:00
明早九点                            | 03-12 09:00
今晚七点半                          | 03-11 19:30
今天下午四点十五分                  | 03-11 16:15
下午三点                            | 03-11 15:00
三点                                | 03-11 15:00
十五点三十分                        | 03-11 15:30
上午九点                            | 03-12 09:00
九点半                              | 03-12 09:30
一个小时以后                        | 03-11 11:00
半小时后                            | 03-11 10:30
一个半小时以后打来                  | 03-11 11:30
过四十分钟再打                      | 03-11 10:40
五个小时之后                        | 03-11 15:00
三天以后                            | 03-14 09:00
过两天下午打给我                    | 03-13 14:00
过一会儿                            | 03-11 11:00
晚点再打吧                          | 03-11 14:00
今天晚些时候                        | 03-11 14:00
今天晚一点                          | 03-11 14:00
随便什么时候都行                    | 03-11 11:00
明天                                | 03-12 09:00
明天吧谢谢                          | 03-12 09:00
下午                                | 03-11 14:00
晚上有空                            | 03-11 18:00
周五下午                            | 03-13 14:00
星期三下午四点                      | 03-11 16:00
星期一上午                          | 03-16 09:00
下周三下午四点                      | 03-18 16:00
下个星期二                          | 03-17 09:00
下周                                | 03-16 09:00
周末上午                            | 03-14 09:00
十五号上午十点                      | 03-15 10:00
四月二号下午                        | 04-02 14:00
五号                                | 04-05 09:00
我现在没空明天下午三点吧            | 03-12 15:00
不好意思现在在开会晚上七点          | 03-11 19:00
明天下午三点到五点                  | 03-12 15:00
明天下午三点以后                    | 03-12 15:00
明天或者后天下午                    | 03-12 14:00
上午或者下午都可以                  | 03-11 11:00
"""

NOT_PLAIN = """
                                    | nothing was heard
你好                                | no time in it
你们的电话真多                      | no time in it
不要再打了                          | they want no call at all
明天不行                            | which day, then?
明天别打后天打                      | what is refused may be heard wrongly
除了周末都行                        | a whole week
明天后天                            | two days
上午下午                            | two parts of a day
三点四点                            | two hours
明天下午五点之前                    | an end, and no beginning
明天八点                            | morning or evening, both would do
明天凌晨三点                        | nobody is rung at night
晚上十一点                          | nobody is rung at night
明天中午十二点半                    | this survey rests at noon
今天上午九点                        | that is over
昨天下午                            | that is over
下个月                              | too far away
一百天以后                          | no number that is known
四十天以后                          | too far away
二月三十号                          | no such day
三十五号                            | no such day
二十五点                            | no such hour
三点七十分                          | no such minute
早点打给我                          | earlier than what
快一点                              | no time at all
两个小时以后明天                    | which of the two
明天打我爱人的手机问问他方便不方便  | somebody else is to be called
明天下午三点让王师傅本人给我来电话  | something else is wanted, too
"""


def rows(table: str) -> list[tuple[str, str]]:
    lines = [line.rpartition("|") for line in table.strip("\n").splitlines()]
    return [(words.strip(), meaning.strip()) for words, _, meaning in lines]


@pytest.mark.standards("S26")
@pytest.mark.parametrize(("words", "moment"), rows(PLAIN))
def test_a_time_that_is_said_plainly_is_understood(words: str, moment: str) -> None:
    understood = understand(words, WEDNESDAY_AT_TEN, WINDOWS)
    assert understood and understood.astimezone(ZONE).strftime("%m-%d %H:%M") == moment


@pytest.mark.parametrize(("words", "why"), rows(NOT_PLAIN))
def test_what_is_not_plain_is_left_to_a_person(words: str, why: str) -> None:
    assert understand(words, WEDNESDAY_AT_TEN, WINDOWS) is None, why


def test_the_weekday_that_it_is_means_a_week_from_now_once_its_hour_is_over() -> None:
    at_seven = WEDNESDAY_AT_TEN.replace(hour=19)
    assert understand("周三下午四点", at_seven, WINDOWS) == WEDNESDAY_AT_TEN.replace(day=18, hour=16)


PIECES = """
今天 明天 后天 周 星期 下 三 日 末 号 月 上午 中午 下午 晚上 早 晚 点 半 一刻 分 十 二 两 九
小时 个 以后 到 或者 过 天 一会儿 吧 好 打 三点 五点 七 八
"""
_WORDS = st.lists(st.sampled_from(PIECES.split()), max_size=8).map("".join)
_MOMENTS = st.timedeltas(dt.timedelta(), dt.timedelta(days=366)).map(lambda later: WEDNESDAY_AT_TEN + later)


@given(_WORDS, _MOMENTS)
def test_whatever_is_said_nobody_is_promised_a_call_outside_the_hours(words: str, said_at: dt.datetime) -> None:
    moment = understand(words, said_at, WINDOWS)
    assert moment is None or (said_at < moment <= said_at + FURTHEST and WINDOWS.is_open(moment))
    assert moment == understand(" ".join(words), said_at, WINDOWS)


@given(st.text(max_size=40))
def test_no_text_breaks_it(words: str) -> None:
    moment = understand(words, WEDNESDAY_AT_TEN, WINDOWS)
    assert moment is None or WINDOWS.is_open(moment)
