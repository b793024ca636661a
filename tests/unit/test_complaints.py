"""Complaint words in what customers say (S26): found as they sound, harmless ones left alone, doubts told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.cases import complaints
from ivr.cases.complaints import LexiconFileError, default_lexicon, find_complaints, load_lexicon
from ivr.quality.matching import distance, find_any, syllables, tokens
from ivr.speech.words import Word

SURE, LOW = 0.95, 0.6


def heard(text: str, confidence: float = SURE) -> list[Word]:
    """Words parted by blanks, said one after the other."""
    return [Word(word, n * 0.3, n * 0.3 + 0.3, confidence) for n, word in enumerate(text.split())]


def found(text: str, confidence: float = SURE) -> list[str]:
    return [each.heard for each in find_complaints(heard(text, confidence), default_lexicon())]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("我 要 投诉 你们", ["投诉"]),
        ("修 了 三次 还是 有 问题", ["还是有问题"]),
        ("师傅 态度 恶劣", ["态度恶劣"]),
        ("等 了 很久 都 没人 管", ["等了很久", "没人管"]),
        ("没有 问题 但是 收费 不 合理", ["收费不合理"]),
        ("透 苏", ["透苏"]),  # homophones, as the recogniser writes them
        ("很 茶", ["很茶"]),
        ("it was terrible i want a refund", ["terrible", "refund"]),
    ],
)
def test_complaint_is_found_in_the_words_of_the_customer(said: str, complaint: list[str]) -> None:
    assert found(said) == complaint


@pytest.mark.parametrize(
    "said",
    [
        "师傅 很 好 下次 还 来",
        "态度 很 好 没有 问题",
        "没有 什么 不 满意 的",
        "我 不 投诉 谢谢",
        "我 觉得 不错 差不多",
        "我 出差 了 没 看到",
        "问题 解决 了 谢谢",
        "no problem no complaints at all",
        "",
    ],
)
def test_praise_and_what_only_sounds_like_a_complaint_is_none(said: str) -> None:
    assert found(said) == []


def test_words_that_were_hardly_heard_are_a_doubt_and_a_guess_is_nothing() -> None:
    doubt = find_complaints(heard("我 要 投诉", LOW), default_lexicon())
    assert [(each.heard, each.sure) for each in doubt] == [("投诉", False)]
    assert find_complaints(heard("我 要 投诉", 0.3), default_lexicon()) == []


def test_what_the_demonstration_model_heard_is_never_sure() -> None:
    (doubt,) = find_complaints(heard("我 要 投诉"), default_lexicon(), demonstration=True)
    assert not doubt.sure


def test_a_complaint_is_told_with_the_moment_it_was_said() -> None:
    (told,) = find_complaints(heard("师傅 很 好 就是 太 慢 了"), default_lexicon())
    assert told.start == pytest.approx(1.2)


@given(
    st.lists(st.sampled_from("我要投诉没解决态度很差好出问题头书茶失望四十思朋友yao一遥不"), min_size=1, max_size=24)
)
def test_phrases_that_are_passed_over_quickly_are_not_in_what_was_said(signs: list[str]) -> None:
    """Looking only for what can have been said finds the same as looking for everything everywhere."""
    words = heard(" ".join(signs))
    slack = default_lexicon().recognition.slack
    phrases = [phrase for each in default_lexicon().complaints for phrase in each.phrases]
    sounds = {complaints._coarse(token.syllable.sound) for token in tokens(words)}
    some = complaints._possible(phrases, sounds, slack)
    assert find_any(some, tokens(words), words, slack) == find_any(phrases, tokens(words), words, slack)


@given(
    st.text(
        "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生沉蓝红花饭",
        min_size=2,
        max_size=2,
    )
)
def test_sounds_that_are_mixed_up_are_coarsely_the_same(two: str) -> None:
    one, other = syllables(two)
    if distance(one, other) < 1:
        assert complaints._coarse(one.sound) == complaints._coarse(other.sound)


def test_words_of_the_product_can_be_read_and_hold_no_harmless_phrase_for_nothing() -> None:
    lexicon = load_lexicon()
    everything = [phrase for each in lexicon.complaints for phrase in each.phrases]
    assert len(set(everything)) == len(everything)
    idle = [
        phrase
        for phrase in lexicon.harmless
        if not find_any(everything, tokens(heard(phrase)), heard(phrase), lexicon.recognition.slack)
    ]
    assert idle == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("complaints: []", "recognition"),
        ("- x", "valid dictionary"),
        ("a: [", "not YAML"),
        (None, "cannot be read"),
    ],
)
def test_bad_words_file_says_what_is_wrong(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "words.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LexiconFileError, match=told):
        load_lexicon(file)
