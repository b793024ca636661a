"""A caller in line who pressed a key, or for whom nobody is there: the choice, the message, the rating."""

import struct
from pathlib import Path

import pytest
import yaml

from ivr.hotline import Hotline
from ivr.settings import ROOT
from ivr.telephony.agi import CallerHungUp
from ivr.telephony.server import load_flows
from tests.flows.scripted import HANG_UP, NIGHT, Caller, Told, tell

FLOWS = load_flows()
LATER = "agi_network: yes\nagi_uniqueid: ivr-test-1.1\nagi_callerid: 13800138000\nagi_language: zh-CN\n\n"
"""A later flow of a call is given no arguments."""
JOINED = 1_795_300_000
VOICE = struct.pack("<80h", *([4000] * 40 + [-4000] * 40)) * 100 * 6
"""Six seconds of something."""
MURMUR = bytes(16000 * 6)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "flow.jsonl"


def in_line(why: str = "key", **facts: str) -> dict[str, str]:
    return {"QUEUE": "service", "JOINED": str(JOINED), "IVR_CLASS": "0", "IVR_WHY": why, "IVR_REASON": "投诉"} | facts


def choose(caller: Caller, journal: Path, **more: object) -> Told:
    return tell(FLOWS["waiting"], caller, journal, header=LATER, recordings=journal.parent, **more)  # type: ignore[arg-type]


def business(**changes: object) -> Hotline:
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    for path, value in changes.items():
        section, name = path.split("__")
        data[section][name] = value if not isinstance(value, dict) else data[section].get(name, {}) | value
    return Hotline.model_validate(data)


def test_a_key_in_line_offers_to_wait_on_a_callback_and_a_message(journal: Path) -> None:
    told = choose(Caller(keys=["1"], variables=in_line()), journal)

    assert told.caller.heard == ["choice_wait", "choice_callback", "choice_message", "choice_kept"]
    assert told.event("wait.choice")["choice"] == "wait"
    assert told.caller.variables["IVR_NEXT"] == "queue"
    assert "call.started" not in told.event_names(), "it is no new call"


@pytest.mark.parametrize("key", [None, "0", "7", "#"])
def test_whoever_says_nothing_or_something_else_waits_on(journal: Path, key: str | None) -> None:
    told = choose(Caller(keys=[key], variables=in_line()), journal)

    assert told.caller.heard[-1] == "choice_kept"
    assert told.event("wait.choice")["choice"] == "wait"


def test_a_callback_keeps_the_place_and_the_class(journal: Path) -> None:
    told = choose(Caller(keys=["2", "1"], variables=in_line(IVR_CLASS="1")), journal)

    asked = told.event("callback.requested")
    assert (asked["number"], asked["queue"], asked["joined_at"], asked["priority"]) == (
        "13800138000",
        "service",
        JOINED,
        1,
    )
    assert told.event("call.closed")["outcome"] == "callback"
    assert told.caller.variables["IVR_NEXT"] == "hangup"


def test_whoever_declines_the_callback_is_back_in_line(journal: Path) -> None:
    told = choose(Caller(keys=["2", "0"], variables=in_line()), journal)

    assert told.caller.variables["IVR_NEXT"] == "queue"
    assert "callback.requested" not in told.event_names()


def test_only_what_the_queue_has_is_offered(journal: Path) -> None:
    hotline = business(queues__service={"callback": False})
    told = choose(Caller(keys=["2"], variables=in_line()), journal, hotline=hotline)

    assert "choice_callback" not in told.caller.heard
    assert told.caller.variables["IVR_NEXT"] == "queue"


def test_where_nobody_is_there_the_caller_hears_so_first(journal: Path) -> None:
    told = choose(Caller(keys=[None], variables=in_line("nobody")), journal)

    assert told.caller.heard[0] == "choice_nobody"
    assert told.caller.variables["IVR_NEXT"] == "queue"


def test_after_an_hour_whoever_is_still_there_may_wait_on(journal: Path) -> None:
    told = choose(Caller(keys=[None, "1"], variables=in_line("enough")), journal)

    assert told.caller.heard[0] == "choice_enough"
    assert told.caller.variables["IVR_NEXT"] == "queue"


def test_after_an_hour_a_phone_that_lies_there_is_let_go_politely(journal: Path) -> None:
    told = choose(Caller(keys=[None, None], variables=in_line("enough")), journal)

    assert told.caller.heard[-1] == "queue_timeout"
    assert told.event("call.closed")["outcome"] == "timed_out"


def test_a_message_is_recorded_the_number_read_back_and_confirmed(journal: Path) -> None:
    caller = Caller(keys=["3", "1", "1"], messages=[(VOICE, False)], variables=in_line())
    told = choose(caller, journal)

    assert told.event("message.left") | {"at": ""} == {
        "at": "", "call": "ivr-test-1.1", "event": "message.left", "number": "13800138000", "queue": "service",
        "recording": "2026/01/05/ivr-test-1.1-message.wav", "seconds": 6.0,
    }  # fmt: skip
    assert caller.heard[3:6] == ["message_why", "message_speak", "message_confirm"]
    read_back = caller.heard[6:-1]
    assert read_back == ["message_number", *(f"digit_{digit}" for digit in "13800138000"), "message_number_confirm"]
    assert caller.heard[-1] == "message_thanks"
    assert told.event("call.closed")["outcome"] == "message"


