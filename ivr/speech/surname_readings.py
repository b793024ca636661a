"""How surnames are read that are not read as the same character is elsewhere: 单 is shan4, 仇 is qiu2 (S2)."""

import re
import unicodedata
from functools import lru_cache

from ivr.customers.names import COMPOUND
from ivr.speech.surnames import SOUND_OF, TITLES

_OWN = (
    "卜bu3补 薄bo2伯 曾zeng1增 查zha1渣 揣chuai3 都du1督 佴nai4奈 繁po2婆 干gan1甘 冮gang1刚 葛ge3舸 句gou1勾 "
    "过guo1锅 华hua4话 華hua4话 祭zhai4债 解xie4谢 俱ju1居 阚kan4瞰 缪miao4妙 乜nie4聂 甯ning4佞 区ou1欧 "
    "區ou1欧 朴piao2瓢 仇qiu2求 任ren2人 撒sa4萨 单shan4善 單shan4善 洗xian3显 肖xiao1萧 燕yan1烟 幺yao1腰 "
    "於yu1淤 员yun4运 翟zhai2宅 占zhan1詹 种chong2虫 粘nian2年 长孙zhang3sun1掌孙 單于chan2yu2蝉于 "
    "单于chan2yu2蝉于 令狐ling2hu2铃狐 澹台tan2tai2谈台 万俟mo4qi2莫齐 尉迟yu4chi2玉迟 諸葛zhu1ge3诸葛 "
)
"""Surname, its reading, and characters of that very reading which an engine that takes no pinyin cannot misread."""

_EITHER_WAY = frozenset("覃盖蓋宁乐樂纪紀尉牟谌諶隗郇莘郗相晟藏那哈黑秘召折能角便适降令隽冒中逢蔚重行车")
"""Two families write these and read them differently: a name said wrong is worse than none."""

_FIRST_READING = frozenset(
    "万乌井亢介从仰伏伯但信倪冉冷冼凌别勒勾包匡卓印古司吳和咸喻堵墨姬娜宓宛家容宿封尚居屈嵇巢巨平年幸广庄庾張"
    "强怀慎戎戚房扶招揭支敖施昌明晁景暨暴曲杭柏柴栗樊檀殷毋母池汲沙涂温游湛滑焦狄玄甄甘由盛盧眭睢瞿矫祁祖祝福"
    "税空章童竺籍糜红经羅翁胥臧舒艾芮苑苟英葉蒙蒯蒲蓝蓬蔣衣裴褚言許訾詹谯谷賈贲越趙路边达逄通逯邢郄郎鄒錢钭"
    "阙阮陳陸隆隋霍鞠韋馮鲜鹿麻齐应卞"
)
"""Characters of several readings whose first one in pypinyin's dictionary is the surname's (looked through by hand)."""


def _split(entry: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"(\D+?)([a-z]+[1-4](?:[a-z]+[1-4])*)(\D*)", entry)
    assert found is not None
    return found[1], found[2], found[3]


_READINGS = {surname: (sound, alike) for surname, sound, alike in map(_split, _OWN.split())}


@lru_cache(maxsize=4096)
def reading_of(surname: str) -> str:
    """The sound of a Chinese surname in pinyin with tones, such as wang2 or ou1yang2; empty where nobody can be sure.

    Loads pypinyin's dictionaries for a rare one: never in a call.
    """
    if surname in SOUND_OF:
        return SOUND_OF[surname]
    if surname in _READINGS:
        return _READINGS[surname][0]
    if surname in _EITHER_WAY or not (len(surname) == 1 or surname in COMPOUND):
        return ""
    from pypinyin import Style, pinyin

    several = len(surname) == 1 and surname not in _FIRST_READING
    spelt = pinyin(surname, style=Style.TONE3, heteronym=several)
    if any(len(syllables) != 1 for syllables in spelt):
        return ""
    sound = "".join(syllables[0] for syllables in spelt).replace("ü", "v")
    return sound if re.fullmatch(r"([a-z]+[1-4])+", sound) else ""


def for_engines(surname: str, sound: str, title: str = "") -> tuple[tuple[str, str], ...]:
    """What each engine is given to say a surname read as `sound`, with a title or alone."""
    pinyin = f"{_apart(sound)} {TITLES[title].pinyin}" if title else _apart(sound)
    alike = _READINGS.get(surname, ("", ""))[1]
    return (("espeak-ng", pinyin), *((("edge-tts", f"{alike}{title}"),) if alike else ()))


def _apart(sound: str) -> str:
    """ou1yang2 as ou1 yang2."""
    return "".join(char + " " if char.isdigit() else char for char in sound).strip()


def latin_key(surname: str) -> str:
    """A surname in Latin letters as it stands in a prompt's id: Müller is muller; empty for any other."""
    plain = unicodedata.normalize("NFKD", surname.casefold()).encode("ascii", "ignore").decode()
    letters = re.sub(r"['\- .]", "", plain)
    written = all(char in "'’-. " or unicodedata.name(char, "").startswith("LATIN") for char in surname)
    return letters if written and re.fullmatch(r"[a-z]{2,30}", letters) else ""
