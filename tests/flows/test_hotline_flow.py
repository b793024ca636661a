"""The hotline as callers meet it, without a telephone."""

from pathlib import Path

import pytest

from ivr.telephony.agi import CallerHungUp
from ivr.telephony.server import load_flows
from tests.flows.scripted import HANG_UP, NIGHT, Caller, tell

hotline = load_flows()["hotline"]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "flow.jsonl"


def test_caller_who_presses_0_in_the_main_menu_reaches_a_person_at_once(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal)

    assert told.error is None
    assert told.caller.heard == ["greeting", "recording_notice", "menu_main", "connecting"]
    assert told.caller.variables["IVR_NEXT"] == "queue"
    assert told.caller.variables["IVR_QUEUE"] == "service"
    assert told.caller.variables["IVR_REASON"] == "人工"
    assert told.event("call.started")["caller"] == "13800138000"
    assert told.event("recording.started")["agent"] == "2026/01/02/x-agent.wav"
    assert told.event("menu.key") | {"at": ""} == {
        "at": "", "call": "ivr-test-1.1", "event": "menu.key", "menu": "main", "key": "0", "label": "人工",
    }  # fmt: skip


def test_caller_who_knows_the_menu_presses_a_key_in_the_greeting_and_still_hears_of_the_recording(
    journal: Path,
) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, seconds_before_key=1.0)

    assert told.caller.heard[:3] == ["greeting", "recording_notice", "menu_main"]
    assert told.caller.heard[3] == "recording_notice_short"
    greeting, *_ = [e for e in told.events if e["event"] == "prompt.played"]
    assert greeting["prompt"] == "greeting"
    assert greeting["cut"] is True


def test_caller_books_maintenance_on_the_second_level_and_the_agent_is_told_why(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["1", "1"]), journal)

    assert told.caller.variables["IVR_QUEUE"] == "booking"
    assert told.caller.variables["IVR_REASON"] == "预约 保养"
    assert [e["menu"] for e in told.events if e["event"] == "menu.entered"] == ["main", "booking"]


def test_caller_goes_back_with_the_hash_key_and_repeats_with_the_star(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["1", "#", "*", "2"]), journal)

    menus = [prompt for prompt in told.caller.heard if prompt.startswith("menu_")]
    assert menus == ["menu_main", "menu_booking", "menu_main", "menu_main"]
    assert told.caller.variables["IVR_REASON"] == "维修进度"


def test_caller_who_presses_two_wrong_keys_is_taken_to_a_person_kindly(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["7", "8"]), journal)

    assert told.caller.heard[2:] == ["menu_main", "wrong_key", "menu_main", "sorry_person", "connecting"]
    assert told.caller.variables["IVR_QUEUE"] == "service"
    assert told.event_names().count("menu.wrong_key") == 2


def test_caller_who_presses_nothing_is_asked_twice_then_taken_to_a_person(journal: Path) -> None:
    told = tell(hotline, Caller(keys=[None, None]), journal)

    assert told.caller.heard[2:5] == ["menu_main", "no_key", "menu_main"]
    assert told.caller.variables["IVR_NEXT"] == "queue"
    assert told.event_names().count("menu.silent") == 2


def test_one_wrong_key_and_one_silence_are_not_two_of_either(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["7", None, "2"]), journal)

    assert "sorry_person" not in told.caller.heard
    assert told.caller.variables["IVR_REASON"] == "维修进度"


def test_caller_who_chooses_english_hears_english_to_the_end(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["9", "2"]), journal)

    assert told.caller.variables["CHANNEL(language)"] == "en"
    languages = [e["language"] for e in told.events if e["event"] == "prompt.played"]
    assert languages[:3] == ["zh-CN"] * 3
    assert set(languages[3:]) == {"en"}


def test_at_night_a_booking_goes_to_the_queue_that_is_open(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["1", "2"]), journal, at=NIGHT)

    assert told.caller.variables["IVR_QUEUE"] == "service"


def test_caller_behind_three_others_hears_that_all_are_busy_and_the_line_tells_the_rest(journal: Path) -> None:
    caller = Caller(keys=["0"], waiting=3, free=0, present=2)
    told = tell(hotline, caller, journal, talk_seconds=90.0)

    assert caller.heard[3:] == ["all_busy"]
    assert told.event("wait.told")["position"] == 4
    assert told.event("wait.told")["seconds"] == 180.0


def test_caller_is_told_no_minutes_when_nobody_can_know_them(journal: Path) -> None:
    caller = Caller(keys=["0"], waiting=0, free=0, present=0)
    told = tell(hotline, caller, journal)

    assert caller.heard[3:] == ["all_busy"]
    assert told.event("wait.told")["seconds"] is None


@pytest.mark.parametrize(
    "ending", ["HANGUP\n", "511 Command Not Permitted on a dead channel or intercept routine\n", ""]
)
def test_caller_who_hangs_up_in_the_menu_ends_the_flow_however_asterisk_says_so(journal: Path, ending: str) -> None:
    told = tell(hotline, Caller(keys=["1", HANG_UP], ending=ending), journal)

    assert isinstance(told.error, CallerHungUp)
    assert "IVR_NEXT" not in told.caller.variables
    assert told.event_names()[-1] == "prompt.played"


def test_a_prompt_without_sound_is_passed_over_and_the_call_goes_on(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, missing=["greeting", "menu_main"])

    assert told.caller.heard[0] == "recording_notice"
    assert told.caller.variables["IVR_NEXT"] == "queue"
