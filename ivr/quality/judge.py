"""How each kind of rule looks at a talk. Where the recogniser cannot be believed, the verdict says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.quality.items import Evidence, Item, Texts, Verdict
from ivr.quality.matching import Match, Token, find_any, in_one_breath, stands_alone, starts_utterance, tokens
from ivr.quality.rules import (
    AnyRule,
    CallerHangsUpFirst,
    Forbidden,
    NeverSays,
    Part,
    Recognition,
    RuleBook,
    SaysAll,
    SaysSome,
    Window,
)
from ivr.quality.talk import Talk
from ivr.speech.words import Word

_BETWEEN = {"zh-CN": "；", "en": "; "}
_NO_AGENT = {"zh-CN": "没有客服人员接听", "en": "No agent answered"}
_NO_END = {"zh-CN": "不知道是谁先挂机", "en": "Nobody knows who hung up first"}
_LANGUAGE = {
    "zh-CN": "规则只懂中文，这次通话不是中文",
    "en": "The rules know Chinese only; this call was in another language",
}
_FEW = {"zh-CN": "听到的字太少，无法判断", "en": "Too few words were heard"}
_UNSURE = {"zh-CN": "转写的把握太低，请听录音", "en": "The transcript is too uncertain; please listen"}
_HEARD = {"zh-CN": "已听到", "en": "Heard"}
_NOTHING = {"zh-CN": "没有听到", "en": "None was heard"}


@dataclass(frozen=True)
class _Side:
    """The agent's words within a rule's window."""

    words: Sequence[Word]
    heard: list[Token]

    def confidence(self) -> float:
        """Mean over the syllables."""
        return sum(token.confidence for token in self.heard) / max(1, len(self.heard))


def judge(rule: AnyRule, talk: Talk, rules: RuleBook) -> Item:
    """The verdict of one rule on one talk."""
    if isinstance(rule, CallerHangsUpFirst):
        return _hang_up(rule, talk)
    obstacle = _obstacle(talk, rules.recognition)
    if obstacle is not None:
        return _item(rule, talk, "not_assessable", obstacle)
    whole = _side(talk, Window())
    side = _side(talk, rule.window)
    believe = rules.recognition
    # Only a leg that was heard well proves anything by what is missing in it.
    sure = whole.confidence() >= (believe.demonstration_leg if talk.demonstration else believe.leg)
    if isinstance(rule, SaysAll):
        return _says_all(rule, talk, side, rules.recognition, sure)
    if isinstance(rule, SaysSome):
        return _says_some(rule, talk, side, rules.recognition, sure)
    return _never_says(rule, talk, side, rules, sure)


def _obstacle(talk: Talk, believe: Recognition) -> Texts | None:
    """Why no rule about words can say anything about this talk; None when they can."""
    if talk.answered_at is None:
        return _NO_AGENT
    if not talk.language.startswith("zh"):
        return _LANGUAGE
    if "agent" not in talk.words:
        why = talk.missing.get("agent", "")
        return {
            "zh-CN": "客服一方没有转写" + (f"：{why}" if why else ""),
            "en": "No transcript of the agent's side" + (f": {why}" if why else ""),
        }
    if len(_side(talk, Window()).heard) < believe.words:
        return _FEW
    return None


def _side(talk: Talk, window: Window) -> _Side:
    """The agent's words in a window; a word belongs to it by its middle."""
    answered = talk.answered_at or 0.0
    words = talk.words.get("agent", ())
    end = talk.ended_at if talk.ended_at is not None else max((word.end for word in words), default=0.0)
    first = answered + window.after_answer
    last = float("inf") if window.until_after_answer is None else answered + window.until_after_answer
    if window.before_end is not None:
        first = max(first, end - window.before_end)
    inside = [word for word in words if first <= (word.start + word.end) / 2 <= last]
    return _Side(inside, tokens(inside))


def _hang_up(rule: CallerHangsUpFirst, talk: Talk) -> Item:
    if talk.answered_at is None:
        return _item(rule, talk, "not_assessable", _NO_AGENT)
    if talk.hung_up_by == "caller":
        return _item(rule, talk, "met", {"zh-CN": "客户先挂机", "en": "The caller hung up first"})
    if talk.hung_up_by == "agent":
        return _item(rule, talk, "not_met", {"zh-CN": "客服先挂机", "en": "The agent hung up first"})
    return _item(rule, talk, "not_assessable", _NO_END)


def _heard_part(part: Part, talk: Talk, side: _Side, believe: Recognition) -> list[Match]:
    phrases = [filled for phrase in part.phrases for filled in _fill(phrase, talk)]
    matches = find_any(phrases, side.heard, side.words, believe.slack)
    if not part.telling:
        return matches
    telling = find_any(part.telling, side.heard, side.words, 0.0)
    return [m for m in matches if any(m.first <= t.first and t.last <= m.last for t in telling)]


def _says_all(rule: SaysAll, talk: Talk, side: _Side, believe: Recognition, sure: bool) -> Item:
    evidence: list[Evidence] = []
    lacking: list[Part] = []
    doubtful: list[Part] = []
    for part in rule.parts:
        matches = _heard_part(part, talk, side, believe)
        best = max(matches, key=lambda match: match.confidence, default=None)
        if best is not None:
            evidence.append(_evidence(best))
        if part.hotline_says in talk.announced or (best and best.confidence >= believe.heard):
            continue
        (lacking if best is None else doubtful).append(part)
    if not lacking and not doubtful:
        return _item(rule, talk, "met", _HEARD, evidence)
    if doubtful or not sure:
        return _item(rule, talk, "not_assessable", _named(_UNSURE, lacking + doubtful), evidence)
    return _item(rule, talk, "not_met", _named(_NOTHING, lacking), evidence)


