"""The hotline for callers about whom something is known, without a telephone."""

import wave
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from ivr.calls.caller_book import CallerFacts
from ivr.calls.notice import Notice
from ivr.hotline import Hotline, load_hotline
from ivr.settings import ROOT
from ivr.telephony.server import load_flows
from tests.flows.scripted import HEADER, NIGHT, NOON, Caller, Told, tell

hotline = load_flows()["hotline"]

RECORDING = "2026/01/02/x-caller.wav"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "flow.jsonl"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Where the recording of the caller's side grows; nothing but silence so far."""
    line(tmp_path, loud=False)
    return tmp_path


def line(folder: Path, *, loud: bool) -> None:
    file = folder / RECORDING
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes((b"\x00\x20\x00\xe0" if loud else bytes(4)) * 40000)


def business(**changed: object) -> Hotline:
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    for path, value in changed.items():
        *way, last = path.split("__")
        place = data
        for name in way:
            place = place[name]
        place[last] = value
    return Hotline.model_validate(data)


CLOSED = business(queues__service__hours={"mon-fri": "08:00-12:00, 13:00-18:00"})


def round_trips(told: Told) -> int:
    return len(told.caller.commands)


# S3


def test_s3_line_without_any_sound_is_greeted_twice_told_so_and_let_go_politely(
    journal: Path, recordings: Path
) -> None:
    told = tell(hotline, Caller(), journal, recordings=recordings)

    assert told.caller.heard == [
        "greeting", "recording_notice", "menu_main", "silent_again", "silent_line", "silent_bye",
    ]  # fmt: skip
    assert all(words[-1].endswith(",5") for words in told.caller.commands if "flow-ask" in words)
    assert [event["times"] for event in told.events if event["event"] == "line.silent"] == [1, 2]
    assert told.caller.variables["IVR_NEXT"] == "hangup"
    assert told.event("call.closed")["outcome"] == "silent"


@pytest.mark.parametrize("silences", [1, 2])
def test_s3_a_key_in_time_and_the_silent_line_is_a_caller_like_any_other(
    journal: Path, recordings: Path, silences: int
) -> None:
    told = tell(hotline, Caller(keys=[*[None] * silences, "0"]), journal, recordings=recordings)

    assert told.caller.variables["IVR_QUEUE"] == "service"
    assert "silent_bye" not in told.caller.heard


def test_s3_caller_who_is_heard_but_presses_nothing_is_taken_to_a_person(journal: Path, recordings: Path) -> None:
    line(recordings, loud=True)
    told = tell(hotline, Caller(), journal, recordings=recordings)

    assert told.caller.heard[2:5] == ["menu_main", "no_key", "menu_main"]
    assert told.caller.variables["IVR_NEXT"] == "queue"


def test_s3_caller_who_pressed_a_key_and_then_falls_silent_is_taken_to_a_person(
    journal: Path, recordings: Path
) -> None:
    told = tell(hotline, Caller(keys=["1"]), journal, recordings=recordings)

    assert told.caller.variables["IVR_NEXT"] == "queue"
    assert told.event_names().count("menu.silent") == 2


# Who calls


def test_a_stranger_costs_no_more_round_trips_than_before(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["2"]), journal)

    # Ask, read the key, look at the queue, "connecting", hand over.
    assert round_trips(told) == 5


def test_s22_key_customer_goes_first_and_to_their_own_agent_without_a_menu(journal: Path) -> None:
    who = CallerFacts(customer_id=7, name="王建国", surname="王", title="先生", key=True, agent="1002")
    told = tell(hotline, Caller(), journal, who=who)

    assert told.caller.heard == ["greeting", "recording_notice", "key_customer"]
    chosen = {name: told.caller.variables[name] for name in ("IVR_CLASS", "IVR_AGENT", "IVR_CUSTOMER", "IVR_SURNAME")}
    assert chosen == {
        "IVR_CLASS": "1", "IVR_AGENT": "1002", "IVR_CUSTOMER": "王先生", "IVR_SURNAME": "surname_wang2_male",
    }  # fmt: skip
    known = told.event("caller.known")
    assert (known["customer_id"], known["key"], known["agent"]) == (7, True, "1002")


def test_s22_key_customer_without_an_agent_of_their_own_chooses_and_still_goes_first(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["3"]), journal, who=CallerFacts(customer_id=7, key=True))

    assert told.caller.heard[-2:] == ["menu_main", "key_customer"]
    assert told.caller.variables["IVR_CLASS"] == "1"
    assert told.caller.variables["IVR_REASON"] == "投诉建议"


