"""What the words of a scale's question tell of the scale: its range, which end is good (S26: one scale throughout)."""

import re
from dataclasses import dataclass

from ivr.hotline.kinds import Language
from ivr.hotline.wording import with_digits

_SCORE = {
    "zh-CN": re.compile(
        r"(?<=[按拨])(?P<key>[0-9]+)|(?<![0-9])(?P<score>[0-9]+)(?=\s*(分(?!钟)|[星级到至~～-]))|(?<=[到至~～-])(?P<end>[0-9]+)"
    ),
    "en": re.compile(r"\b(?:(?<=press )(?P<key>[0-9]+)|(?P<score>[0-9]+))\b", re.IGNORECASE),
}
_RANGE = {
    "zh-CN": re.compile(r"([0-9]+)\s*分?\s*[到至~～-]\s*([0-9]+)"),
    "en": re.compile(r"([0-9]+)(?:,[^0-9.]{0,25},)?\s*(?:to|-|–)\s*([0-9]+)", re.IGNORECASE),
}
_VALUE = {
    "zh-CN": re.compile("最|非常|满意|好|差|高|低|愿意|优|可能"),
    "en": re.compile(
        r"\b(low|lowest|high|highest|best|worst|very|not at all|excellent|poor|bad|good|\w*satisfied|gladly|likely)\b",
        re.IGNORECASE,
    ),
}
_BEST = {
    "zh-CN": "(?<!不)(最高|最好|最满意|非常满意|很满意|非常愿意|非常好)",
    "en": r"\b(highest|best|very (satisfied|good|gladly|likely)|excellent)\b",
}
_WORST = {
    "zh-CN": "(最低|最差|很不满意|非常不满意|最不满意|非常差|很差|不愿意|不满意)",
    "en": r"\b(lowest|worst|very (dissatisfied|bad|poor)|not at all)\b",
}
_WAYS_OUT = (0, 9)
_NEAR = {"zh-CN": 10, "en": 26}
"""So many characters away a word still belongs to a number."""


@dataclass(frozen=True)
class ScaleWords:
    """`scores`: the points or keys named; `span`: a range named as one; `valued`: an end is called good or bad;
    `reversed`: 1 is called the best, or the highest the worst."""

    scores: tuple[int, ...]
    span: tuple[int, int] | None
    valued: bool
    reversed: bool

    @property
    def range(self) -> tuple[int, int] | None:
        """Lowest and highest score that the words know; None when they name none."""
        known = {*self.scores, *(self.span or ())}
        return (min(known), max(known)) if known else None

    def fits(self, scale: int) -> bool:
        """Whether the words are about 1 to `scale`."""
        if self.range is None:
            return True
        low, high = self.range
        return low >= 1 and high == scale and (self.span is None or self.span == (1, scale))


def read_scale(text: str, language: Language, scale: int) -> ScaleWords:
    """What a question's words say of a scale whose best score is `scale`."""
    words = with_digits(text, language)
    found = [
        (int(one.group()), one.start())
        for one in _SCORE[language].finditer(words)
        if not (one["key"] and int(one["key"]) in _WAYS_OUT)
    ]
    span = _RANGE[language].search(words)
    near = _NEAR[language]
    return ScaleWords(
        scores=tuple(score for score, _ in found),
        span=(int(span[1]), int(span[2])) if span else None,
        valued=any(
            _VALUE[language].search(words[max(0, place - near) : place + near])
            for score, place in found
            if score in (1, scale)
        ),
        reversed=_called(words, language, 1, _BEST[language]) or _called(words, language, scale, _WORST[language]),
    )


def _called(words: str, language: Language, score: int, quality: str) -> bool:
    """Whether a score is called so: 1分最高, 非常满意请按1, press 1 for excellent."""
    one = f"{score}(?![0-9])"
    ways = (
        rf"(?<![0-9按拨])(?<!press ){one}[^0-9。；;.]{{0,{_NEAR[language] // 2}}}?{quality}",
        rf"{quality}[^0-9，,。；;.]{{0,6}}(?:按|拨|press)\s*{one}",
        rf"press {one} (?:for|if)\b[^0-9，,。；;.]{{0,20}}{quality}",
    )
    return re.search("|".join(ways), words, re.IGNORECASE) is not None
