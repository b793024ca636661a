"""The ways out of the house as they are written for Asterisk: callbacks and surveys, in the country and the hours."""

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


def with_outbound(hotline: Hotline, **settings: object) -> Hotline:
    return hotline.model_copy(update={"outbound": hotline.outbound.model_copy(update=settings)})


def test_three_dials_alone_lead_outside_and_no_phone_reaches_them(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    text = dialplan(hotline, paths, tmp_path)
    dials = re.findall(r"Dial\((PJSIP/trunk-[^,]*,\d+)", text)
    names = ("CALLBACK_NUMBER", "SURVEY_NUMBER", "RETURN_NUMBER")
    assert dials == [f"PJSIP/trunk-sample/sip:${{{name}}}@127.0.0.1:5060,30" for name in names]
    assert len(re.findall(r"PJSIP/trunk-", text)) == len(dials)
    ours = "callback-customer|survey-dial|return-call,s"
    assert not re.search(rf"Goto\w*\([^)]*\b({ours})", text), "only channels that we make go there"


def test_no_phone_and_no_carrier_sends_a_call_elsewhere_instead_of_answering_it(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    text = dialplan(hotline, paths, tmp_path)
    calls = [line for line in text.splitlines() if re.search(r"^[^;]*,(Dial|Queue)\(", line)]
    options = [found[1] for line in calls if (found := re.search(r"(?:,\d+|Queue\([^,]*),([A-Za-z]+)", line))]
    assert len(options) == len(calls) > 10
    assert all("i" in each for each in options), "i: a 302 from the far end is not followed"


@pytest.mark.parametrize("variable", ["CALLBACK_NUMBER", "SURVEY_NUMBER", "RETURN_NUMBER"])
def test_the_dialplan_checks_the_same_numbers_as_the_diallers(
    hotline: Hotline, paths: StatePaths, tmp_path: Path, variable: str
) -> None:
    text = dialplan(hotline, paths, tmp_path)
    assert f'REGEX("{DIALABLE}" ${{{variable}}})' in text
    assert f'"${{{variable}}}" = "{hotline.hotline.number}"' in text, "nor do we call ourselves"


@pytest.mark.parametrize(("window", "written"), [("08:00-21:00", "08:00-21:00"), ("00:00-24:00", "00:00-23:59")])
def test_the_dialplan_checks_the_hours_in_the_businesss_own_clock(
    hotline: Hotline, paths: StatePaths, tmp_path: Path, window: str, written: str
) -> None:
    text = dialplan(with_callbacks(hotline, window=window), paths, tmp_path)
    assert f"GotoIfTime({written},*,*,*,Asia/Shanghai?dial)" in text


def test_a_business_without_a_trunk_for_callbacks_has_no_way_out(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    text = dialplan(with_callbacks(with_outbound(hotline, trunk=None), trunk=None), paths, tmp_path)
    assert "trunk-" not in text and "[callback-place]" not in text and "[survey-dial]" not in text


@pytest.mark.standards("S26")
def test_the_dialplan_rings_for_surveys_until_the_minute_before_the_window_closes(
    hotline: Hotline, paths: StatePaths, tmp_path: Path
) -> None:
    """GotoIfTime's last minute is within."""
    text = dialplan(with_outbound(hotline, window="09:00-12:00, 14:00-20:00"), paths, tmp_path)
    times = re.findall(
        r"GotoIfTime\((.*),\*,\*,\*,(.*)\?dial\)", text[text.index("[survey-dial]") : text.index("[survey-result]")]
    )
    assert times == [("09:00-11:59", "Asia/Shanghai"), ("14:00-19:59", "Asia/Shanghai")]


@pytest.mark.parametrize(
    ("way_out", "attempt"),
    [("survey-dial", "survey-dialled/${SURVEY_CONTACT}"), ("callback-customer", "callback-dialled/${CALLBACK}")],
)
def test_the_emergency_stop_is_looked_at_before_anybody_is_dialled(
    hotline: Hotline, paths: StatePaths, tmp_path: Path, way_out: str, attempt: str
) -> None:
    text = dialplan(hotline, paths, tmp_path)
    gate, _, _ = text[text.index(f"[{way_out}]") :].partition(",Dial(")
    assert f"${{STAT(e,{paths.outbound_stopped})}} = 1]?refused" in gate
    assert f"Set(DB({attempt})=" in gate, "an attempt is written down before it is dialled"
