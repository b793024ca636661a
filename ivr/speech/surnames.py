"""Surnames that can be said: 王先生, 李女士 (S2, S8). One prompt per sound, not per character."""

from dataclasses import dataclass

_SOUNDS = (
    "王wang2 李li3 张zhang1 刘liu2 陈chen2 杨yang2 黄huang2 赵zhao4 吴wu2 周zhou1 徐xu2 孙sun1 "
    "马ma3 朱zhu1 胡hu2 郭guo1 何he2 林lin2 高gao1 罗luo2 郑zheng4 梁liang2 谢xie4 宋song4 "
    "唐tang2 许xu3 韩han2 邓deng4 冯feng2 曹cao2 彭peng2 曾zeng1 肖xiao1 萧xiao1 田tian2 董dong3 "
    "潘pan1 袁yuan2 蔡cai4 蒋jiang3 余yu2 于yu2 俞yu2 杜du4 叶ye4 程cheng2 魏wei4 苏su1 "
    "吕lv3 丁ding1 任ren2 卢lu2 姚yao2 沈shen3 钟zhong1 姜jiang1 江jiang1 崔cui1 谭tan2 陆lu4 "
    "范fan4 汪wang1 廖liao4 石shi2 金jin1 韦wei2 贾jia3 夏xia4 付fu4 傅fu4 方fang1 邹zou1 "
    "白bai2 孟meng4 秦qin2 熊xiong2 邱qiu1 侯hou2 尹yin3 薛xue1 闫yan2 严yan2 阎yan2 雷lei2 "
    "龙long2 黎li2 史shi3 陶tao2 贺he4 毛mao2 段duan4 郝hao3 顾gu4 龚gong1 邵shao4 武wu3 "
    "伍wu3 钱qian2 戴dai4 莫mo4 孔kong3 向xiang4 常chang2 汤tang1 康kang1 欧阳ou1yang2 司马si1ma3 诸葛zhu1ge3 "
    "上官shang4guan1 "
)
"""The hundred commonest, with the reading they have as a surname; their sounds are there from the first start on."""


@dataclass(frozen=True)
class Title:
    """先生 or 女士: as it stands in a prompt's id, in pinyin, and in English."""

    id: str
    pinyin: str
    english: str


TITLES = {"先生": Title("male", "xian1 sheng1", "Mr"), "女士": Title("female", "nv3 shi4", "Ms")}


def _split(entry: str) -> tuple[str, str]:
    """王wang2 as 王 and wang2."""
    at = next(place for place, char in enumerate(entry) if char.isascii())
    return entry[:at], entry[at:]


SOUND_OF = dict(_split(entry) for entry in _SOUNDS.split())
"""Surname → its sound in pinyin with tones."""


def surname_prompt(surname: str, title: str) -> str:
    """The id of the prompt that says surname and title, such as surname_wang2_male; empty for one not of the hundred.

    For others, in any language, and only where there is a sound: `ivr.speech.surname_sounds`.
    """
    sound = SOUND_OF.get(surname)
    return prompt_id(sound, title) if sound and title in TITLES else ""


def prompt_id(sound: str, title: str) -> str:
    return f"surname_{sound}_{TITLES[title].id}"


def surname_texts() -> dict[str, tuple[str, str]]:
    """Prompt id → surname and title, of the hundred."""
    return {
        prompt_id(sound, title): (surname, title)
        for surname, sound in reversed(SOUND_OF.items())  # of several with one sound the commonest is written
        for title in TITLES
    }
