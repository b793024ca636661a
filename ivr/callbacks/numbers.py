"""Which numbers a callback may dial: the country's mobiles and landlines, and nothing that costs or harms."""

import re
from collections.abc import Collection

DIALABLE = r"^(1[3-9][0-9]{9}|0[1-9][0-9]{8,10})$"
"""A mobile, or a landline with its area code. No emergency or service numbers (110, 12345, 400…), nothing abroad:
a caller may type any number, and the bill is ours. The dialplan checks the same (dialplan/callback.j2)."""

_COUNTRY = re.compile(r"^(?:\+|00)?86(?=[1-9])")
_LONG_DISTANCE_MOBILE = re.compile(r"^01[3-9][0-9]{9}$")
"""Some carriers put a 0 before a mobile from another city."""
_DIALABLE = re.compile(DIALABLE)
_MARKS = re.compile(r"[ ()\-]")


def callable_number(text: str | None, own: Collection[str] = ()) -> str | None:
    """The number as it is dialled within the country; None when no callback may go there.

    `own`: the business's own numbers, which must not call themselves.
    """
    digits = _MARKS.sub("", text or "")
    national = _COUNTRY.sub("", digits)
    if _LONG_DISTANCE_MOBILE.fullmatch(digits):
        national = digits[1:]
    candidates = [digits] if national == digits else [national, f"0{national}"]
    return next((number for number in candidates if _DIALABLE.fullmatch(number) and number not in own), None)


def as_shown(number: str) -> list[str]:
    """The ways a carrier may show a dialable number as a caller's: national, and with the country's code."""
    bare = number.removeprefix("0")
    return [number, f"+86{bare}", f"86{bare}", f"0086{bare}", f"0{bare}"]
