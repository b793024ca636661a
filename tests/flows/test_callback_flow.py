"""A caller chooses a callback: the number is read back, changed, confirmed aloud; the place in line is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agi_scripts.callback import offer_callback
from ivr.telephony.agi import CallerHungUp
from ivr.telephony.call import Call
from tests.flows.scripted import HANG_UP, HEADER, NOON, Caller, Told, tell

JOINED = int(NOON.timestamp()) - 120


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "flow.jsonl"


def flow(decided: list[bool]) -> Callable[[Call], None]:
    def run(call: Call) -> None:
        decided.append(offer_callback(call, "service", "投诉建议"))

    return run


def in_line(*keys: str | None) -> Caller:
    return Caller(keys=keys, variables={"JOINED": str(JOINED), "IVR_CLASS": "0"})


def told(caller: Caller, journal: Path, decided: list[bool], header: str = HEADER) -> Told:
    return tell(flow(decided), caller, journal, header=header)


def from_number(number: str) -> str:
    return HEADER.replace("agi_callerid: 13800138000", f"agi_callerid: {number}")


@pytest.mark.standards("S10", "S12")
def test_caller_hears_the_own_number_confirms_it_and_the_place_is_noted_before_the_goodbye(journal: Path) -> None:
    decided: list[bool] = []
    caller = in_line("1")
    story = told(caller, journal, decided)

    digits = [f"digit_{digit}" for digit in "13800138000"]
    assert caller.heard == [
        "callback_offer_number", *digits, "callback_confirm", "callback_confirmed", "callback_bye",
    ]  # fmt: skip
    request = story.event("callback.requested")
    assert (request["number"], request["queue"], request["matter"]) == ("13800138000", "service", "投诉建议")
    assert (request["joined_at"], request["priority"], request["reason"]) == (JOINED, 0, "requested")
    names = [name for name in story.event_names() if name.startswith("call")]
    assert names == ["call.started", "callback.requested", "call.closed"]
    assert story.event("call.closed")["outcome"] == "callback"
    assert caller.variables["IVR_NEXT"] == "hangup" and decided == [True]


def test_caller_who_hangs_up_while_it_is_confirmed_has_the_callback_all_the_same(journal: Path) -> None:
    caller = in_line("1")
    hear = caller._hear

    def leaves(files: str) -> None:
        hear(files)
        caller.gone = "callback_confirmed" in files

    caller._hear = leaves  # type: ignore[method-assign]
    story = told(caller, journal, [])
    assert isinstance(story.error, CallerHungUp)
    assert "callback.requested" in story.event_names()


def test_caller_changes_the_number_and_hears_the_new_one_read_back(journal: Path) -> None:
    caller = in_line("2", "01062345678", "1")
    story = told(caller, journal, [])
    assert caller.heard.count("callback_offer_number") == 2
    assert caller.heard.count("callback_enter_number") == 1
    assert story.event("callback.requested")["number"] == "01062345678"


def test_a_number_that_cannot_be_called_is_asked_for_once_more(journal: Path) -> None:
    caller = in_line("2", "110", "13800138009", "1")
    story = told(caller, journal, [])
    assert caller.heard.count("callback_number_again") == 1
    assert story.event("callback.requested")["number"] == "13800138009"


def test_caller_who_would_rather_wait_is_back_in_line_and_nothing_is_noted(journal: Path) -> None:
    decided: list[bool] = []
    caller = in_line("0")
    story = told(caller, journal, decided)
    assert decided == [False]
    assert "callback.requested" not in story.event_names()
    assert "IVR_NEXT" not in caller.variables
    assert caller.heard[-1] == "callback_keep_waiting"


def test_caller_who_says_nothing_is_asked_twice_and_keeps_waiting(journal: Path) -> None:
    decided: list[bool] = []
    caller = in_line(None, None)
    told(caller, journal, decided)
    assert decided == [False] and caller.heard.count("callback_confirm") == 2


def test_star_repeats_without_end(journal: Path) -> None:
    caller = in_line("*", "*", "*", "1")
    story = told(caller, journal, [])
    assert caller.heard.count("callback_confirm") == 4
    assert "callback.requested" in story.event_names()


@pytest.mark.parametrize("shown", ["anonymous", "+4915112345678", "62345678", ""])
def test_caller_whose_number_is_withheld_or_cannot_be_called_is_asked_for_one(journal: Path, shown: str) -> None:
    caller = in_line("13800138009", "1")
    story = told(caller, journal, [], header=from_number(shown))
    assert caller.heard[0] == "callback_enter_number"
    assert story.event("callback.requested")["number"] == "13800138009"


def test_a_number_with_the_countrys_code_is_read_back_as_it_is_dialled_here(journal: Path) -> None:
    caller = in_line("1")
    story = told(caller, journal, [], header=from_number("+8613800138000"))
    assert story.event("callback.requested")["number"] == "13800138000"


def test_key_customer_keeps_the_class(journal: Path) -> None:
    caller = in_line("1")
    caller.variables["IVR_CLASS"] = "1"
    assert told(caller, journal, []).event("callback.requested")["priority"] == 1


def test_while_closed_there_is_no_line_to_go_back_to_and_the_call_ends_kindly(journal: Path) -> None:
    decided: list[bool] = []
    caller = Caller(keys=[None, None])
    story = told(caller, journal, decided)
    assert "callback_confirm_closed" in caller.heard and "callback_confirm" not in caller.heard
    assert decided == [True] and caller.heard[-1] == "thanks_bye"
    assert story.event("call.closed")["outcome"] == "closed"


def test_while_closed_the_place_is_that_of_now(journal: Path) -> None:
    caller = Caller(keys=["1"])
    assert told(caller, journal, []).event("callback.requested")["joined_at"] == int(NOON.timestamp())


def test_caller_who_hangs_up_before_confirming_has_no_callback(journal: Path) -> None:
    story = told(in_line(HANG_UP), journal, [])
    assert isinstance(story.error, CallerHungUp) and "callback.requested" not in story.event_names()
