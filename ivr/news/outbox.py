"""What is to be told outside (S21): put down together with what it tells of, sent by and by, tried again."""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.customers.numbers import masked
from ivr.hotline import Hotline
from ivr.news.retry import Failure, after
from ivr.store.followup import Case, News
from ivr.store.session import Store

log = logging.getLogger(__name__)

Channel = Literal["email", "webhook"]
Event = Literal["opened", "overdue", "resolve_soon", "escalated"]
"""A case is there; its customer should have heard from us; its time to be put right runs out; it has run out."""
LEASE = dt.timedelta(minutes=2)
"""Longer than any attempt takes: what was being sent when its process was killed is sent again after it."""

_AT_ONCE = 20


class NotSent(Exception):
    """An attempt that failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True)
class Item:
    """One piece of news as a sender gets it; `origin` is the same in every attempt: the receiver may tell by it."""

    id: int
    origin: str
    body: Mapping[str, Any]
    attempts: int


Sender = Callable[[Item], str | None]
"""Sends one piece; returns a remark, if any. Raises NotSent."""


def channels(hotline: Hotline) -> list[Channel]:
    """By which ways the business wants to be told."""
    wanted: list[Channel] = []
    if hotline.notify.email:
        wanted.append("email")
    if hotline.notify.webhook:
        wanted.append("webhook")
    return wanted


def origins(case_id: int) -> dict[Event, str]:
    """What the news of a case is known by, each kind of it."""
    return {event: f"{'case' if event == 'opened' else event}:{case_id}" for event in get_args(Event)}


def announce(session: Session, case: Case, event: Event, hotline: Hotline, now: dt.datetime) -> None:
    """Put the news of a case down for every channel, once; in the transaction that made it news.

    No name, no whole number, no word of the caller leaves the house (S24): who acts on it opens the page.
    """
    origin = origins(case.id)[event]
    body = {
        "event": f"case.{event}",
        "case": case.id,
        "kind": case.kind,
        "queue": case.queue,
        "number": masked(case.number),
        "key": case.key,
        "opened_at": case.opened_at.isoformat(),
        "due_at": case.due_at.isoformat(),
        "resolve_by": case.resolve_by.isoformat() if case.resolve_by else None,
        "department": case.department,
    }
    for channel in channels(hotline):
        there = select(News.id).where(News.channel == channel, News.origin == origin)
        if session.scalar(there) is None:
            session.add(News(channel=channel, origin=origin, body=body, next_at=now))


def send_due(
    store: Store, channel: Channel, send: Sender, now: Callable[[], dt.datetime], stop: threading.Event | None = None
) -> int:
    """Send what is due on a channel, one after the other; returns how many arrived. Raises StoreUnavailable.

    Each is claimed before it is sent, so that two senders never send the same at once; a sender killed between
    sending and noting it sends it twice, with the same id, never not at all.
    """
    arrived = 0
    for _ in range(_AT_ONCE):
        if stop is not None and stop.is_set():
            break
        item = _claim(store, channel, now())
        if item is None:
            break
        try:
            remark = send(item)
        except NotSent as error:
            _failed(store, item, error.failure, now())
        else:
            _sent(store, item, remark)
            arrived += 1
    return arrived


def send_again(store: Store, now: dt.datetime) -> int:
    """Have everything that was given up tried again; returns how much. Raises StoreUnavailable."""
    with store.write() as session:
        rows = session.scalars(select(News).where(News.state == "failed")).all()
        for row in rows:
            row.state, row.attempts, row.next_at = "waiting", 0, now
    return len(rows)


def _claim(store: Store, channel: Channel, now: dt.datetime) -> Item | None:
    due = select(News).where(News.channel == channel, News.state == "waiting", News.next_at <= now)
    with store.read() as session:  # most looks find nothing and must not keep a writer waiting
        if session.scalar(due.limit(1)) is None:
            return None
    with store.write() as session:
        store.lock(session, "news")
        row = session.scalar(due.order_by(News.next_at, News.id).limit(1))
        if row is None:
            return None
        row.attempts, row.next_at = row.attempts + 1, now + LEASE
        return Item(row.id, row.origin, row.body, row.attempts)


def _sent(store: Store, item: Item, remark: str | None) -> None:
    with store.write() as session:
        row = session.get(News, item.id)
        if row is not None:
            row.state, row.error = "sent", remark


def _failed(store: Store, item: Item, failure: Failure, now: dt.datetime) -> None:
    decision = after(failure, item.attempts, now)
    log.warning("News %s did not arrive: %s", item.origin, decision.why)
    with store.write() as session:
        row = session.get(News, item.id)
        if row is None:
            return
        row.error = decision.why
        if decision.next_at is None:
            row.state = "failed"
        else:
            row.next_at = decision.next_at
