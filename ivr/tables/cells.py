"""What stands in a cell: plain text, yes and no, titles, languages, as people and other programs write them."""

import re
import unicodedata
from collections.abc import Mapping

from ivr.errors import FieldError

YES_NO = {"yes": "1 y yes true x 是 ✓ √", "no": "0 n no false 否 -"}
TITLES = {"先生": "男 mr mr.", "女士": "女 ms ms. mrs mrs."}
LANGUAGES = {"zh-CN": "中文 普通话 汉语 zh chinese", "en": "英语 英文 english"}
"""What else is written for what we keep; words are parted by blanks."""

_FORMULA = re.compile(r"=|#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA)\Z", re.ASCII)
_LINE_SIGNS = "\n\t"
_ABSURD = 100
"""So many times too long a text is not even looked at."""


def meant(known: Mapping[str, str], word: str) -> str | None:
    """The name under which a word is listed."""
    return next((name for name, words in known.items() if word.lower() in words.split(" ")), None)


def plain_text(text: str, field: str, limit: int, *, lines: bool = False) -> str:
    """Text without what no keyboard types: a name never carries a control sign on to a phone or a shell.

    NFC, trimmed, without invisible signs; `lines` lets line ends and tabs stand. Raises FieldError.
    """
    if len(text) > _ABSURD * limit:
        raise _too_long(field, limit)
    plain = "".join(sign for sign in text.replace("\r\n", "\n") if unicodedata.category(sign) != "Cf").strip()
    plain = unicodedata.normalize("NFC", plain)
    allowed = _LINE_SIGNS if lines else ""
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in allowed for sign in plain):
        raise FieldError(field, "signs", "There is a sign in it that cannot be shown.", "type it anew")
    if len(plain) > limit:
        raise _too_long(field, limit)
    return plain


def _too_long(field: str, limit: int) -> FieldError:
    return FieldError(field, "long", f"It is longer than {limit} characters.", "shorten it")


def is_formula(text: str) -> bool:
    """Whether a table's cell holds a formula, or a formula's error, where its value should be."""
    return _FORMULA.match(text) is not None


def is_yes(text: str, field: str) -> bool:
    """A yes or no as people write it; raises FieldError."""
    said = meant(YES_NO, text)
    if said is None:
        raise FieldError(field, "yes_no", "It is neither yes nor no.", "allowed: yes, no, 是, 否")
    return said == "yes"


def meant_title(text: str) -> str:
    """先生 or 女士 for all that is written for them; anything else as it is."""
    return text if text in TITLES else meant(TITLES, text) or text


def meant_language(text: str) -> str:
    """The code of a language by any of its names; anything else as it is."""
    return meant(LANGUAGES, text) or text
