"""The prompts of a survey call, in the order of S26: whoever plays, checks or makes them agrees here."""

PURPOSE = "purpose"
"""Why we call, as the name of a survey's prompt; no question may be called so."""
SAID_TIME = "later"
"""When they want to be called, in the customer's own words: a recording named so; no question may be."""

GREETING = "survey_greeting"
HOLIDAYS = ("holiday_new_year", "holiday_spring", "holiday_labour", "holiday_mid_autumn", "holiday_national")
IS_CUSTOMER = "survey_is_customer"
"""Said where no surname can be; else `survey_is_it`, the surname, `survey_is_it_keys`, which is no longer."""
CONVENIENT = "survey_convenient"
"""Announces the ways out: another time, never again, a person."""
OPENING = (GREETING, IS_CUSTOMER, "recording_notice")
"""Before the purpose, on every day."""
REPEAT_HINT = "survey_repeat_hint"
COMMENT_THANKS = "survey_comment_thanks"
NUMBER_READ_BACK = ("survey_number_back", "survey_number_confirm")
"""Before and after a number that was typed."""
SORRY_LOW = "survey_sorry_low"
CLOSING = "survey_thanks_bye"
OTHERWISE = (
    "survey_is_it",
    "survey_is_it_keys",
    "survey_wrong_person",
    "survey_later",
    "survey_later_ask",
    "survey_later_hour",
    "survey_later_today",
    "survey_later_morning",
    "survey_later_afternoon",
    "survey_later_own",
    "survey_later_speak",
    "survey_later_said",
    "survey_later_agreed",
    "survey_later_other",
    "survey_declined_bye",
    "survey_never_bye",
    "survey_person",
    "survey_wrong_key",
    "survey_no_key",
    "survey_go_on",
    "survey_no_human_bye",
    "survey_closed",
    "survey_sorry_bye",
)
"""Said only when a call takes another turn."""
TAKES = tuple(f"survey_takes_{minutes}" for minutes in (1, 2, 3))
_ASKING = (REPEAT_HINT, *NUMBER_READ_BACK, COMMENT_THANKS, SORRY_LOW)
EVERY_SURVEYS = (*OPENING, *TAKES, CONVENIENT, *_ASKING, CLOSING, *OTHERWISE, *HOLIDAYS)
"""All that is said in the words of prompts/*.yaml, whatever the survey."""


def survey_prompt(survey: str, part: str) -> str:
    """The id of the prompt that says a survey's question (by its id) or its purpose."""
    return f"survey_{survey}_{part}"


def takes_prompt(minutes: int) -> str:
    """The id of the prompt that says how long a survey takes."""
    return f"survey_takes_{minutes}"