def test_s22_key_customers_have_a_queue_of_their_own_where_the_business_says_so(journal: Path) -> None:
    who = CallerFacts(customer_id=7, key=True)
    told = tell(hotline, Caller(), journal, who=who, hotline=business(callers__key_queue="booking"))

    assert told.caller.variables["IVR_QUEUE"] == "booking"


@pytest.mark.parametrize(("present", "ends"), [(1, "queue"), (0, "hangup")])
def test_s22_key_customer_is_served_at_any_hour_if_anybody_is_there(journal: Path, present: int, ends: str) -> None:
    who = CallerFacts(customer_id=7, key=True, agent="1002")
    caller = Caller(present=present, keys=[None, None])
    told = tell(hotline, caller, journal, who=who, hotline=closed_without_offers(), at=NIGHT)

    assert told.caller.variables["IVR_NEXT"] == ends


def test_an_elder_reaches_a_person_without_a_menu(journal: Path) -> None:
    told = tell(hotline, Caller(), journal, who=CallerFacts(customer_id=8, elder=True))

    assert told.caller.heard == ["greeting", "recording_notice", "connecting"]
    assert told.caller.variables["IVR_QUEUE"] == "service"
    assert "IVR_CLASS" not in told.caller.variables
    assert "menu.entered" not in told.event_names()


def test_s22_key_customer_goes_to_a_queue_in_which_their_own_agent_serves(journal: Path) -> None:
    who = CallerFacts(key=True, agent="1003")
    without_1003 = business(queues__service__agents=["1001", "1002"])
    told = tell(hotline, Caller(), journal, who=who, hotline=without_1003)

    assert told.caller.variables["IVR_QUEUE"] == "booking"
    assert told.caller.variables["IVR_AGENT"] == "1003"


def test_a_blocked_number_hears_a_polite_line_and_nothing_else(journal: Path) -> None:
    told = tell(hotline, Caller(), journal, who=CallerFacts(customer_id=9, blocked=True, key=True))

    assert told.caller.heard == ["greeting", "blocked"]
    assert told.caller.variables["IVR_NEXT"] == "hangup"
    assert told.event("call.closed")["outcome"] == "blocked"
    assert "caller.blocked" in told.event_names()


@pytest.mark.parametrize(("days", "first"), [(29, "1003"), (31, None)])
def test_the_agent_of_the_last_talk_is_tried_first_unless_it_is_long_ago(
    journal: Path, days: int, first: str | None
) -> None:
    who = CallerFacts(last_agent="1003", last_call_at=NOON - timedelta(days=days))
    told = tell(hotline, Caller(keys=["0"]), journal, who=who)

    assert told.caller.variables.get("IVR_AGENT") == first


def test_an_agent_who_has_left_is_not_waited_for(journal: Path) -> None:
    who = CallerFacts(last_agent="1999", last_call_at=NOON)
    told = tell(hotline, Caller(keys=["0"]), journal, who=who)

    assert "IVR_AGENT" not in told.caller.variables


def test_caller_who_rang_this_week_hears_shorter_words_and_the_full_ones_on_request(journal: Path) -> None:
    who = CallerFacts(last_call_at=NOON - timedelta(days=3))
    told = tell(hotline, Caller(keys=["1", "*", "1"]), journal, who=who)

    assert told.caller.heard[:5] == [
        "greeting", "recording_notice_short", "menu_main_short", "menu_booking_short", "menu_booking",
    ]  # fmt: skip


def test_where_a_menu_has_no_shorter_wording_the_full_one_is_said(journal: Path) -> None:
    who = CallerFacts(last_call_at=NOON - timedelta(days=3))
    told = tell(hotline, Caller(keys=["0"]), journal, who=who, missing=["menu_main_short"])

    assert "menu_main" in told.caller.heard


def test_s19_the_language_chosen_once_is_spoken_from_the_first_word_of_the_next_call(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, who=CallerFacts(last_language="en"))

    assert told.caller.variables["CHANNEL(language)"] == "en"
    assert {event["language"] for event in told.events if event["event"] == "prompt.played"} == {"en"}


def test_s19_somebody_else_at_the_same_phone_gets_back_to_mandarin_with_the_same_key(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["9", "0"]), journal, who=CallerFacts(language="en"))

    assert told.caller.variables["CHANNEL(language)"] == "zh-CN"
    assert told.caller.heard[3:5] == ["language_changed", "menu_main"]


