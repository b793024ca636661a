"""A customer is rung after a visit: every way through the survey, from the greeting to the goodbye (S26)."""

import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.hotline import Hotline
from ivr.settings import ROOT
from ivr.surveys.ids import attempt_call_id, contact_id
from ivr.telephony.agi import CallerHungUp
from ivr.telephony.server import load_flows
from ivr.telephony.survey_sheet import Sheet
from tests.flows.scripted import HANG_UP, NIGHT, NOON, Caller, Told, tell

FLOW = load_flows()["callback_survey"]
CONTACT = contact_id("after_service", "V1")
CALL = attempt_call_id(CONTACT, 1)
NUMBER = "13800138000"
HEADER = (
    "agi_network: yes\nagi_network_script: callback_survey\nagi_uniqueid: ivr-test-7.3\n"
    f"agi_callerid: {NUMBER}\nagi_extension: s\nagi_language: zh-CN\n"
    f"agi_arg_1: 2026/01/05/{CALL}-caller.wav\nagi_arg_2: 2026/01/05/{CALL}-agent.wav\nagi_arg_3: {CALL}\n\n"
)
VOICE = struct.pack("<80h", *([4000] * 40 + [-4000] * 40)) * 100 * 6
"""Six seconds of something."""
ORDER = Sheet(
    CONTACT, NUMBER, "after_service", "surname_wang2_male", "", {}, "HUMAN", "HUMAN-700-700", visit_kind="保养"
)
MACHINE = replace(ORDER, amd="MACHINE", cause="LONGGREETING-1800-1800")
AGREES = ["1", "1"]
"""It is me; now is convenient."""

IS_IT = ["survey_is_it", "surname_wang2_male", "survey_is_it_keys"]
WHY = ["recording_notice", "survey_after_service_purpose", "survey_takes_2", "survey_convenient"]
HINT = "survey_repeat_hint"


def question(name: str) -> str:
    return f"survey_after_service_{name}"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "flow.jsonl"


def ring(caller: Caller, journal: Path, order: Sheet = ORDER, **more: Any) -> Told:
    answers = " ".join(f"{name}:{value}" for name, value in order.answers.items())
    said = (order.contact, order.number, order.survey, order.surname, order.asking, answers)
    caller.variables["SHEET"] = ",".join((*said, order.amd, order.cause, order.second_look, order.visit_kind))
    return tell(FLOW, caller, journal, header=HEADER, recordings=journal.parent, **more)


def answers(told: Told) -> list[tuple[str, str]]:
    return [(event["question"], event["value"]) for event in told.events if event["event"] == "survey.answer"]


def ended(told: Told) -> str:
    """The one result that the flow gave itself."""
    [event] = [event for event in told.events if event["event"] == "survey.ended"]
    return str(event["result"])


def business(questions: list[dict[str, Any]] | None = None, **changes: Any) -> Hotline:
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    survey = data["surveys"]["after_service"]
    survey |= changes
    if questions is not None:
        survey["questions"] = questions
    return Hotline.model_validate(data)


def ask(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "ask": {"zh-CN": "问题", "en": "Question"}, **more}


@pytest.mark.standards("S26")
def test_s26_greeting_person_why_how_long_and_may_we_then_the_questions_and_thanks(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "5", "1", "4"]), journal)

    assert told.caller.heard == [
        "survey_greeting", *IS_IT, *WHY, question("overall"), HINT, question("solved"), question("recommend"),
        "survey_thanks_bye",
    ]  # fmt: skip
    assert answers(told) == [("overall", "5"), ("solved", "1"), ("recommend", "4")]
    assert ended(told) == "completed"
    assert told.caller.variables["IVR_NEXT"] == "hangup"


def test_every_answer_is_in_the_journal_before_the_next_question_and_all_bear_the_attempts_id(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "5", "1", HANG_UP]), journal)

    names = [name for name in told.event_names() if name.startswith("survey.")]
    assert names == [
        "survey.heard", "survey.confirmed", "survey.asking", "survey.answer", "survey.asking", "survey.answer",
        "survey.asking",
    ]  # fmt: skip
    assert {event["call"] for event in told.events} == {CALL}
    assert isinstance(told.error, CallerHungUp)
    started = told.event("call.started")
    assert (started["caller"], started["called"]) == ("4008001001", NUMBER)


