"""Telephone numbers of customers: one way to write each, and all the ways in which carriers deliver it."""

import re
from collections.abc import Iterable

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

HOME = "CN"
"""The country whose numbers are written without their country code."""

_SHORTEST, _LONGEST = 3, 20
_WORLD_DIGITS = 11
"""Shorter digits without a plus are never read as a country code and a number."""
_MOBILE = re.compile(r"1(3\d|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9\d)\d{8}", re.ASCII)
_MARKS = re.compile(r"[\s\-().（）·—－]")


def normalise(raw: str) -> str | None:
    """A number as we keep it, digits only; None when it is none.

    Numbers at home as they are dialled at home (13800138000, 02155667788), others as 00 and country code; a
    number that the numbering plan does not know (a short code, an extension) keeps its digits.
    Source: ITU-T E.164 by the library phonenumbers.
    """
    if _MOBILE.fullmatch(raw):  # most are, and asking the numbering plan takes long
        return raw
    plain = _MARKS.sub("", raw.translate(FULL_WIDTH))
    digits = plain.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and _SHORTEST <= len(digits) <= _LONGEST):
        return None
    known = _known(plain)
    return _written(known) if known else digits


def is_subscriber(number: str) -> bool:
    """Whether a number that `normalise` gave is somebody's by the numbering plan: no short code, no extension, no
    landline without its area code."""
    return _MOBILE.fullmatch(number) is not None or _known(number) is not None


def forms(number: str) -> list[str]:
    """The digits under which carriers may deliver a number that `normalise` gave, itself first."""
    if _MOBILE.fullmatch(number):
        return [number, f"86{number}", f"0086{number}"]
    known = _known(number)
    if known is None:
        return [number]
    world = phonenumbers.format_number(known, PhoneNumberFormat.E164).removeprefix("+")
    return list(dict.fromkeys([_written(known), world, f"00{world}"]))


def delivered(numbers: Iterable[str]) -> list[str]:
    """All that may stand in a call's record for these numbers: their forms, and E.164 with its plus."""
    return [form for number in numbers for form in (*forms(number), f"+{forms(number)[-1].lstrip('0')}")]


def masked(number: str) -> str:
    """A number as it may be told outside (S24): its beginning and end alone."""
    first, last = (3 if len(number) >= 11 else 0), (4 if len(number) >= 8 else 0)
    return number[:first] + "*" * (len(number) - first - last) + number[len(number) - last :]


FULL_WIDTH = str.maketrans("０１２３４５６７８９＋", "0123456789+")


def _known(text: str) -> PhoneNumber | None:
    """What the numbering plan makes of it; a carrier's E.164 comes without its plus now and then."""
    digits = text.removeprefix("+")
    attempts: list[tuple[str, str | None]] = []
    if text.startswith(("+", "00")):
        attempts.append((f"+{digits.removeprefix('00')}", None))
    if not digits.startswith("00"):
        attempts.append((digits, HOME))
        if len(digits) >= _WORLD_DIGITS:
            attempts.append((f"+{digits}", None))
    for attempt, region in attempts:
        try:
            number = phonenumbers.parse(attempt, region)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return number
    return None


def _written(number: PhoneNumber) -> str:
    home = number.country_code == phonenumbers.country_code_for_region(HOME)
    if home:
        return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL).translate(_DIGITS_ONLY)
    return "00" + phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")


class _OnlyDigits(dict[int, str | None]):
    def __missing__(self, key: int) -> str | None:
        return chr(key) if chr(key) in "0123456789" else None


_DIGITS_ONLY = _OnlyDigits()
