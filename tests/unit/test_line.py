"""What the waiting line says by itself, and what it leaves for the flows."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.hotline import Hotline
from ivr.settings import ROOT
from ivr.speech.audio import FORMATS
from ivr.telephony.line import Line, line_offers, offer_prompt, read_line, write_line_sounds


def business(**queue: object) -> Hotline:
    """The sample business with other settings of its queue `service`."""
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    data["queues"]["service"] |= queue
    return Hotline.model_validate(data)


def test_a_callers_place_is_read_as_the_dialplan_wrote_it() -> None:
    assert read_line("service,1795300000,2,key,1001,投诉, 建议") == Line(
        "service", 1_795_300_000, 2, "key", "1001", "投诉, 建议"
    )


def test_a_line_that_knows_nothing_is_read_as_nothing() -> None:
    assert read_line("") == Line("", 0, 0, "", "", "")


@given(st.text())
def test_nothing_in_the_line_is_relied_on(text: str) -> None:
    line = read_line(text)
    assert line.joined_at >= 0 and line.priority >= 0


@pytest.mark.parametrize(
    ("queue", "offers", "soon", "late"),
    [
        ({}, ("callback", "message"), "wait_key", "wait_offer"),
        ({"message": False}, ("callback",), "wait_key_callback", "wait_key_callback"),
        ({"callback": False}, ("message",), "wait_key_message", "wait_key_message"),
        ({"callback": False, "message": False}, (), "thanks_waiting", "thanks_waiting"),
    ],
    ids=["both", "callback alone", "message alone", "neither"],
)
def test_only_what_a_queue_has_is_offered_in_line(
    queue: dict[str, object], offers: tuple[str, ...], soon: str, late: str
) -> None:
    assert line_offers(business(**queue), "service") == offers
    assert offer_prompt(offers, late=False) == soon
    assert offer_prompt(offers, late=True) == late


def test_each_queues_sentences_lead_to_its_prompts_in_each_language_early_and_late(tmp_path: Path) -> None:
    line, prompts = tmp_path / "line", tmp_path / "prompts"
    line.mkdir()
    for language in ("zh-CN", "en"):
        (prompts / language).mkdir(parents=True)
        for ending, _, _ in FORMATS:
            for prompt in ("wait_next", "wait_key", "wait_offer", "thanks_waiting", "cut_off"):
                (prompts / language / f"{prompt}.{ending}").write_text(f"{language} {prompt}")

    write_line_sounds(business(), line, prompts)
    write_line_sounds(business(callback=False, message=False), line, prompts)

    assert (line / "en" / "next.ulaw").read_text() == "en wait_next"
    assert (line / "zh-CN_booking" / "end.ulaw").read_text() == "zh-CN wait_key"
    assert (line / "en_late_booking" / "end.alaw").read_text() == "en wait_offer"
    assert (line / "en_CUT" / "next.ulaw").read_text() == "en cut_off"
    assert (line / "en_late_service" / "end.ulaw").read_text() == "en thanks_waiting", "as the business is now"
    assert (prompts / "en_late_service" / "wait_next.ulaw").read_text() == "en wait_next"
    assert (line / "tone.ulaw").stat().st_size == 3200, "0.4 s"
