"""A survey with a customer on the line: asking until there is an answer or an end, and noting what was answered.

The rules are `ivr.surveys.walk`'s; the course of the call is agi_scripts/callback_survey.py.
"""

from ivr.calls.message_sound import Spoken
from ivr.hotline import PERSON_KEY, Question, Survey
from ivr.hotline.survey_prompts import COMMENT_THANKS, REPEAT_HINT, SAID_TIME, SORRY_LOW, survey_prompt
from ivr.hotline.surveys import NEVER_KEY, NO, YES
from ivr.speech import numbers
from ivr.surveys.events import ANSWER, ASKING, TAKEN_BACK
from ivr.surveys.walk import BACK_KEY, REPEAT_KEY, Ending, Patience, Reply, SurveyWalk
from ivr.telephony.agi import CallerHungUp
from ivr.telephony.call import Call
from ivr.telephony.survey_sheet import Sheet

PAUSE = 5.0
"""Seconds a customer is waited for."""
AT_ONCE = 0.3
"""Seconds for a key where words are waited for."""
COMMENTS = 2
"""So often a comment may be too short or too quiet (S4); then it is left."""
LEAST_COMMENT = 1.0
"""Seconds."""
TIME_SECONDS = 10
"""The longest that saying a time may take."""
NOTICE = "recording_notice"
LATER_SPEAK = "survey_later_speak"


class SurveyTalk:
    """What is known in this call: the customer's order, how far they are, our patience, and what is to be said next."""

    def __init__(self, call: Call, sheet: Sheet, survey: Survey) -> None:
        self.call, self.sheet, self.survey = call, sheet, survey
        self.walk = SurveyWalk(survey, dict(sheet.answers), sheet.asking)
        self.patience = Patience()
        self._next: list[str] = []

    def say_next(self, *prompts: str) -> None:
        """Say these before what is asked next: a key that was pressed ahead is not lost."""
        self._next += prompts

    def rest(self) -> list[str]:
        """What was still to be said."""
        said, self._next = self._next, []
        return said

    def ask(self, keys: str, *prompts: str) -> Reply:
        """A key of `keys`, or the end of the survey."""
        said = self.rest()
        while True:
            reply = self.patience.take(self.call.ask(*said, *prompts, seconds=PAUSE), keys)
            if reply.key or reply.ending:
                return reply
            said = [reply.remark] if reply.remark else []

    def ask_question(self, question: Question) -> Ending | None:
        """Ask the question whose turn it is, and note its answer the moment it is given; # goes to the one before."""
        self.call.journal(ASKING, question=question.id)
        match question.kind:
            case "comment":
                reply = self._ask_comment(question)
            case "number":
                reply = self._ask_number(question)
            case _:
                reply = self.ask("".join(self.survey.keys(question) or ()) + BACK_KEY, *self._said(question))
        if reply.key == BACK_KEY:
            taken_back = self.walk.back()
            if taken_back:
                self.call.journal(TAKEN_BACK, question=taken_back)
        elif reply.key and question.kind != "comment":
            self._note(question, reply.key)
        return reply.ending

    def hear_time(self) -> Ending:
        """When they want to be called, in their own words; whoever cannot be understood is called another time."""
        self.tell_recording()
        spoken, reply = self._hear(f"comment-{SAID_TIME}", LATER_SPEAK, TIME_SECONDS, "")
        if reply.ending and reply.ending.result in ("person", "do_not_call"):
            return reply.ending
        return Ending("later", said=spoken if spoken and spoken.verdict == "good" else None)

    def tell_recording(self) -> None:
        """A key stops a prompt; that the call is recorded is told to everybody (PIPL)."""
        short = self.call.briefly(NOTICE)
        if NOTICE not in self._next and not self.call.heard(NOTICE) and not self.call.heard(short):
            self.call.play(short)

    def _said(self, question: Question) -> list[str]:
        """The question; after the first one of a call, how to hear it again and how to correct the one before."""
        hint = [] if self.call.begun(REPEAT_HINT) else [REPEAT_HINT]
        return [survey_prompt(self.sheet.survey, question.id), *hint]

    def _ask_number(self, question: Question) -> Reply:
        """Digits, read back and confirmed."""
        said, most = self.rest(), len(str(question.most))
        while True:
            digits = self.call.ask_digits(*said, survey_prompt(self.sheet.survey, question.id), most=most)
            reply = self.patience.take_digits(digits, question)
            if reply.ending:
                return reply
            said = [reply.remark] if reply.remark else []
            if reply.key is not None:
                spoken = numbers.say_number(int(reply.key), self.call.language)
                sure = self.ask(YES + NO + BACK_KEY, "survey_number_back", *spoken, "survey_number_confirm")
                if sure.key != NO:
                    return Reply(reply.key) if sure.key == YES else sure

    def _ask_comment(self, question: Question) -> Reply:
        """In the customer's own words after the tone; also of one who then hangs up."""
        prompt = survey_prompt(self.sheet.survey, question.id)
        spoken, reply = self._hear(f"comment-{question.id}", prompt, question.seconds, BACK_KEY)
        if spoken is not None and spoken.verdict == "good":
            self._note(question, recording=spoken.recording, seconds=spoken.seconds)
            self.say_next(COMMENT_THANKS)
        elif spoken is None and not (reply.key or reply.ending):
            self.walk.pass_over()
        if spoken is not None and spoken.gone:
            raise CallerHungUp
        return reply

    def _hear(self, name: str, prompt: str, most: int, keys: str) -> tuple[Spoken | None, Reply]:
        """What is said after the tone, at most `most` seconds of it, and what was keyed instead or meanwhile.

        None when it cannot be understood. One who hangs up has spoken, too: then it may be anything.
        """
        said, tries = self.rest(), 0
        while tries < COMMENTS:
            key = self.call.ask(*said, prompt, seconds=AT_ONCE)
            said = []
            if key in (PERSON_KEY, NEVER_KEY, REPEAT_KEY, BACK_KEY):
                reply = self.patience.take(key, keys)
                if reply.key or reply.ending:
                    return None, reply
                continue
            spoken = self.call.record(name, most, LEAST_COMMENT)
            if spoken.gone:
                return spoken, Reply()
            wants_person = self.call.read("${RECORD_STATUS}") == "OPERATOR"  # 0 in the middle of it
            if wants_person or spoken.verdict == "good":
                reply = Reply(ending=Ending("person")) if wants_person else Reply()
                return spoken if spoken.verdict == "good" else None, reply
            tries, said = tries + 1, ["bad_line"]
        return None, Reply()

    def _note(self, question: Question, value: str = "", **facts: object) -> None:
        """Whoever is not content hears that somebody will see to it, once."""
        self.call.journal(ANSWER, question=question.id, value=value, **facts)
        if self.walk.answer(value) and not self.call.begun(SORRY_LOW):
            self.say_next(SORRY_LOW)
