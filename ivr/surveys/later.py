"""When to call again: the moments that a customer is offered who has no time now (S26)."""

import datetime as dt
from collections.abc import Collection

from ivr.surveys.policy import Windows

OFFERS = {
    "1": "survey_later_hour",
    "2": "survey_later_today",
    "3": "survey_later_morning",
    "4": "survey_later_afternoon",
}
"""Which key means what, and the prompt that says so."""
ALL_OFFERS = "survey_later"
"""The prompt that offers all of them."""
LATER_ASK = "survey_later_ask"
SAY_KEY = "5"
"""The key of whoever would rather say when."""

_HOUR = dt.timedelta(hours=1)
_LATER_TODAY = dt.timedelta(hours=3)


def later_offers(windows: Windows, now: dt.datetime) -> dict[str, dt.datetime]:
    """Key → the moment to call, of those offers that lie within the hours in which this survey may ring."""
    local = now.astimezone(windows.zone)
    tomorrow = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(), windows.zone)
    midnight = tomorrow.astimezone(dt.UTC)
    end = (tomorrow + dt.timedelta(days=1)).astimezone(dt.UTC)
    hour = now + _HOUR if windows.is_open(now + _HOUR) else None
    today = windows.next_open(now + _LATER_TODAY, until=midnight)
    found = {
        "1": hour,
        "2": today,
        "3": windows.next_open(midnight, until=end, parts=["morning"]),
        "4": windows.next_open(midnight, until=end, parts=["afternoon"]),
    }
    return {key: at for key, at in found.items() if at is not None}


def offer_prompts(keys: Collection[str]) -> list[str]:
    """What says these offers, and that they may say another time; in one breath where all can be made."""
    if set(keys) == set(OFFERS):
        return [ALL_OFFERS]
    return [LATER_ASK, *(prompt for key, prompt in OFFERS.items() if key in keys), "survey_later_own"]
