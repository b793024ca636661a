"""Surnames as agents hear them before a caller is put through (S2, S8)."""

import re

from ivr.hotline import load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.speech.prompts import PromptStore
from ivr.speech.surnames import SOUND_OF, surname_prompt, surname_texts


def test_every_surname_that_can_be_said_has_a_prompt_for_both_titles() -> None:
    prompts = PromptStore(StatePaths(ROOT), load_hotline(ROOT / "hotline.yaml")).prompts
    for surname in SOUND_OF:
        for title in ("先生", "女士"):
            assert ("zh-CN", surname_prompt(surname, title)) in prompts


def test_surnames_with_one_sound_share_a_prompt_and_others_do_not() -> None:
    assert surname_prompt("付", "先生") == surname_prompt("傅", "先生") == "surname_fu4_male"
    assert surname_prompt("王", "女士") == "surname_wang2_female" != surname_prompt("汪", "女士")


def test_a_rare_surname_or_an_unknown_title_has_none() -> None:
    assert surname_prompt("熊", "先生") == surname_prompt("王", "") == surname_prompt("", "先生") == ""


def test_every_sound_is_pinyin_with_tones() -> None:
    assert all(re.fullmatch(r"([a-z]+[1-4])+", sound) for sound in SOUND_OF.values())
    assert surname_texts()["surname_ou1yang2_male"] == ("欧阳先生", "ou1 yang2 xian1 sheng1")