def test_a_name_that_is_an_attack_is_nothing_but_letters_for_the_dialplan(journal: Path) -> None:
    who = CallerFacts(customer_id=1, name="", surname='王"),${SHELL(id)},(`$[1]', title="先生")
    told = tell(hotline, Caller(keys=["0"]), journal, who=who)

    assert told.error is None
    assert told.caller.variables["IVR_CUSTOMER"] == "王SHELLid1先生"


@pytest.mark.parametrize("number", ["unknown", "", "anonymous", "+", "1" * 32])
def test_a_withheld_or_malformed_number_is_served_like_any_stranger(journal: Path, number: str) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, header=HEADER.replace("13800138000", number))

    assert told.caller.variables["IVR_NEXT"] == "queue"
    assert "caller.known" not in told.event_names()


# S15-S17: keys


def test_keys_pressed_one_after_the_other_lead_on_without_a_word_between(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["9", "1", "2"]), journal, seconds_before_key=0.5)

    assert told.caller.variables["IVR_QUEUE"] == "booking"
    commands = [words[1] for words in told.caller.commands if words[0] == "GOSUB"]
    assert commands[:3] == ["flow-ask"] * 3


def test_s6_an_information_is_announced_repeated_on_request_and_left_with_the_hash_key(journal: Path) -> None:
    address = {"label": {"zh-CN": "地址", "en": "Address"}, "say": "address"}
    told = tell(hotline, Caller(keys=["4", "*", "#", "0"]), journal, hotline=business(menus__main__options__4=address))

    assert told.caller.heard[3:10] == ["note_down", "address", "after_info"] * 2 + ["menu_main"]
    assert told.caller.variables["IVR_REASON"] == "人工"


def test_s16_0_reaches_a_person_from_an_information_too(journal: Path) -> None:
    address = {"label": {"zh-CN": "地址", "en": "Address"}, "say": "address"}
    told = tell(hotline, Caller(keys=["4", "0"]), journal, hotline=business(menus__main__options__4=address))

    assert told.caller.variables["IVR_QUEUE"] == "service"


# S20


NOTICE = Notice(texts={"zh-CN": "今天因台风提前下班。"}, until=NOON + timedelta(hours=1))


def test_s20_a_notice_in_force_comes_before_the_menu(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, notice=NOTICE)

    assert told.caller.heard[:4] == ["greeting", "notice", "recording_notice", "menu_main"]
    assert told.event("notice.played")["text"] == "今天因台风提前下班。"


def test_s20_who_presses_a_key_in_the_greeting_hears_the_notice_before_being_put_through(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, notice=NOTICE, seconds_before_key=0.5)

    assert told.caller.heard[4:] == ["notice", "recording_notice_short", "connecting"]
    assert told.event_names().count("notice.played") == 1


def test_s20_a_notice_ends_by_itself(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, notice=NOTICE, at=NOON + timedelta(hours=2))

    assert "notice" not in told.caller.heard


# S12, S18: closed


def closed_without_offers() -> Hotline:
    data = CLOSED.model_dump(mode="json", exclude={"queues", "surveys"})
    data["queues"] = yaml.safe_load((ROOT / "hotline.yaml").read_text())["queues"]
    data["queues"]["service"] |= {"hours": {"mon-fri": "08:00-18:00"}, "message": False, "callback": False}
    data["queues"]["booking"].pop("overflow")
    return Hotline.model_validate(data)


def test_s12_caller_at_night_hears_when_somebody_is_there_again(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0"]), journal, hotline=closed_without_offers(), at=NIGHT)

    assert told.caller.heard[3:] == [
        "closed", "opens_at", "day_today", "daypart_morning", "num_8", "unit_oclock", "opens_at_end", "closed_bye",
    ]  # fmt: skip
    assert told.event("call.closed")["outcome"] == "closed"


def test_s18_caller_on_a_public_holiday_is_told_the_next_working_day(journal: Path) -> None:
    new_year = NOON.replace(month=1, day=1)
    told = tell(hotline, Caller(keys=["0"]), journal, hotline=closed_without_offers(), at=new_year)

    # 2026-01-04, a Sunday, is worked instead of the Friday before.
    assert told.caller.heard[3:8] == ["closed", "opens_at", "weekday_7", "daypart_morning", "num_8"]


def test_s18_caller_who_says_nothing_while_closed_is_asked_twice_and_let_go_with_thanks(journal: Path) -> None:
    told = tell(hotline, Caller(keys=["0", None, None]), journal, hotline=CLOSED, at=NIGHT)

    assert told.caller.heard.count("closed_key") == 2
    assert told.caller.heard[-1] == "closed_bye"


def test_the_sample_business_is_never_closed() -> None:
    assert load_hotline(ROOT / "hotline.yaml").open_queue("booking", NIGHT) == "service"
