"""News of what goes on, for pages that stay open: one thread looks, any number of pages are told.

A page's stream is an async generator: it holds no thread while nothing happens, and few of them together while
something does, so that open pages never take the threads which other pages are answered with.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from threading import Event, Lock, Thread

import anyio
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sse_starlette import EventSourceResponse, JSONServerSentEvent

from ivr.desk.board import Board, read_board
from ivr.store.live import LiveBoard
from ivr.store.models import JournalPosition
from ivr.store.session import Store, StoreUnavailable

log = logging.getLogger("ivr.web")

LOOK_SECONDS = 0.5
"""How often the one thread looks; a page is this much behind at most, and a little."""

BEAT_SECONDS = 15.0
"""A page hears so often that its stream lives, and is drawn again; it opens another when it hears nothing."""

_REST_SECONDS = 0.3
"""Between two pictures of one page: many small changes are one picture."""

_DRAWING_THREADS = 4
_RETRY_MS = 2000
_GRACE_SECONDS = 2.0
"""A stream ends by itself within so long after the server was told to stop."""


@dataclass(frozen=True)
class Glance:
    """What there is to be seen at once: the live board, a mark that moves with the records, and what is amiss."""

    board: Board = field(default_factory=Board)
    records: int = 0
    stale: bool = True
    database: bool = True


class Feed:
    """Looks at the live board on behalf of all open pages of this process; looks only while one is open."""

    def __init__(self, store: Store, now: Callable[[], dt.datetime], seconds: float = LOOK_SECONDS) -> None:
        self._store = store
        self._now = now
        self._seconds = seconds
        self._lock = Lock()
        self._readers: set[Reader] = set()
        self._thread: Thread | None = None
        self._wake = Event()
        self.threads = anyio.CapacityLimiter(_DRAWING_THREADS)

    def look(self, before: Glance | None = None) -> Glance:
        """What there is to be seen now; the board is read only when its version is another than `before`'s."""
        before = before or Glance()
        try:
            with self._store.read() as session:
                row = session.execute(select(LiveBoard.version, LiveBoard.at).where(LiveBoard.id == 1)).first()
                records = session.scalar(select(func.sum(JournalPosition.offset))) or 0
                same = row is not None and row.version == before.board.version and before.board.at is not None
                board = replace(before.board, at=row.at) if row is not None and same else read_board(session)
        except (StoreUnavailable, SQLAlchemyError):
            return replace(before, stale=True, database=False)
        return Glance(board, int(records), board.stale(self._now()), True)

    def open(self, session_key: str, glance: Glance) -> "Reader":
        """A reader for the running event loop; `session_key` names the session whose end ends it."""
        reader = Reader(asyncio.get_running_loop(), session_key, glance)
        with self._lock:
            self._readers.add(reader)
            if self._thread is None:
                self._wake.clear()
                self._thread = Thread(target=self._run, name="live-feed", daemon=True)
                self._thread.start()
        return reader

    def close(self, reader: "Reader") -> None:
        with self._lock:
            self._readers.discard(reader)
            if not self._readers:
                self._wake.set()

    def end_session(self, session_key: str) -> None:
        """End the streams of somebody who logged out."""
        for reader in self._all():
            if reader.session_key == session_key:
                reader.end()

    @property
    def readers(self) -> int:
        """How many pages are open."""
        return len(self._all())

    def _all(self) -> "list[Reader]":
        with self._lock:
            return list(self._readers)

    def _run(self) -> None:
        seen = Glance()
        while True:
            self._wake.wait(self._seconds)
            with self._lock:
                if not self._readers:
                    self._thread = None
                    return
            glance = self.look(seen)
            if _mark(glance) != _mark(seen):
                for reader in self._all():
                    reader.tell(glance)
            seen = glance


def _mark(glance: Glance) -> Hashable:
    """What makes a glance another one: that the board was written again unchanged does not."""
    return glance.board.version, glance.records, glance.stale, glance.database


class Reader:
    """One open page: told from the feed's thread, read in the event loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, session_key: str, glance: Glance) -> None:
        self.session_key = session_key
        self.glance = glance
        self.ended = False
        self.stopping = False
        self._loop = loop
        self._news = asyncio.Event()

    def tell(self, glance: Glance) -> None:
        self.glance = glance
        self._ring()

    def end(self) -> None:
        self.ended = True
        self._ring()

    async def end_with(self, stopping: anyio.Event) -> None:
        """End when the server stops; the page is not told, for it is to come back by itself."""
        await stopping.wait()
        self.stopping = True
        self.end()

    async def news(self, seconds: float) -> None:
        """Return when something is new, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self.ended = True


Draw = Callable[[Glance], Mapping[str, str] | None]
"""Draws a page's regions (name → HTML) in a thread; None when its reader may not see it any more."""


def stream(feed: Feed, session_key: str, draw: Draw, beat: float = BEAT_SECONDS) -> EventSourceResponse:
    """The answer that keeps a page up to date: `regions` as they change, `beat` otherwise, `ended` at the end.

    To be called in the event loop.
    """
    stopping = anyio.Event()
    events = _events(feed, session_key, draw, beat, stopping)
    return EventSourceResponse(events, ping=3600, shutdown_event=stopping, shutdown_grace_period=_GRACE_SECONDS)


async def _events(
    feed: Feed, session_key: str, draw: Draw, beat: float, stopping: anyio.Event
) -> AsyncIterator[JSONServerSentEvent]:
    reader = feed.open(session_key, await anyio.to_thread.run_sync(feed.look, limiter=feed.threads))
    watching = asyncio.create_task(reader.end_with(stopping))
    shown: dict[str, str] = {}
    try:
        while not reader.ended:
            try:
                regions = await anyio.to_thread.run_sync(draw, reader.glance, limiter=feed.threads)
            except (StoreUnavailable, SQLAlchemyError):
                yield _event("trouble", {})
                await reader.news(beat)
                continue
            if regions is None or reader.ended:
                break
            changed = {name: html for name, html in regions.items() if shown.get(name) != html}
            shown |= changed
            yield _event("regions" if changed else "beat", changed)
            await anyio.sleep(_REST_SECONDS)
            await reader.news(beat)
        if not reader.stopping:
            yield _event("ended", {})
    finally:
        watching.cancel()
        feed.close(reader)


def _event(name: str, data: Mapping[str, str]) -> JSONServerSentEvent:
    return JSONServerSentEvent(dict(data), event=name, retry=_RETRY_MS)