@pytest.mark.standards("S26")
@pytest.mark.parametrize(
    ("day", "wish"),
    [((2026, 2, 17), "holiday_spring"), ((2026, 10, 1), "holiday_national"), ((2026, 3, 2), None)],
)
def test_s26_on_a_holiday_the_greeting_wishes_a_happy_one(
    journal: Path, day: tuple[int, int, int], wish: str | None
) -> None:
    told = ring(Caller(keys=[HANG_UP]), journal, at=datetime(*day, 4, tzinfo=UTC))
    assert told.caller.heard == ["survey_greeting", *([wish] if wish else []), *IS_IT]


@pytest.mark.parametrize("order", [replace(ORDER, surname=""), replace(ORDER, surname="surname_unknown_male")])
def test_where_nobody_can_say_the_name_the_customer_is_asked_for(journal: Path, order: Sheet) -> None:
    told = ring(Caller(keys=[HANG_UP]), journal, order, missing=["surname_unknown_male"])
    assert told.caller.heard == ["survey_greeting", "survey_is_customer"]


def test_the_wrong_person_hears_an_apology_and_nothing_about_the_visit(journal: Path) -> None:
    told = ring(Caller(keys=["2"]), journal)
    assert told.caller.heard == ["survey_greeting", *IS_IT, "survey_wrong_person"]
    assert ended(told) == "wrong_person"
    assert "survey.confirmed" not in told.event_names()


@pytest.mark.parametrize("before", [[], ["1"], [*AGREES], [*AGREES, "5"]])
def test_9_at_every_point_is_never_again(journal: Path, before: list[str]) -> None:
    told = ring(Caller(keys=[*before, "9"]), journal)
    wish = told.event("number.do_not_call")
    assert (wish["number"], wish["reason"], wish["call"]) == (NUMBER, "key", CALL)
    assert ended(told) == "do_not_call"
    assert told.caller.heard[-1] == "survey_never_bye"


@pytest.mark.standards("S8", "S26")
@pytest.mark.parametrize("before", [[], ["1"], [*AGREES], [*AGREES, "5"], ["1", "2"]])
def test_0_at_every_point_leads_to_a_person_who_is_told_what_about(journal: Path, before: list[str]) -> None:
    told = ring(Caller(keys=[*before, "0"]), journal)
    assert ended(told) == "person"
    joined = told.event("queue.joined")
    assert (joined["queue"], joined["reason"]) == ("service", "保养 维修保养回访")
    assert told.caller.variables["IVR_NEXT"] == "queue"
    assert told.caller.variables["IVR_REASON"] == "保养 维修保养回访"
    assert told.caller.heard[-1] == "survey_person"


def test_whoever_wants_a_person_while_all_are_busy_is_told_the_wait(journal: Path) -> None:
    told = ring(Caller(keys=["1", "0"], waiting=0, free=0, present=1), journal, talk_seconds=180)
    assert "all_busy" in told.caller.heard and "survey_person" not in told.caller.heard
    assert told.caller.variables["IVR_NEXT"] == "queue"


@pytest.mark.standards("S12")
def test_whoever_wants_a_person_while_all_is_closed_hears_when_and_may_be_called_back(journal: Path) -> None:
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    data["queues"]["service"] |= {"hours": {"mon-fri": "08:00-18:00"}, "message": False}
    told = ring(Caller(keys=["1", "0", "2", "1"]), journal, hotline=Hotline.model_validate(data), at=NIGHT)
    assert told.caller.heard.count("survey_closed") == 1 and "closed" not in told.caller.heard
    assert told.event("callback.requested")["matter"] == "保养 维修保养回访"
    assert told.caller.variables["IVR_NEXT"] == "hangup"


def test_the_recording_is_told_to_whoever_interrupts_it_too(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, HANG_UP]), journal, seconds_before_key=0.5)
    assert told.caller.heard.count("recording_notice_short") == 1
    told = ring(Caller(keys=["1", "0"]), journal.with_name("other"), seconds_before_key=0.5)
    assert told.caller.heard[-2:] == ["recording_notice_short", "survey_person"]


# ---- another time ----------------------------------------------------------------------------------------------


@pytest.mark.standards("S26")
@pytest.mark.parametrize(
    ("key", "agreed"),
    [
        ("1", "2026-01-05T15:00:00+08:00"),
        ("2", "2026-01-05T17:00:00+08:00"),
        ("3", "2026-01-06T09:00:00+08:00"),
        ("4", "2026-01-06T14:00:00+08:00"),
    ],
)
def test_whoever_has_no_time_now_chooses_another(journal: Path, key: str, agreed: str) -> None:
    at_two = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    told = ring(Caller(keys=["1", "2", key]), journal, at=at_two)
    assert told.caller.heard[-2:] == ["survey_later", "survey_later_agreed"]
    moment = datetime.fromisoformat(told.event("survey.ended")["agreed"])
    assert (ended(told), moment) == ("later", datetime.fromisoformat(agreed))


