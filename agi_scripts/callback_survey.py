"""A callback after a visit (S26): greet, is it you, who calls and why and how long, may we; few questions; thank you.

0 is a person and 9 is never again at every point. Whoever is cut off is rung again and goes on where it was (S10).
"""

from agi_scripts.hotline import offer_while_closed
from ivr.hotline.survey_prompts import CLOSING, CONVENIENT, GREETING, IS_CUSTOMER, PURPOSE, survey_prompt, takes_prompt
from ivr.hotline.surveys import NO, YES
from ivr.surveys.events import CONFIRMED, DO_NOT_CALL, ENDED, HEARD
from ivr.surveys.holiday import holiday_prompt
from ivr.surveys.later import LATER_ASK, SAY_KEY, later_offers, offer_prompts
from ivr.surveys.policy import Windows
from ivr.surveys.walk import Ending
from ivr.telephony.call import Call
from ivr.telephony.flow import run_as_agi_script
from ivr.telephony.survey_sheet import SHEET, read_sheet
from ivr.telephony.survey_talk import NOTICE, SurveyTalk

GOODBYE = {
    "completed": CLOSING,
    "declined": "survey_declined_bye",
    "do_not_call": "survey_never_bye",
    "wrong_person": "survey_wrong_person",
    "no_human": "survey_no_human_bye",
}


def run(call: Call) -> None:
    sheet = read_sheet(call.read(SHEET))
    call.journal(HEARD, who=sheet.who, amd=sheet.amd, cause=sheet.cause)
    survey = call.hotline.surveys.get(sheet.survey)
    if survey is None:
        return
    talk = SurveyTalk(call, sheet, survey)
    close(talk, reaches_a_machine(talk) or confirm_person(talk) or agree_to_talk(talk) or ask_questions(talk))


def reaches_a_machine(talk: SurveyTalk) -> Ending | None:
    """No message is left on anybody's voicemail."""
    match talk.sheet.who:
        case "machine" | "phone_menu" as machine:
            return Ending(machine)
        case _:
            return None


def confirm_person(talk: SurveyTalk) -> Ending | None:
    """Who we are, and whether this is the right person, by name where it can be said."""
    call, name = talk.call, talk.sheet.surname
    holiday = holiday_prompt(call.hotline, call.now)
    by_name = bool(name) and call.can_say(name)
    is_it = ["survey_is_it", name, "survey_is_it_keys"] if by_name else [IS_CUSTOMER]
    talk.say_next(GREETING, *([holiday] if holiday else []))
    reply = talk.ask(YES + NO, *is_it)
    if reply.key == NO:
        return Ending("wrong_person")
    if reply.key == YES:
        call.journal(CONFIRMED)
    return reply.ending


def agree_to_talk(talk: SurveyTalk) -> Ending | None:
    """That the call is recorded, why we call, how long it takes, and whether now is convenient."""
    talk.say_next(NOTICE)
    if talk.sheet.goes_on:
        talk.say_next("survey_go_on")
        return None
    why = survey_prompt(talk.sheet.survey, PURPOSE)
    reply = talk.ask(YES + NO, why, takes_prompt(talk.survey.minutes), CONVENIENT)
    return agree_on_time(talk) if reply.key == NO else reply.ending


def agree_on_time(talk: SurveyTalk) -> Ending:
    """When, then: of the times at which we may call, or as they say. Whoever chooses none is called another time."""
    offers = later_offers(Windows.of(talk.call.hotline, talk.survey), talk.call.now)
    if not offers:
        talk.say_next(LATER_ASK)
        return talk.hear_time()
    reply = talk.ask("".join(offers) + SAY_KEY, *offer_prompts(offers))
    if reply.key == SAY_KEY:
        return talk.hear_time()
    if reply.ending and reply.ending.result in ("person", "do_not_call"):
        return reply.ending
    return Ending("later", offers.get(reply.key or ""))


def ask_questions(talk: SurveyTalk) -> Ending:
    while (question := talk.walk.question) is not None:
        talk.tell_recording()
        ending = talk.ask_question(question)
        if ending:
            return ending
    return Ending("completed")


def close(talk: SurveyTalk, ending: Ending) -> None:
    """What came of it is written down before the goodbye."""
    call = talk.call
    if ending.result == "do_not_call":
        call.journal(DO_NOT_CALL, number=talk.sheet.number, reason="key", by="")
    call.journal(ENDED, result=ending.result, **when(ending))
    match ending.result:
        case "person":
            to_a_person(talk)
        case "machine" | "phone_menu":
            call.bye()
        case "later":
            said = "survey_later_said" if ending.said else "survey_later_other"
            call.bye("survey_later_agreed" if ending.agreed else said)
        case result:
            call.bye(*talk.rest(), GOODBYE[result])


def when(ending: Ending) -> dict[str, object]:
    """When to call again, as the journal keeps it."""
    if ending.agreed:
        return {"agreed": ending.agreed.isoformat()}
    return {"recording": ending.said.recording, "seconds": ending.said.seconds} if ending.said else {}


def to_a_person(talk: SurveyTalk) -> None:
    """To the survey's queue; the agent hears who it is and what about (S8). Closed: what helps meanwhile (S12)."""
    call = talk.call
    talk.tell_recording()
    wanted = talk.survey.queue or call.hotline.default_queue
    about = f"{talk.sheet.visit_kind} {talk.survey.label.get(call.hotline.languages[0], '')}".strip()
    queue = call.open_queue(wanted)
    if queue is None:
        offer_while_closed(call, wanted, about, said="survey_closed")
        return
    if call.queue_outlook(queue).free_now:
        call.play("survey_person")
    else:
        call.tell_wait(queue)
    call.enqueue(queue, about)


if __name__ == "__main__":
    run_as_agi_script(run)
