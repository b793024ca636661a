"""The only way out of the house, as it is written for Asterisk: for callbacks, within the country, within the hours."""

import re
from pathlib import Path

import pytest

from ivr.callbacks.numbers import DIALABLE
from ivr.hotline import Hotline, load_hotline
from ivr.instance import Instance
from ivr.settings import ROOT, StatePaths
from ivr.telephony.render import render
from ivr.telephony.runtime import RuntimeFolders


@pytest.fixture
def hotline() -> Hotline:
    return load_hotline(ROOT / "hotline.yaml")


def dialplan(hotline: Hotline, paths: StatePaths, tmp_path: Path) -> str:
    instance = Instance.create(paths, hotline.agents)
    render(hotline, instance, paths, RuntimeFolders(tmp_path / "modules", tmp_path / "data"))
    return (paths.asterisk_conf.parent / "extensions.conf").read_text()


def with_callbacks(hotline: Hotline, **settings: object) -> Hotline:
    return hotline.model_copy(update={"callbacks": hotline.callbacks.model_copy(update=settings)})


def test_one_dial_alone_leads_outside_and_no_phone_reaches_it(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    text = dialplan(hotline, paths, tmp_path)
    assert len(re.findall(r"PJSIP/trunk-", text)) == 1
    [dial] = [line for line in text.splitlines() if "PJSIP/trunk-" in line]
    assert "Dial(PJSIP/trunk-sample/sip:${CALLBACK_NUMBER}@127.0.0.1:5060,30," in dial
    assert not re.search(r"Goto\w*\([^)]*callback-customer", text), "only the dialler's own channel goes there"


def test_the_dialplan_checks_the_same_numbers_as_the_dialler(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    assert f'REGEX("{DIALABLE}" ${{CALLBACK_NUMBER}})' in dialplan(hotline, paths, tmp_path)


@pytest.mark.parametrize(("window", "written"), [("08:00-21:00", "08:00-21:00"), ("00:00-24:00", "00:00-23:59")])
def test_the_dialplan_checks_the_hours_in_the_businesss_own_clock(
    hotline: Hotline, paths: StatePaths, tmp_path: Path, window: str, written: str
) -> None:
    text = dialplan(with_callbacks(hotline, window=window), paths, tmp_path)
    assert f"GotoIfTime({written},*,*,*,Asia/Shanghai?dial)" in text


def test_a_business_without_a_trunk_for_callbacks_has_no_way_out(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    text = dialplan(with_callbacks(hotline, trunk=None), paths, tmp_path)
    assert "trunk-" not in text and "[callback-place]" not in text
