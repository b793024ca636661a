"""Surnames as agents hear them before a caller is put through (S2, S8)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from ivr.customers.names import COMPOUND
from ivr.hotline import load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.speech.prompts import PromptStore
from ivr.speech.surname_readings import for_engines, latin_key, reading_of
from ivr.speech.surnames import SOUND_OF, prompt_id, surname_prompt, surname_texts


def test_every_surname_that_can_be_said_has_a_prompt_for_both_titles() -> None:
    prompts = PromptStore(StatePaths(ROOT), load_hotline(ROOT / "hotline.yaml")).prompts
    for surname in SOUND_OF:
        for title in ("先生", "女士"):
            assert ("zh-CN", surname_prompt(surname, title)) in prompts


def test_surnames_with_one_sound_share_a_prompt_and_others_do_not() -> None:
    assert surname_prompt("付", "先生") == surname_prompt("傅", "先生") == "surname_fu4_male"
    assert surname_prompt("王", "女士") == "surname_wang2_female" != surname_prompt("汪", "女士")


def test_a_rare_surname_or_an_unknown_title_has_none() -> None:
    assert surname_prompt("佟", "先生") == surname_prompt("王", "") == surname_prompt("", "先生") == ""


def test_every_sound_is_pinyin_with_tones() -> None:
    assert all(re.fullmatch(r"([a-z]+[1-4])+", sound) for sound in SOUND_OF.values())
    assert surname_texts()["surname_ou1yang2_male"] == ("欧阳", "先生")
    assert for_engines("欧阳", "ou1yang2", "先生") == (("espeak-ng", "ou1 yang2 xian1 sheng1"),)


# --- beyond the hundred ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("surname", "sound"),
    [
        ("佟", "tong2"), ("冼", "xian3"), ("逄", "pang2"), ("爨", "cuan4"), ("吕", "lv3"), ("闾丘", "lv2qiu1"),
        ("陳", "chen2"), ("劉", "liu2"), ("單", "shan4"),
        # read otherwise than the same character elsewhere
        ("单", "shan4"), ("仇", "qiu2"), ("解", "xie4"), ("曾", "zeng1"), ("区", "ou1"), ("查", "zha1"), ("任", "ren2"),
        ("华", "hua4"), ("朴", "piao2"), ("卜", "bu3"), ("葛", "ge3"), ("缪", "miao4"), ("翟", "zhai2"), ("阚", "kan4"),
        ("肖", "xiao1"), ("尉迟", "yu4chi2"), ("万俟", "mo4qi2"), ("单于", "chan2yu2"), ("长孙", "zhang3sun1"),
        # families that write the same and read it differently; several characters; no name at all
        ("乐", ""), ("覃", ""), ("盖", ""), ("王小", ""), ("Smith", ""), ("", ""), ("?", ""),
    ],
)  # fmt: skip
def test_a_surname_is_read_as_its_bearers_read_it_or_not_at_all(surname: str, sound: str) -> None:
    assert reading_of(surname) == sound


def test_every_double_surname_that_is_recognised_can_be_said() -> None:
    assert [surname for surname in COMPOUND if not re.fullmatch(r"([a-z]+[1-4]){2}", reading_of(surname))] == []


def test_the_characters_an_engine_is_given_instead_have_that_one_reading() -> None:
    for surname in (*SOUND_OF, *COMPOUND, *"单仇解查区华朴翟任阚"):
        for engine, words in for_engines(surname, reading_of(surname)):
            if engine == "edge-tts":
                assert "".join(lazy_pinyin(words, style=Style.TONE3)) == reading_of(surname), surname


@pytest.mark.parametrize(
    ("surname", "key"),
    [
        ("Smith", "smith"),
        ("O'Brien", "obrien"),
        ("Müller", "muller"),
        ("van der Berg", "vanderberg"),
        ("X", ""),
        ("王", ""),
    ],
)
def test_a_latin_surname_has_a_key_of_plain_letters(surname: str, key: str) -> None:
    assert latin_key(surname) == key


@given(st.text(max_size=40))
def test_whatever_stands_for_a_surname_makes_the_id_of_a_prompt_or_nothing(surname: str) -> None:
    for key in (reading_of(surname), latin_key(surname)):
        assert key == "" or re.fullmatch(r"[a-z][a-z0-9_]{0,47}", prompt_id(key, "女士"))