def test_only_times_at_which_we_may_call_are_offered(journal: Path) -> None:
    in_the_evening = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
    told = ring(Caller(keys=["1", "2", "1", "4"]), journal, at=in_the_evening)
    offered = ["survey_later_ask", "survey_later_morning", "survey_later_afternoon", "survey_later_own"]
    assert told.caller.heard[-10:] == [*offered, "survey_wrong_key", *offered, "survey_later_agreed"]


@pytest.mark.parametrize("keys", [[None, None], ["7", "7", "7"]])
def test_whoever_chooses_no_time_is_called_another_time(journal: Path, keys: list[str | None]) -> None:
    told = ring(Caller(keys=["1", "2", *keys]), journal)
    assert ended(told) == "later" and "agreed" not in told.event("survey.ended")
    assert told.caller.heard[-1] == "survey_later_other"


@pytest.mark.standards("S26")
def test_whoever_wants_another_time_says_it_in_their_own_words(journal: Path) -> None:
    told = ring(Caller(keys=["1", "2", "5", None], messages=[(VOICE, False)]), journal)
    assert told.caller.heard[-3:] == ["survey_later_own", "survey_later_speak", "survey_later_said"]
    end = told.event("survey.ended")
    assert (end["result"], end["seconds"], end.get("agreed")) == ("later", 6.0, None)
    assert (journal.parent / end["recording"]).is_file()


def test_whoever_hangs_up_once_they_have_said_when_has_said_it(journal: Path) -> None:
    told = ring(Caller(keys=["1", "2", "5", None], messages=[(VOICE, True)]), journal)
    assert told.event("survey.ended")["seconds"] == 6.0


def test_a_time_that_cannot_be_heard_is_asked_for_once_more_and_then_let_be(journal: Path) -> None:
    told = ring(Caller(keys=["1", "2", "5", None, None], messages=[(b"", False)] * 2), journal)
    assert told.caller.heard[-4:] == ["survey_later_speak", "bad_line", "survey_later_speak", "survey_later_other"]
    assert ended(told) == "later" and "recording" not in told.event("survey.ended")


@pytest.mark.parametrize(("key", "result"), [("0", "person"), ("9", "do_not_call")])
def test_where_a_time_is_to_be_said_a_person_and_never_again_are_one_key_away(
    journal: Path, key: str, result: str
) -> None:
    assert ended(ring(Caller(keys=["1", "2", "5", key]), journal)) == result


def test_where_no_time_can_be_offered_they_may_say_one(journal: Path) -> None:
    only_mondays = business(hours={"mon": "09:00-13:00"})
    told = ring(Caller(keys=["1", "2", None], messages=[(VOICE, False)]), journal, hotline=only_mondays, at=NOON)
    assert told.caller.heard[-3:] == ["survey_later_ask", "survey_later_speak", "survey_later_said"]
    assert ended(told) == "later"


# ---- who is there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("second_look", "who"), [("voicemail", "machine"), ("menu", "phone_menu")])
def test_a_machine_hears_nothing(journal: Path, second_look: str, who: str) -> None:
    told = ring(Caller(), journal, replace(MACHINE, second_look=second_look))
    assert told.caller.heard == []
    heard = told.event("survey.heard")
    assert (heard["who"], heard["amd"], heard["cause"]) == (who, "MACHINE", "LONGGREETING-1800-1800")
    assert ended(told) == who
    assert told.caller.variables["IVR_NEXT"] == "hangup"


UNCERTAIN = {
    "said nothing": replace(ORDER, amd="MACHINE", cause="INITIALSILENCE-2000-2000"),
    "Asterisk is not sure": replace(ORDER, amd="NOTSURE", cause="TOOLONG-4500"),
    "a long greeting, then silence": replace(MACHINE, second_look="short"),
    "nobody listened": replace(ORDER, amd="", cause=""),
}


@pytest.mark.parametrize("order", UNCERTAIN.values(), ids=UNCERTAIN)
def test_whoever_is_uncertain_is_asked_and_let_go_when_no_key_comes(journal: Path, order: Sheet) -> None:
    told = ring(Caller(keys=[None, None]), journal, order)
    assert told.event("survey.heard")["who"] == "uncertain"
    assert told.caller.heard == ["survey_greeting", *IS_IT, "survey_no_key", *IS_IT, "survey_no_human_bye"]
    assert ended(told) == "no_human"


