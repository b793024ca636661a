"""Opening cases: whatever the record holds that a person must put right, and has no case yet, gets one.

Looked for in the tables again and again, so nothing is lost with whoever was killed meanwhile; the case's kind and
origin are unique, so nothing is opened twice. Whoever is to be told is told of it in the same transaction.
"""

import datetime as dt
import logging
from collections.abc import Iterator

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ivr.cases.acts import replay
from ivr.cases.rules import COMPLAINT, Trouble, due_at, resolve_by
from ivr.cases.said_times import time_troubles
from ivr.cases.surveyed import CommentReader, survey_troubles
from ivr.customers.file import customer_by_number, get_customer
from ivr.customers.numbers import normalise
from ivr.hotline import Hotline
from ivr.news.outbox import announce
from ivr.store.followup import Callback, Case, CaseKind, Message, Rating, WrapUpNote
from ivr.store.models import Call
from ivr.store.session import Store

log = logging.getLogger(__name__)

_AT_ONCE = 100


def open_cases(
    store: Store, hotline: Hotline, now: dt.datetime, comments: CommentReader | None = None, *, surveys: bool = True
) -> list[int]:
    """Open a case for everything that lacks one; returns their ids. Raises StoreUnavailable.

    `comments` keeps what it has read for the next look. `surveys`: what they brought to light, too; that takes a while.
    """
    reader = (comments or CommentReader()) if surveys else None
    with store.read() as session:  # most looks find nothing and must not keep a writer waiting
        if not any(True for _ in troubles(session, hotline, now, reader)):
            return []
    opened: list[int] = []
    with store.write() as session:
        store.lock(session, "cases")
        for trouble in list(troubles(session, hotline, now, reader)):
            case = _open(session, trouble, hotline)
            if case.state != "closed":
                announce(session, case, "opened", hotline, now)
            opened.append(case.id)
    log.info("Opened %d cases.", len(opened))
    return opened


def troubles(session: Session, hotline: Hotline, now: dt.datetime, comments: CommentReader | None) -> Iterator[Trouble]:
    """What has no case yet: messages, low ratings, callbacks given up, complaints noted by agents; with a reader of
    comments what surveys brought to light, too."""
    left = select(Message).where(_no_case("message", Message.call_id))
    for message in session.scalars(left.limit(_AT_ONCE)):
        yield Trouble("message", message.call_id, message.left_at, message.call_id, message.number, message.queue)
    rated = select(Rating, Call).join(Call, Call.id == Rating.call_id).where(Rating.score <= hotline.rating.low)
    for rating, call in session.execute(rated.where(_no_case("low_rating", Rating.call_id)).limit(_AT_ONCE)):
        score = str(rating.score)
        yield Trouble("low_rating", call.id, rating.given_at, call.id, _number(call), call.queue, matter=score)
    given_up = select(Callback).where(Callback.state == "gave_up", _no_case("missed_callback", Callback.id))
    for lost in session.scalars(given_up.limit(_AT_ONCE)):
        at = lost.ended_at or lost.requested_at
        yield Trouble("missed_callback", lost.id, at, lost.id, lost.number, lost.queue, matter=lost.matter)
    yield from _complaints(session)
    if comments is not None:
        yield from survey_troubles(session, hotline, now, comments)
        yield from time_troubles(session, hotline, now)


def _complaints(session: Session) -> Iterator[Trouble]:
    noted = select(WrapUpNote, Call).join(Call, Call.id == WrapUpNote.call_id)
    noted = noted.where(WrapUpNote.disposition == COMPLAINT, _no_case("complaint", WrapUpNote.call_id))
    seen: set[str] = set()  # two agents of one call may both have noted it
    for note, call in session.execute(noted.order_by(WrapUpNote.written_at).limit(_AT_ONCE)):
        if call.id not in seen:
            yield Trouble("complaint", call.id, note.written_at, call.id, _number(call), call.queue, matter=note.text)
        seen.add(call.id)


def _no_case(kind: CaseKind, origin: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return ~select(Case.id).where(Case.kind == kind, Case.origin == origin).exists()


def _number(call: Call) -> str:
    return (call.called if call.direction == "outbound" else call.caller) or ""


def _open(session: Session, trouble: Trouble, hotline: Hotline) -> Case:
    known = trouble.customer_id
    customer = get_customer(session, known) if known is not None else customer_by_number(session, trouble.number)
    key = trouble.key or (customer is not None and customer.key)
    case = Case(
        kind=trouble.kind,
        origin=trouble.origin,
        call_id=trouble.call_id,
        contact_id=trouble.contact_id,
        customer_id=customer.id if customer else None,
        number=normalise(trouble.number) or trouble.number,
        queue=trouble.queue,
        department=trouble.department,
        key=key,
        matter=trouble.matter,
        opened_at=trouble.at,
        due_at=due_at(trouble.at, key, hotline.standards),
        resolve_by=resolve_by(trouble.at, key, hotline.standards, hotline.calendar.days, hotline.zone),
    )
    session.add(case)
    session.flush()
    # After the tables were made anew: what people have done with it stands in the journal.
    replay(session, case)
    return case
