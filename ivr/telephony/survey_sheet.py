"""What a survey call knows of its order without asking any database: variables of its channel, set before it is dialled
(ivr/telephony/survey_line.py) and read once by the flow."""

from dataclasses import dataclass
from typing import Literal

from ivr.surveys.line import Order
from ivr.telephony.agi import plain

Who = Literal["human", "machine", "phone_menu", "uncertain"]

SHEET = (
    "${SURVEY_CONTACT},${SURVEY_NUMBER},${SURVEY_NAME},${IVR_SURNAME},${SURVEY_ASKING},${SURVEY_ANSWERS},"
    "${AMDSTATUS},${AMDCAUSE},${SECOND_LOOK},${SURVEY_KIND}"
)
"""What the flow reads; the kind of visit last, as it alone may hold a comma."""

_SECOND_LOOK: dict[str, Who] = {"voicemail": "machine", "menu": "phone_menu"}


@dataclass(frozen=True)
class Sheet:
    """A survey call's order, and what the first seconds of it sounded like.

    `surname`: the prompt that says whom we want to speak with, "" where nobody can say it; `answers`: those of earlier
    calls. `amd`, `cause`: Asterisk's AMDSTATUS and AMDCAUSE. `visit_kind`: for the agent's screen.
    """

    contact: str
    number: str
    survey: str
    surname: str
    asking: str
    answers: dict[str, str]
    amd: str
    cause: str
    second_look: str = ""
    visit_kind: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether a call before this one broke off among the questions (S10)."""
        return bool(self.asking or self.answers)

    @property
    def who(self) -> Who:
        """Who has answered. Only what was listened to twice is a machine: silence, a long greeting, may be a person."""
        if self.amd == "HUMAN":
            return "human"
        return _SECOND_LOOK.get(self.second_look, "uncertain")


def write_sheet(order: Order) -> dict[str, str]:
    """The variables that say it; each is inherited by the customer's channel and by an agent's."""
    return {
        "__SURVEY_CONTACT": order.contact_id,
        "__SURVEY_ATTEMPT": str(order.attempt),
        "__SURVEY_NUMBER": order.number,
        "__SURVEY_CUSTOMER": str(order.customer_id or ""),
        "__SURVEY_LANGUAGE": order.language,
        "__SURVEY_CLASS": "1" if order.key else "0",
        "__SURVEY_NAME": order.survey,
        "__SURVEY_ASKING": order.asking,
        "__SURVEY_KIND": plain(order.visit_kind)[:20],
        "__SURVEY_ANSWERS": " ".join(f"{question}:{value}" for question, value in order.answers),
        "__IVR_CUSTOMER": plain(order.customer)[:40],
        "__IVR_SURNAME": order.surname,
    }


def read_sheet(text: str) -> Sheet:
    """What SHEET became; nothing in it is relied on."""
    fields = [field.strip() for field in (*text.split(",", 9), *[""] * 10)[:10]]
    contact, number, survey, surname, asking, answers, amd, cause, second_look, kind = fields
    given = (pair.partition(":") for pair in answers.split())
    known = {question: value for question, colon, value in given if colon}
    return Sheet(contact, number, survey, surname, asking, known, amd, cause, second_look, kind)