def test_a_message_can_be_recorded_again_and_left_for_another_number(journal: Path) -> None:
    keys = ["3", "2", "1", "2", "02162000000", "1"]
    told = choose(Caller(keys=keys, messages=[(VOICE, False)] * 2, variables=in_line()), journal)

    assert told.caller.heard.count("message_speak") == 2
    assert told.event("message.left")["number"] == "02162000000"


def test_a_withheld_number_is_asked_for(journal: Path) -> None:
    header = LATER.replace("13800138000", "unknown")
    caller = Caller(keys=["3", "1", "13900139000", "1"], messages=[(VOICE, False)], variables=in_line())
    told = tell(FLOWS["waiting"], caller, journal, header=header, recordings=journal.parent)

    assert told.event("message.left")["number"] == "13900139000"


@pytest.mark.parametrize("keys", [["3"], ["3", HANG_UP], ["3", "1", HANG_UP]])
def test_what_was_spoken_counts_whenever_the_caller_then_hangs_up(journal: Path, keys: list[str]) -> None:
    caller = Caller(keys=keys, messages=[(VOICE, len(keys) == 1)], variables=in_line())
    told = choose(caller, journal)

    assert isinstance(told.error, CallerHungUp)
    assert told.event("message.left")["number"] == "13800138000"


def test_a_caller_who_hangs_up_before_saying_anything_has_left_no_message(journal: Path) -> None:
    told = choose(Caller(keys=["3"], messages=[(b"", True)], variables=in_line()), journal)

    assert told.event("message.discarded")["why"] == "hung_up"
    assert "message.left" not in told.event_names()


def test_a_message_too_short_is_not_kept_and_the_caller_is_back_in_line(journal: Path) -> None:
    caller = Caller(keys=["3"], messages=[(VOICE[:8000], False)] * 2, variables=in_line())
    told = choose(caller, journal)

    assert [e["why"] for e in told.events if e["event"] == "message.discarded"] == ["short", "short"]
    assert caller.heard[-2:] == ["message_short", "choice_kept"]
    assert told.caller.variables["IVR_NEXT"] == "queue"


def test_a_message_too_quiet_is_asked_for_twice_more_then_the_caller_is_asked_to_call_again(journal: Path) -> None:
    caller = Caller(keys=["3"], messages=[(MURMUR, False)] * 3, variables=in_line())
    told = choose(caller, journal)

    assert caller.heard.count("bad_line") == 2
    assert "message_bad_line" in caller.heard
    assert told.caller.variables["IVR_NEXT"] == "queue"


def test_a_message_while_closed_ends_the_call_politely_whatever_comes_of_it(journal: Path) -> None:
    hotline = business(queues__service={"hours": {"mon-fri": "08:00-18:00"}})
    caller = Caller(messages=[(b"", False)] * 2, variables=in_line())
    told = tell(FLOWS["message"], caller, journal, header=LATER, recordings=journal.parent, hotline=hotline, at=NIGHT)

    assert "message_why" not in caller.heard, "that everything is closed has been said"
    assert told.event("call.closed")["outcome"] == "closed"
    assert caller.variables["IVR_NEXT"] == "hangup"


@pytest.mark.parametrize(
    ("key", "thanks"), [("5", "rating_thanks"), ("3", "rating_thanks"), ("2", "rating_low_thanks")]
)
def test_a_caller_rates_the_talk(journal: Path, key: str, thanks: str) -> None:
    told = tell(FLOWS["rating"], Caller(keys=[key]), journal, header=LATER)

    assert told.caller.heard == ["rating_ask", thanks]
    assert told.event("rating.given")["score"] == int(key)
    assert told.caller.variables["IVR_NEXT"] == "hangup"
    assert "call.closed" not in told.event_names(), "the call was answered"


@pytest.mark.parametrize(("keys", "asked"), [([None], 1), (["9", "0"], 2), (["8", None], 2)])
def test_nobody_has_to_rate(journal: Path, keys: list[str | None], asked: int) -> None:
    told = tell(FLOWS["rating"], Caller(keys=keys), journal, header=LATER)

    assert len(told.caller.heard) == asked + 1
    assert told.caller.heard[-1] == "thanks_bye"
    assert "rating.skipped" in told.event_names()


def test_a_hotline_that_asks_no_rating_says_goodbye(journal: Path) -> None:
    told = tell(FLOWS["rating"], Caller(), journal, header=LATER, hotline=business(rating__ask=False))

    assert told.caller.heard == ["thanks_bye"]