def _says_some(rule: SaysSome, talk: Talk, side: _Side, believe: Recognition, sure: bool) -> Item:
    found = {part.id: _heard_part(part, talk, side, believe) for part in rule.parts}
    clear = [
        _evidence(match)
        for matches in found.values()
        for match in [max(matches, key=lambda m: m.confidence, default=None)]
        if match is not None and match.confidence >= believe.heard
    ]
    count = {
        "zh-CN": f"听到 {len(clear)} 种，要求 {rule.at_least} 种",
        "en": f"{len(clear)} heard, {rule.at_least} wanted",
    }
    if len(clear) >= rule.at_least:
        return _item(rule, talk, "met", count, clear)
    possible = sum(1 for matches in found.values() if matches)
    if not sure or possible >= rule.at_least:
        return _item(rule, talk, "not_assessable", _UNSURE, clear)
    return _item(rule, talk, "not_met", count, clear)


def _never_says(rule: NeverSays, talk: Talk, side: _Side, rules: RuleBook, sure: bool) -> Item:
    believe = rules.recognition
    harmless = find_any(rules.harmless, side.heard, side.words, 0.0)
    certain: list[tuple[Match, Forbidden]] = []
    doubtful: list[tuple[Match, Forbidden]] = []
    for words in rule.words:
        matches = _said(words, side, harmless, believe)
        clear = [match for match in matches if match.confidence >= believe.accused]
        if sure and len(clear) > words.tolerated:
            certain += [(match, words) for match in clear]
        elif len(matches) > words.tolerated:
            doubtful += [(match, words) for match in matches]
    if certain:
        grave = any(words.grave and _beyond_doubt(match, believe) for match, words in certain)
        return _item(rule, talk, "not_met", _quoted(certain), _accusation(certain), auto_fail=grave)
    if doubtful or not sure:
        return _item(rule, talk, "not_assessable", _UNSURE, _accusation(doubtful))
    return _item(rule, talk, "met", _NOTHING)


def _said(words: Forbidden, side: _Side, harmless: Sequence[Match], believe: Recognition) -> list[Match]:
    """Where forbidden words were said and nothing around them makes them harmless."""
    excuses = [
        match
        for match in [*harmless, *find_any(words.unless, side.heard, side.words, 0.0)]
        if in_one_breath(match, side.heard)
    ]
    found = find_any(words.phrases, side.heard, side.words, believe.accused_slack, strict=True)
    return [
        match
        for match in found
        if not any(excuse.first <= match.last and match.first <= excuse.last for excuse in excuses)
        and (not words.alone or stands_alone(match, side.heard))
        and (not words.opener or starts_utterance(match, side.heard))
    ]


def _beyond_doubt(match: Match, believe: Recognition) -> bool:
    return match.distance == 0 and match.confidence >= believe.grave


def _fill(phrase: str, talk: Talk) -> list[str]:
    """A phrase with the talk's own names; none when the talk does not know them."""
    if "{company}" in phrase:
        return [phrase.replace("{company}", name) for name in talk.company]
    if "{work_number}" in phrase:
        return [phrase.replace("{work_number}", talk.work_number)] if talk.work_number else []
    return [phrase]


def _evidence(match: Match, instead: Texts | None = None) -> Evidence:
    return Evidence(
        "agent", round(match.start, 2), round(match.end, 2), match.text, round(match.confidence, 2), instead
    )


def _accusation(found: Sequence[tuple[Match, Forbidden]]) -> list[Evidence]:
    in_order = sorted(found, key=lambda pair: pair[0].start)
    return [_evidence(match, words.instead.by_language()) for match, words in in_order]


def _quoted(found: Sequence[tuple[Match, Forbidden]]) -> Texts:
    said = list(dict.fromkeys(f"“{match.phrase}”" for match, _ in found))
    return {"zh-CN": f"说了{'、'.join(said)}", "en": f"Said {', '.join(said)}"}


def _named(text: Texts, parts: Sequence[Part]) -> Texts:
    names = [part.label.by_language() for part in parts]
    return {
        "zh-CN": text["zh-CN"] + "：" + "、".join(name["zh-CN"] for name in names),
        "en": text["en"] + ": " + ", ".join(name["en"] for name in names),
    }


def _item(
    rule: AnyRule,
    talk: Talk,
    verdict: Verdict,
    reason: Texts,
    evidence: Sequence[Evidence] = (),
    *,
    auto_fail: bool = False,
) -> Item:
    advice: Texts = (
        {}
        if verdict == "met"
        else {
            lang: text.replace("{company}", talk.company[0] if talk.company else "…").replace(
                "{work_number}", talk.work_number or "…"
            )
            for lang, text in rule.advice.by_language().items()
        }
    )
    instead = list({found.instead["zh-CN"]: found.instead for found in evidence if found.instead}.values())
    if instead:
        advice = {lang: _BETWEEN[lang].join(text[lang] for text in instead) for lang in advice}
    return Item(
        rule=rule.id,
        standard=rule.standard,
        label=rule.label.by_language(),
        verdict=verdict,
        weight=rule.weight,
        evidence=tuple(evidence),
        reason=dict(reason),
        advice=advice,
        auto_fail=auto_fail,
    )
