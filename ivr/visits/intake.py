"""One visit as it was sent, held against what may be kept. Pure: nothing is looked up."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

from ivr.customers.file import LANGUAGES, MAX_NAME, MAX_NOTES, TITLES
from ivr.customers.numbers import FULL_WIDTH, is_subscriber, normalise
from ivr.errors import FieldError
from ivr.tables.cells import is_formula, is_yes, meant_language, meant_title, plain_text
from ivr.tables.read import LineError
from ivr.visits.times import ended_at

MAX_WORDS = 64
"""Characters of an id, a kind, a technician's name."""
FIELDS = (
    "external_id", "name", "surname", "title", "number", "kind", "ended_at", "by", "language", "key", "consent",
    "notes",
)  # fmt: skip
NEEDED = ("external_id", "number", "kind", "ended_at")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class VisitEntry:
    """A visit that may be kept; None was not given: what is known stays, of a new visit it is the usual.

    `number` as `normalise` writes it, `ended_at` in UTC.
    """

    external_id: str
    number: str
    kind: str
    ended_at: dt.datetime
    by: str | None = None
    name: str | None = None
    surname: str | None = None
    title: str | None = None
    language: str | None = None
    key: bool | None = None
    consent: bool | None = None
    notes: str | None = None


def read_visit(
    given: Mapping[str, object], line: int, zone: ZoneInfo, now: dt.datetime
) -> VisitEntry | list[LineError]:
    """The visit, or everything that is wrong with it.

    `given` has texts, whole numbers, yes or no; None and an empty text are nothing given. `line` says which one it is
    among those that came with it; `zone` is the business's, for times without one of their own.
    """
    reader = _Reader(given, line)
    reader.know_all_fields()
    facts = {
        "external_id": reader.read("external_id", lambda text: plain_text(text, "external_id", MAX_WORDS)),
        "number": reader.read("number", _number),
        "kind": reader.read("kind", lambda text: plain_text(text, "kind", MAX_WORDS)),
        "ended_at": reader.read("ended_at", lambda text: ended_at(text, zone, now)),
        "by": reader.read("by", lambda text: plain_text(text, "by", MAX_WORDS)),
        "name": reader.read("name", lambda text: plain_text(text, "name", MAX_NAME)),
        "surname": reader.read("surname", lambda text: plain_text(text, "surname", MAX_NAME)),
        "title": reader.read("title", _title),
        "language": reader.read("language", _language),
        "key": reader.read("key", lambda text: is_yes(text, "key")),
        "consent": reader.read("consent", lambda text: is_yes(text, "consent")),
        "notes": reader.read("notes", lambda text: plain_text(text, "notes", MAX_NOTES, lines=True)),
    }
    reader.need(name for name in NEEDED if facts[name] is None)
    return reader.errors or VisitEntry(**facts)  # type: ignore[arg-type]


class _Reader:
    """Reads field after field of a visit and gathers what is wrong with them."""

    def __init__(self, given: Mapping[str, object], line: int) -> None:
        self._given, self._line = given, line
        self.errors: list[LineError] = []

    def know_all_fields(self) -> None:
        for name in sorted(self._given.keys() - FIELDS):
            what = f"There is no field {name[:40]!a}."
            self._wrong(FieldError("line", "field", what, f"allowed: {', '.join(FIELDS)}"))

    def read(self, name: str, made: Callable[[str], _T]) -> _T | None:
        """What `made` makes of the field's text; None when nothing is given, or nothing good."""
        try:
            text = _text(self._given.get(name), name)
            if is_formula(text):
                raise FieldError(name, "formula", "It is a formula, or its error.", "give the value in its place")
            found = made(text) if text else None
            return None if found == "" else found
        except FieldError as error:
            self._wrong(error)
            return None

    def need(self, missing: Iterable[str]) -> None:
        """Say of fields that nothing is given, unless something worse is said of them already."""
        named = {error.field for error in self.errors}
        for name in missing:
            if name not in named:
                self._wrong(FieldError(name, "missing", "It is missing.", f"needed: {', '.join(NEEDED)}"))

    def _wrong(self, error: FieldError) -> None:
        self.errors.append(LineError.of(self._line, error))


def _text(value: object, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) and name in ("key", "consent"):
        return "yes" if value else "no"
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value).strip()
    raise FieldError(name, "type", "It is neither text nor a whole number.", "allowed: text")


def _number(text: str) -> str:
    number, meant = normalise(text), text.translate(FULL_WIDTH).lstrip(" (（")
    if number is None:
        raise FieldError("number", "number", "It is no telephone number.", "allowed: +8613800138000, 021-55667788")
    # Carriers leave the plus away (normalise); whoever types a visit has mistyped a number at home.
    abroad_unsaid = number.startswith("00") and not meant.startswith(("+", "00"))
    if not is_subscriber(number) or abroad_unsaid:
        what = "No telephone has this number."
        raise FieldError("number", "number", what, "allowed: mobiles, landlines with area code, +country code")
    return number


def _title(text: str) -> str:
    title = meant_title(text)
    if title not in TITLES:
        raise FieldError("title", "unknown", "The title is not known.", f"allowed: {', '.join(TITLES)}, or none")
    return title


def _language(text: str) -> str:
    language = meant_language(text)
    if language not in LANGUAGES:
        raise FieldError("language", "unknown", "The language is not spoken.", f"allowed: {', '.join(LANGUAGES)}")
    return language


# ---- visits that come together ---------------------------------------------------------------------------


@dataclass
class Sorted:
    """Visits that came together: the good ones, each with its line, and all that is wrong with the others.

    `repeated`: lines that say the same as one before them.
    """

    good: list[tuple[int, VisitEntry]] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)
    repeated: list[tuple[int, VisitEntry]] = field(default_factory=list)


def sort_out(read: Iterable[tuple[int, VisitEntry | list[LineError]]]) -> Sorted:
    """Part good visits from bad ones; of lines about the same visit that differ, the first is good."""
    found = Sorted()
    seen: dict[str, tuple[int, VisitEntry]] = {}
    for line, visit in read:
        if isinstance(visit, list):
            found.errors += visit
            continue
        first, before = seen.setdefault(visit.external_id, (line, visit))
        if before is visit:
            found.good.append((line, visit))
        elif before == visit:
            found.repeated.append((line, visit))
        else:
            what = f"Line {first} says otherwise of the same visit."
            found.errors.append(LineError(line, "external_id", "twice", what, "give each visit an id of its own"))
    return found
