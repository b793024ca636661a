"""What words of a menu or a survey tell: the keys they name, and wording nobody should hear (S2, S17, S26)."""

import re

from ivr.hotline.kinds import Language

ADVERTISING = re.compile(
    "优惠|促销|打折|折扣|特价|特惠|限时|抽奖|大奖|红包|赠送|免费领|公众号|小程序|扫码|会员日|新品|钜惠|秒杀|下载.{0,4}(APP|应用)"
    "|discount|promotion|special offer|sale|prize|subscribe|follow us|download our app|new product",
    re.IGNORECASE,
)
INFORMAL = re.compile("你们?")
"""Where 您 is meant (S2)."""

_PRAISE = "优质|满意|贴心|周到|一流|卓越|优秀|专业|热情"
_LEADING = {
    "zh-CN": re.compile(
        f"是不是(都|也)?(很|非常|特别|十分|挺)|(很|非常|特别|十分|挺)({_PRAISE}|好|不错)的?(吧|是吗|是吧|对吗)"
        "|[您你](一定|肯定|想必)|难道|不是吗|对不对|[对是]吧|不满意?吧|没有?(什么)?问题(吧|对吗)"
        f"|大家都|人人都|我们的?({_PRAISE})的?服务"
    ),
    "en": re.compile(
        r"\b(would|do|did|are|were|was|is|has|have)n['’]t (you|it|that|we|they|he|she|our)\b"
        r"|\byou (must|surely|certainly)\b|\bsurely\b|\bof course\b|\bno doubt\b|\bobviously\b|\bagree that\b"
        r"|\beverybody (says|agrees)\b"
        r"|\bour (excellent|outstanding|first-class|great|wonderful|professional|friendly)\b",
        re.IGNORECASE,
    ),
}
_ASPECT = (
    "(态度|质量|速度|效率|价格|费用|收费|环境|技术|水平|卫生|人员|师傅|技师|顾问|接待|时间|沟通|产品|结果|专业)",
    "(attitude|quality|speed|price|cost|staff|technicians?|cleanliness|time|communication|product|work|advice)",
)
_TWO_ASPECTS = {
    "zh-CN": re.compile(
        rf"{_ASPECT[0]}[^，。？！、]{{0,3}}(和|与|及|以及|、|并且|同时|还有)[^，。？！]{{0,6}}{_ASPECT[0]}"
    ),
    "en": re.compile(rf"\b{_ASPECT[1]}( and| as well as|,)( \w+){{0,3}} {_ASPECT[1]}\b", re.IGNORECASE),
}

_HAN = {char: str(number) for number, char in enumerate("零一二三四五六七八九十")}
_ENGLISH = "zero one two three four five six seven eight nine ten"
_SPELT = {word: str(number) for number, word in enumerate(_ENGLISH.split())}
_HAN_NUMBER = re.compile(
    "(?<=[按拨到至])[零一二三四五六七八九十](?![下次遍])|[一二三四五六七八九十](?=分(?!钟)|[星级到至])"
)
_SPELT_NUMBER = re.compile(rf"\b(press|dial|from|to) ({'|'.join(_SPELT)})\b", re.IGNORECASE)
_RUN_OF_HAN = re.compile("[\u4e00-\u9fff]+")
_WORD = re.compile(r"[a-zA-Z]{3,}|[0-9]+")
_KEY = re.compile(r"(?:按|拨|\b(?:press|dial))\s*([0-9])(?![0-9])", re.IGNORECASE)


def with_digits(text: str, language: Language) -> str:
    """The text with its keys and scores in digits: 按一 is 按1, 五分 is 5分, from one to five is from 1 to 5."""
    if language != "zh-CN":
        return _SPELT_NUMBER.sub(lambda found: f"{found[1]} {_SPELT[found[2].lower()]}", text)
    # 十分 before a quality means very, not ten points.
    very = re.sub("十分(?=[^最，。、；,.是为])(?!满分)", "非常", text)
    return _HAN_NUMBER.sub(lambda found: _HAN[found.group()], very)


def keys_said(text: str, language: Language) -> list[str]:
    """The keys that a text tells to press, in its order."""
    return _KEY.findall(with_digits(text, language))


def what_keys_are_for(text: str, language: Language) -> dict[str, str]:
    """The words before each key that a text tells to press, from the key before it on."""
    told, since = {}, 0
    plain = with_digits(text, language)
    for found in _KEY.finditer(plain):
        told[found[1]] = plain[since : found.start()].strip(" ,.;，。；、请")
        since = found.end()
    return told


def names(said: str, label: str) -> bool:
    """Whether words mean what a label says: they share a word, or two Han characters in a row."""
    han = _RUN_OF_HAN.findall(label)
    parts = [run[at : at + 2] for run in han for at in range(max(1, len(run) - 1))]
    words = [word.casefold() for word in _WORD.findall(label)]
    spoken = {word.casefold() for word in _WORD.findall(said)}
    return any(part in said for part in parts) or any(word in spoken for word in words) or not (parts or words)


def leading(text: str, language: Language) -> str:
    """The words that put an answer into the customer's mouth; empty without any."""
    found = _LEADING[language].search(text)
    return found.group() if found else ""


def double_barrelled(text: str, language: Language) -> str:
    """The words that ask two things at once; empty when one is asked."""
    found = _TWO_ASPECTS[language].search(text)
    if found:
        return found.group()
    return text if len(re.findall("[？?]", text)) > 1 else ""