@pytest.mark.parametrize("order", UNCERTAIN.values(), ids=UNCERTAIN)
def test_whoever_is_uncertain_and_presses_a_key_is_a_person(journal: Path, order: Sheet) -> None:
    told = ring(Caller(keys=[None, *AGREES, "5", "1", "4"]), journal, order)
    assert ended(told) == "completed"


# ---- the questions ---------------------------------------------------------------------------------------------


def test_silence_is_borne_once_then_they_are_disturbed_no_further_and_their_answers_stand(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "5", None, None]), journal)
    assert told.caller.heard[-4:] == [question("solved"), "survey_no_key", question("solved"), "survey_declined_bye"]
    assert (ended(told), answers(told)) == ("declined", [("overall", "5")])


def test_silence_and_wrong_keys_are_counted_apart_and_only_in_a_row(journal: Path) -> None:
    keys = [*AGREES, None, "8", None, "8", "5", None, "8", "1", None, "4"]
    told = ring(Caller(keys=keys), journal)
    assert ended(told) == "completed"
    assert told.caller.heard.count("survey_wrong_key") == 3


def test_whoever_presses_wrong_keys_only_is_let_go_kindly(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "8", "7", "6"]), journal)
    assert (ended(told), told.caller.heard[-1]) == ("declined", "survey_declined_bye")


def test_star_repeats_the_question(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "*", "5", "1", "*", "*", "4"]), journal)
    assert told.caller.heard.count(question("overall")) == 2
    assert told.caller.heard.count(question("recommend")) == 3
    assert ended(told) == "completed"


def test_hash_corrects_the_answer_before_and_what_hangs_on_it(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "1", "1", "#", "#", "5", "1", "4"]), journal)
    taken_back = [event["question"] for event in told.events if event["event"] == "survey.taken_back"]
    assert taken_back == ["solved", "overall"], "a key at the comment goes back, too"
    assert answers(told) == [
        ("overall", "1"), ("solved", "1"), ("overall", "5"), ("solved", "1"), ("recommend", "4"),
    ]  # fmt: skip
    assert told.caller.heard.count(question("reason")) == 1


def test_hash_at_the_first_question_asks_it_again(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "#", "5", "1", "4"]), journal)
    assert told.caller.heard.count(question("overall")) == 2
    assert "survey.taken_back" not in told.event_names()


@pytest.mark.standards("S26")
def test_a_bad_answer_is_met_with_an_apology_once_and_asked_why(journal: Path) -> None:
    caller = Caller(keys=[*AGREES, "1", "2", None, "4"], messages=[(VOICE, False)])
    told = ring(caller, journal)
    assert caller.heard.count("survey_sorry_low") == 1
    assert caller.heard[8:] == [
        question("overall"), HINT, "survey_sorry_low", question("solved"), question("reason"),
        "survey_comment_thanks", question("recommend"), "survey_thanks_bye",
    ]  # fmt: skip
    [comment] = [e for e in told.events if e["event"] == "survey.answer" and e["question"] == "reason"]
    assert (comment["value"], comment["seconds"]) == ("", 6.0)
    # RECORDING, as the scripted caller gives it.
    assert comment["recording"] == "2026/01/05/ivr-test-1.1-comment-reason.wav"
    assert ended(told) == "completed"


def test_a_bad_last_answer_is_met_with_the_apology_before_the_goodbye(journal: Path) -> None:
    one = business([ask("overall", "scale", bad=["1"])])
    told = ring(Caller(keys=[*AGREES, "1"]), journal, hotline=one)
    assert told.caller.heard[-2:] == ["survey_sorry_low", "survey_thanks_bye"]


def test_a_comment_counts_of_a_customer_who_hangs_up_in_it(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "1", "1", None], messages=[(VOICE, True)]), journal)
    assert isinstance(told.error, CallerHungUp)
    assert answers(told)[-1] == ("reason", "")
    assert "survey.ended" not in told.event_names(), "the rule rings again for the last question"


def test_a_customer_who_hangs_up_before_a_word_of_the_comment_has_left_none(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "1", "1", None], messages=[(b"", True)]), journal)
    assert answers(told) == [("overall", "1"), ("solved", "1")]


@pytest.mark.standards("S4")
def test_a_comment_that_cannot_be_heard_is_asked_for_once_more_then_left(journal: Path) -> None:
    caller = Caller(keys=[*AGREES, "1", "1", None, None, "4"], messages=[(bytes(16000 * 6), False), (b"", False)])
    told = ring(caller, journal)
    assert caller.heard.count("bad_line") == 1
    assert answers(told) == [("overall", "1"), ("solved", "1"), ("recommend", "4")]
    assert ended(told) == "completed"


