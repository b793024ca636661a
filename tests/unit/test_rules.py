"""Finding what was said in text that a recogniser has mangled, and never finding what was not."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.quality.matching import distance, find, syllables, tokens
from ivr.quality.rules import RULES_FILE, NeverSays, RulesFileError, default_rules, load_rules
from ivr.quality.scorecard import Item, score
from ivr.quality.talk import Talk
from ivr.speech.words import Word

ANSWERED = 5.0


def spoken(text: str, confidence: float = 1.0, start: float = ANSWERED + 1) -> tuple[Word, ...]:
    """Words as Vosk gives them: blanks part words, `|` is a pause."""
    words: list[Word] = []
    for utterance in text.split("|"):
        for word in utterance.split():
            words.append(Word(word, start, start + 0.25 * len(word), confidence))
            start += 0.25 * len(word)
        start += 0.6
    return tuple(words)


def judged(rule: str, text: str, confidence: float = 1.0) -> Item:
    words = spoken(text, confidence)
    talk = Talk({"agent": words}, ANSWERED, words[-1].end if words else 60.0, "caller")
    return next(item for item in score(talk, default_rules()).items if item.rule == rule)


def forbidden(text: str, confidence: float = 1.0) -> Item:
    return judged("forbidden_words", f"您好 请问 有 什么 可以 帮 您|{text}", confidence)


def said(text: str) -> list[str]:
    """The forbidden words found."""
    return [found.text for found in forbidden(text).evidence]


# Every phrase of S30, with the words Vosk's lexicons split them into.
S30 = [
    "不 知道", "不 清楚", "不行", "不|", "不是 我 的 工作", "不 关 我 事", "我 不 负责", "找 我们 经理", "找 别人 去",
    "我们 这儿 确实 很 差", "你 冷静 点", "讨厌", "烦 死 了", "急 什么", "等 一会儿", "怎么 搞 的", "你 弄 错 了",
    "自己 去 看", "下班 了", "没有 办法", "没 办法", "凑合 着 用", "这种 现象 可能 不 正常",
    "喂|说话 呀", "再 不 说话 我 就 挂 了",
    "大声 一点儿",
]  # fmt: skip


@pytest.mark.parametrize("text", S30)
def test_every_phrase_that_the_standards_forbid_is_found_and_says_what_to_say_instead(text: str) -> None:
    item = forbidden(text)
    assert item.verdict == "not_met"
    assert item.evidence[0].instead is not None
    assert item.evidence[0].instead["zh-CN"] in item.advice["zh-CN"]


GRAVE = ["不是 我 的 工作", "不 关 我 事", "我 不 负责", "烦 死 了", "讨厌", "再 不 说话 我 就 挂 了"]


@pytest.mark.parametrize("text", S30)
def test_only_the_grave_ones_fail_the_card(text: str) -> None:
    assert forbidden(text).auto_fail == (text in GRAVE)


@pytest.mark.parametrize(
    "text",
    [
        "不 客气", "不客气", "对 不 起", "对不起", "不好意思", "不 好意思", "没 关系", "不 用 谢", "不 要紧",
        "您 看 行 不行", "行不行", "有 没有 办法 呢", "有没有 办法", "请 您 等 一会儿", "请 等 一会 好 吗",
        "麻烦 您 等 一会儿",
        "如果 您 不 清楚 可以 再 问", "您 不 清楚 的 地方", "不 知道 您 方便 吗", "等 您 下班 了 再 来",
        "不 幸", "不 信",
        "我 很 理解 您 的 感受", "这件 事 王 师傅 可以 帮助 您", "我 会 尽力 帮 您", "请 让 我 帮 您 查 一下",
        "不 过 还 可以", "不但",
        "行 不 行", "声音 听 不 清楚",
    ],
)  # fmt: skip
def test_polite_phrases_that_contain_forbidden_sounds_are_never_held_against_anybody(text: str) -> None:
    assert forbidden(text).verdict == "met"


def test_bare_no_counts_only_when_it_stands_alone() -> None:
    assert said("不|好 的 我 看 一下") == ["不"]
    assert said("这个 不 在 保修 范围") == []


def test_excuse_does_not_reach_across_a_pause() -> None:
    assert said("不 知道|您 再 说 一遍") == ["不知道"]


def test_homophone_of_the_recogniser_is_the_same_word() -> None:
    assert said("没有 板 发") == ["没有板发"]
    assert said("没有 番 号") == []
    assert said("没有 办 法") == ["没有办法"]
    assert said("不 关 我 是") == ["不关我是"]


def test_mishearing_is_held_against_nobody_as_a_failed_card() -> None:
    item = forbidden("不 观 我 是")
    assert not forbidden("不 管 我 事").auto_fail
    assert item.verdict == "not_met"


@pytest.mark.parametrize("confidence", [0.1, 0.5, 0.7])
def test_uncertain_words_are_shown_for_listening_and_held_against_nobody(confidence: float) -> None:
    words = spoken("您好 请问 有 什么 可以 帮 您 我 马上 为 您 查询") + spoken("没有 办法", confidence, 30.0)
    card = score(Talk({"agent": words}, ANSWERED, 40.0, "caller"), default_rules())
    item = next(item for item in card.items if item.rule == "forbidden_words")
    assert item.verdict == "not_assessable"
    assert [found.text for found in item.evidence] == ["没有办法"]
    assert "listen" in item.reason["en"]


def test_openers_are_tolerated_twice() -> None:
    opening = "您好 请问 有 什么 可以 帮 您"
    assert judged("fillers", f"{opening}|嗯 好 的|那 我 看 一下").verdict == "met"
    assert judged("fillers", f"{opening}|嗯 好 的|嗯 我 看 一下|嗯 可以").verdict == "not_met"
    assert judged("fillers", f"{opening}|我 那 时候 嗯 看 了 那 个 嗯").verdict == "met"
    assert judged("fillers", f"{opening}|真是 的").verdict == "not_met"


@pytest.mark.parametrize(
    "text",
    [
        "工号 幺 零零 幺 为您服务",
        "工号 一零零一 为 您 服务",
        "工号 1001",
        "工号 幺 零零 要 为您服务",
        "公号 一 零零 一",
    ],
)
def test_work_number_is_heard_in_all_its_readings(text: str) -> None:
    assert "work number" not in missing_of_greeting(text)


@pytest.mark.parametrize("text", ["工号 幺 零零 二 为您服务", "工号 二 零零 一", "我 是 小 王"])
def test_another_work_number_is_another_work_number(text: str) -> None:
    assert "work number" in missing_of_greeting(text)


def missing_of_greeting(text: str) -> str:
    words = spoken(f"您好 {text} 请问 有 什么 可以 帮 您")
    talk = Talk({"agent": words}, ANSWERED, 60.0, "caller", ("安行汽车",), "1001", frozenset({"company"}))
    item = next(item for item in score(talk, default_rules()).items if item.rule == "greeting")
    assert item.verdict in ("met", "not_met")
    return "" if item.verdict == "met" else item.reason["en"]


def test_company_name_is_known_by_its_sound() -> None:
    words = spoken("您好 安 星期 车 售后 服务中心 工号 一零零一 请问 有 什么 可以 帮 您")
    talk = Talk({"agent": words}, ANSWERED, 60.0, "caller", ("安行汽车售后服务中心",), "1001")
    assert next(item for item in score(talk, default_rules()).items if item.rule == "greeting").verdict == "met"


def test_opening_question_is_not_taken_for_the_closing_one() -> None:
    text = "您好 请问 有 什么 可以 帮 您|好 的|谢谢 您 再见"
    assert judged("closing", text).verdict == "not_met"
    assert judged("closing", "您好|请问 您 还有 什么 可以 帮 您|再见").verdict == "met"


def test_greeting_too_late_is_none() -> None:
    early, late = spoken("好 的 我 看 一下 这个"), spoken("您好 请问 有 什么 可以 帮 您", start=ANSWERED + 30)
    announced = frozenset({"company", "work_number"})
    talk = Talk({"agent": early + late}, ANSWERED, 60.0, "caller", announced=announced)  # type: ignore[arg-type]
    assert next(item for item in score(talk, default_rules()).items if item.rule == "greeting").verdict == "not_met"


def test_sounds_that_people_mix_up_are_near_and_digits_never_are() -> None:
    (shi,), (si,), (dao,), (liu,), (jiu,), (yao,), (yi,) = (syllables(c) for c in "是四到六九幺一")
    assert distance(shi, si) == 0.3
    assert distance(shi, dao) == 1.0
    assert distance(liu, jiu) == 2.0
    assert distance(yi, yao) == 0.0


SYLLABLES = st.sampled_from(list("您好请问不行没有办法再见工号一幺的是我帮查四十"))


@given(st.lists(SYLLABLES, min_size=1, max_size=8), st.lists(SYLLABLES, max_size=8), st.lists(SYLLABLES, max_size=8))
def test_phrase_that_was_said_is_always_found_at_its_place(
    phrase: list[str], before: list[str], after: list[str]
) -> None:
    words = spoken(" ".join([*before, *phrase, *after]))
    heard = tokens(words)
    exact = [m for m in find("".join(phrase), heard, words, 0.0) if m.distance == 0]
    assert exact
    assert all(m.confidence == 1.0 and m.last - m.first + 1 == len(phrase) for m in exact)


@given(st.lists(SYLLABLES, min_size=4, max_size=8), st.lists(SYLLABLES, max_size=20))
def test_more_slack_finds_no_less(phrase: list[str], text: list[str]) -> None:
    words = spoken(" ".join(text)) if text else ()
    heard = tokens(words)
    strict, loose = (find("".join(phrase), heard, words, slack) for slack in (0.0, 0.3))
    assert len(loose) >= bool(strict)
    assert all(match.start <= match.end and 0 <= match.confidence <= 1 for match in loose)


@given(st.text(max_size=30))
def test_any_text_can_be_split_into_syllables(text: str) -> None:
    assert len(syllables(text)) <= len(text) * 2
    assert all(part.sound for part in syllables(text))


def test_shipped_rules_cite_the_first_five_standards_in_both_languages() -> None:
    rules = default_rules()
    assert {rule.standard for rule in rules.rules} == {"S1", "S29", "S30", "S13", "S9"}
    assert sum(rule.weight for rule in rules.rules) == 100
    fillers, words = (next(r for r in rules.rules if r.id == name) for name in ("fillers", "forbidden_words"))
    assert fillers.weight < words.weight
    assert isinstance(words, NeverSays)
    assert sum(len(word.phrases) for word in words.words) > 26


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weight": 0}, "weight"),
        ({"standard": "S99"}, "standard"),
        ({"kind": "guesses"}, "rules.0"),
        ({"parts": []}, "parts"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_rules_with_a_mistake_are_refused_naming_the_field(
    tmp_path: Path, change: dict[str, object], field: str
) -> None:
    data = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    data["rules"][0] |= change
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    with pytest.raises(RulesFileError, match=field):
        load_rules(tmp_path / "rules.yaml")


def test_rules_file_that_is_absent_or_not_yaml_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RulesFileError, match="cannot be read"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("rules: [")
    with pytest.raises(RulesFileError, match="not YAML"):
        load_rules(tmp_path / "bad.yaml")
