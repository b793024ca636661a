"""What taking a visit would do, from what is known of it and of its customer. Pure."""

from dataclasses import dataclass, field, replace
from typing import Literal

from ivr.customers.file import Entry
from ivr.customers.names import surname_of
from ivr.errors import FieldError
from ivr.store.customers import Visit
from ivr.visits.intake import VisitEntry

Status = Literal["new", "changed", "same", "bad"]

_FIELDS = {"kind": "kind", "at": "ended_at", "by": "by", "number": "number", "language": "language", "notes": "notes"}
"""What stands in a visit's row, and where it is given; consent is a thing of its own."""


@dataclass(frozen=True)
class Judgement:
    """What becomes of a visit: the facts to be written, and the customer as they will be.

    `refuses`: consent was taken back, so that nobody is to be rung any more. `problem` says what was left as it was.
    """

    status: Status
    customer: Entry
    facts: dict[str, object] = field(default_factory=dict)
    refuses: bool = False
    problem: FieldError | None = None


def judge(entry: VisitEntry, visit: Visit | None, customer: Entry | None, *, begun: bool) -> Judgement:
    """`visit`: what stands in the tables; `customer`: whose number it is, None: nobody's; `begun`: the customer has
    been rung about the visit, or nobody is to be rung about it any more.

    Raises FieldError for a visit that cannot be taken.
    """
    if visit is not None and visit.withdrawn_at is not None:
        raise FieldError("external_id", "withdrawn", "The visit was withdrawn.", "send it with another id")
    owner = customer_after(entry, customer)
    given: dict[str, object] = {name: getattr(entry, where) for name, where in _FIELDS.items()}
    given = {name: value for name, value in given.items() if value is not None}
    if visit is None:
        return Judgement("new", owner, given | {"consent": entry.consent is not False})
    facts = {name: value for name, value in given.items() if getattr(visit, name) != value}
    problem = None
    if begun and facts:
        left = ", ".join(sorted(_FIELDS[name] for name in facts))
        what = f"The customer has been rung about it: it stays as it was ({left})."
        facts, problem = {}, FieldError("external_id", "begun", what, "correct it where it was sent from")
    if entry.consent is not None and entry.consent != visit.consent:
        if begun and entry.consent:
            raise FieldError("consent", "begun", "Nobody is rung about it any more.", "ask the customer anew")
        facts["consent"] = entry.consent
    refuses = facts.get("consent") is False
    changed = bool(facts) or owner != customer
    return Judgement("changed" if changed else "bad" if problem else "same", owner, facts, refuses, problem)


def customer_after(entry: VisitEntry, customer: Entry | None) -> Entry:
    """The customer as the visit leaves them: a stranger is entered; of a known one the file counts, a key customer
    stays one, and a title fills a blank. Raises FieldError for a stranger without a name."""
    if customer is None:
        if not (entry.name or entry.surname):
            what = "Nobody is known by this number: the customer needs a name."
            raise FieldError("name", "stranger", what, "give name or surname")
        return Entry(
            name=entry.name or "",
            surname=entry.surname or "",
            title=entry.title or "",
            numbers=(entry.number,),
            key=entry.key is True,
            language=entry.language,
        )
    surname = entry.surname or surname_of(entry.name or "")
    same_person = surname in ("", customer.surname)
    title = customer.title or (entry.title or "" if same_person else "")
    return replace(customer, title=title, key=customer.key or entry.key is True)
