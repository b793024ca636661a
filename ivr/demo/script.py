"""The demonstration's talk: a car in repair; the agent says what S30 forbids, then puts it right as S29 asks."""

from dataclasses import dataclass
from typing import Literal

CALLER_NUMBER = "13800138000"
OTHER_CUSTOMER = "13900139000"


@dataclass(frozen=True)
class Line:
    """One turn of the talk."""

    who: Literal["agent", "caller"]
    text: str


TALK = (
    Line("agent", "您好，欢迎致电安行汽车售后服务中心，请问有什么可以帮您？"),
    Line("caller", "您好，我想查一下我的车修好了没有。"),
    Line("agent", "这个我不知道，你急什么。"),
    Line("caller", "你怎么能这么说话呢。"),
    Line("agent", "很抱歉让您有不愉快的感觉，我会尽力帮您。请您稍等，我帮您查一下。"),
    Line("agent", "感谢您的耐心等待，您的车已经修好了，明天上午就可以来取。"),
    Line("caller", "好的，谢谢。"),
    Line("agent", "请问还有其他可以帮您的吗？"),
    Line("caller", "没有了，谢谢，再见。"),
    Line("agent", "感谢您的来电，再见。"),
)

GOODBYE_TO_OTHER = Line("agent", "感谢您的来电，再见。")
"""What the agent says at the end of the call for which our caller has to wait."""