@pytest.mark.parametrize("said", [VOICE, b""])
def test_0_in_the_middle_of_a_comment_leads_to_a_person_and_what_was_said_is_kept(journal: Path, said: bytes) -> None:
    caller = Caller(keys=[*AGREES, "1", "1", None], messages=[(said, False)], variables={"RECORD_STATUS": "OPERATOR"})
    told = ring(caller, journal)
    assert ended(told) == "person"
    assert (("reason", "") in answers(told)) == bool(said)


NUMBER_QUESTION = business([ask("days", "number", most=100), ask("overall", "scale")])


def test_a_number_is_read_back_and_confirmed(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "12", "1", "5"]), journal, hotline=NUMBER_QUESTION)
    assert told.caller.heard[8:] == [
        question("days"), "survey_number_back", "num_12", "survey_number_confirm", question("overall"), HINT,
        "survey_thanks_bye",
    ]  # fmt: skip
    assert answers(told) == [("days", "12"), ("overall", "5")]


def test_a_number_that_was_mistyped_is_entered_again_and_one_that_is_not_allowed_is_said_so(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "13", "2", "400", "007", "1", "5"]), journal, hotline=NUMBER_QUESTION)
    assert told.caller.heard.count("survey_wrong_key") == 1
    assert answers(told)[0] == ("days", "7")


def test_a_lone_0_for_a_number_is_a_person_and_two_are_nothing(journal: Path) -> None:
    told = ring(Caller(keys=[*AGREES, "0"]), journal, hotline=NUMBER_QUESTION)
    assert ended(told) == "person"
    told = ring(Caller(keys=[*AGREES, "00", "1", "5"]), journal.with_name("other"), hotline=NUMBER_QUESTION)
    assert answers(told)[0] == ("days", "0")


@pytest.mark.parametrize("keys", [["", ""], ["12", None, None], ["1", "*", "*", None, None]])
def test_silence_at_a_number_ends_kindly_and_nothing_unconfirmed_is_noted(journal: Path, keys: list[str]) -> None:
    told = ring(Caller(keys=[*AGREES, *keys]), journal, hotline=NUMBER_QUESTION)
    assert (ended(told), answers(told)) == ("declined", [])


def test_hash_at_the_read_back_goes_to_the_question_before(journal: Path) -> None:
    turned = business([ask("overall", "scale"), ask("days", "number")])
    told = ring(Caller(keys=[*AGREES, "5", "12", "#", "4", "12", "1"]), journal, hotline=turned)
    assert answers(told) == [("overall", "5"), ("overall", "4"), ("days", "12")]


def test_a_choice_is_a_key(journal: Path) -> None:
    where = ask("where", "choice", choices={"1": {"zh-CN": "门店"}, "2": {"zh-CN": "上门"}})
    told = ring(Caller(keys=[*AGREES, "3", "2"]), journal, hotline=business([where]))
    assert answers(told) == [("where", "2")]


# ---- going on --------------------------------------------------------------------------------------------------


@pytest.mark.standards("S10")
def test_s10_a_call_that_broke_off_goes_on_at_the_unanswered_question(journal: Path) -> None:
    order = replace(ORDER, asking="recommend", answers={"overall": "1", "solved": "1", "reason": ""})
    told = ring(Caller(keys=["1", "4"]), journal, order)
    assert told.caller.heard == [
        "survey_greeting", *IS_IT, "recording_notice", "survey_go_on", question("recommend"), HINT, "survey_thanks_bye",
    ]  # fmt: skip
    assert (answers(told), ended(told)) == ([("recommend", "4")], "completed")


@pytest.mark.standards("S10")
def test_s10_a_call_that_broke_off_between_two_questions_asks_the_next(journal: Path) -> None:
    told = ring(Caller(keys=["1", "1", "4"]), journal, replace(ORDER, answers={"overall": "5"}))
    assert answers(told) == [("solved", "1"), ("recommend", "4")]


def test_an_answer_of_the_call_before_can_still_be_corrected(journal: Path) -> None:
    told = ring(Caller(keys=["1", "#", "4", "1", "4"]), journal, replace(ORDER, answers={"overall": "5"}))
    assert told.event("survey.taken_back")["question"] == "overall"
    assert answers(told)[0] == ("overall", "4")


def test_a_survey_that_is_gone_from_the_business_file_decides_nothing(journal: Path) -> None:
    told = ring(Caller(), journal, replace(ORDER, survey="gone"))
    assert told.error is None and told.caller.heard == []
    assert "IVR_NEXT" not in told.caller.variables, "the dialplan says a kind word"
