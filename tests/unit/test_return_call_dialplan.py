"""The way out for return calls on cases, as it is written for Asterisk: the same gates as on the page, once more."""

import re
from pathlib import Path

import pytest

from ivr.callbacks.numbers import DIALABLE
from ivr.cases.record import KINDS
from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT, StatePaths
from ivr.speech.prompts import PromptStore, list_prompts
from tests.unit.test_callback_dialplan import dialplan


@pytest.fixture
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


def outbound(hotline: Hotline, **settings: object) -> Hotline:
    return hotline.model_copy(update={"outbound": hotline.outbound.model_copy(update=settings)})


def test_one_dial_leads_to_the_customer_and_no_phone_reaches_it(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    text = dialplan(hotline, paths, tmp_path)
    [dial] = [line for line in text.splitlines() if "PJSIP/trunk-" in line and "RETURN_NUMBER" in line]
    assert "Dial(PJSIP/trunk-sample/sip:${RETURN_NUMBER}@127.0.0.1:5060,30," in dial
    assert not re.search(r"Goto\w*\([^)]*\breturn-call,s", text), "only a call that the page places goes there"


def test_the_dialplan_checks_number_hours_and_emergency_stop(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    text = dialplan(outbound(hotline, window="09:00-20:30"), paths, tmp_path)
    assert f'REGEX("{DIALABLE}" ${{RETURN_NUMBER}})' in text
    assert f"STAT(e,{paths.outbound_stopped})" in text
    assert "GotoIfTime(09:00-20:29,*,*,*,Asia/Shanghai?dial)" in text


def test_without_a_trunk_of_its_own_that_of_the_callbacks_is_taken_and_without_any_there_is_no_way_out(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    assert "RETURN_NUMBER}@" in dialplan(outbound(hotline, trunk=None), paths, tmp_path)
    nowhere = hotline.model_copy(update={"callbacks": hotline.callbacks.model_copy(update={"trunk": None})})
    assert "[return-call]" not in dialplan(outbound(nowhere, trunk=None), paths, tmp_path)


def test_there_are_words_for_every_kind_of_case(hotline: Hotline, paths: StatePaths) -> None:
    known = {row.id for row in list_prompts(PromptStore(paths, hotline)) if row.lang == "zh-CN"}
    assert {f"case_{kind}" for kind in KINDS} <= known
