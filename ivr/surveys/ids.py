"""The names of contacts and of their calls: known before anything is dialled, and never anybody else's."""

import hashlib
import re

_CALL_ID = re.compile(r"sv(?P<contact>[0-9a-f]{20})-(?P<attempt>[1-9]\d{0,3})")


def contact_id(survey: str, visit: str) -> str:
    """The id of the contact about a visit (`visit` is its sender's id) by a survey.

    It follows from both, so planning twice, or anew on an empty database, makes nobody a second contact: Asterisk's own
    database and the journal know whom we have rung.
    """
    return hashlib.sha256(f"{survey}\0{visit}".encode()).hexdigest()[:20]


def attempt_call_id(contact: str, attempt: int) -> str:
    """The unique id of an attempt's channel: Asterisk makes no two channels of one id."""
    return f"sv{contact}-{attempt}"


def read_call_id(call_id: str | None) -> tuple[str, int] | None:
    """(contact id, attempt) of an attempt's call; None for every other call."""
    match = _CALL_ID.fullmatch(call_id or "")
    return (match["contact"], int(match["attempt"])) if match else None


def number_id(number: str) -> str:
    """What stands for the call in the journal where something is said of a number alone: a log may hold it (S24)."""
    return f"number-{hashlib.sha256(number.encode()).hexdigest()[:20]}"
