"""News for open pages: one thread looks for all of them, and streams end when they must."""

import asyncio
import datetime as dt
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ivr.store.live import LiveBoard
from ivr.store.session import Store, StoreUnavailable
from ivr.web.feed import Draw, Feed, Glance, stream
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]
NOW = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
ENOUGH = 30.0


@pytest.fixture
def feed(store: Store) -> Feed:
    return Feed(store, lambda: NOW, seconds=0.02)


def write_board(store: Store, version: int, state: str) -> None:
    with store.write() as session:
        session.merge(LiveBoard(id=1, version=version, at=NOW, board={"agents": {"1001": {"state": state}}}))


def duty(glance: Glance) -> dict[str, str]:
    return {"status": str(glance.board.agent("1001").duty)}


class Page:
    """An open page: what its stream told it."""

    def __init__(self, feed: Feed, draw: Draw, key: str = "somebody", beat: float = ENOUGH) -> None:
        self._events = stream(feed, key, draw, beat).body_iterator

    async def next(self) -> tuple[str, Any]:
        """The next event's name and data."""
        said = await asyncio.wait_for(anext(aiter(self._events)), ENOUGH)
        lines = dict(line.split(": ", 1) for line in said.encode().decode().split("\r\n") if line)
        return lines["event"], json.loads(lines["data"])

    async def until(self, name: str) -> Any:
        while True:
            event, data = await self.next()
            if event == name:
                return data

    async def shut(self) -> None:
        await self._events.aclose()  # type: ignore[union-attr]


def play(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 2 * ENOUGH))


def test_page_is_told_what_changed_and_nothing_else(store: Store, feed: Feed) -> None:
    write_board(store, 1, "free")

    async def story() -> None:
        page = Page(feed, lambda glance: duty(glance) | {"same": "always"})
        assert await page.next() == ("regions", {"status": "free", "same": "always"})
        await asyncio.to_thread(write_board, store, 2, "ringing")
        assert await page.until("regions") == {"status": "ringing"}
        await page.shut()

    play(story)


def test_hundred_open_pages_are_served_by_one_thread_and_a_few_that_draw(store: Store, feed: Feed) -> None:
    write_board(store, 1, "free")
    drawing: set[int] = set()

    def draw(glance: Glance) -> dict[str, str]:
        drawing.add(threading.get_ident())
        return duty(glance)

    async def story() -> None:
        pages = [Page(feed, draw) for _ in range(100)]
        await asyncio.gather(*(page.next() for page in pages))
        assert feed.readers == 100
        assert [thread.name for thread in threading.enumerate()].count("live-feed") == 1
        await asyncio.to_thread(write_board, store, 2, "talking")
        told = await asyncio.gather(*(page.until("regions") for page in pages))
        assert told == [{"status": "talking"}] * 100
        # asyncio keeps the threads it has made: as many as may draw together, and not one for each page.
        assert len(drawing) <= 8
        await asyncio.gather(*(page.shut() for page in pages))
        assert feed.readers == 0

    play(story)


def test_stream_ends_when_its_user_logs_out_and_others_go_on(store: Store, feed: Feed) -> None:
    write_board(store, 1, "free")

    async def story() -> None:
        mine, other = Page(feed, duty, "mine"), Page(feed, duty, "other")
        await mine.next()
        await other.next()
        feed.end_session("mine")
        assert await mine.until("ended") == {}
        with pytest.raises(StopAsyncIteration):
            await mine.next()
        assert feed.readers == 1
        await asyncio.to_thread(write_board, store, 2, "paused")
        assert await other.until("regions") == {"status": "paused"}
        await other.shut()

    play(story)


def test_stream_ends_for_somebody_who_may_not_see_it_any_more(store: Store, feed: Feed) -> None:
    async def story() -> None:
        page = Page(feed, lambda glance: None)
        assert await page.next() == ("ended", {})
        with pytest.raises(StopAsyncIteration):
            await page.next()

    play(story)


def test_page_hears_a_beat_while_nothing_happens(store: Store, feed: Feed) -> None:
    write_board(store, 1, "free")

    async def story() -> None:
        page = Page(feed, duty, beat=0.05)
        assert (await page.next())[0] == "regions"
        assert await page.next() == ("beat", {})
        await page.shut()

    play(story)


def test_page_is_told_of_a_database_that_is_away_and_of_its_return(store: Store, feed: Feed) -> None:
    write_board(store, 1, "free")
    away = threading.Event()

    def draw(glance: Glance) -> dict[str, str]:
        if away.is_set():
            raise StoreUnavailable("The database cannot be used now.")
        return duty(glance)

    async def story() -> None:
        page = Page(feed, draw, beat=0.05)
        assert (await page.next())[0] == "regions"
        away.set()
        assert await page.until("trouble") == {}
        away.clear()
        await page.until("beat")
        await page.shut()

    play(story)


def test_thread_that_looks_ends_with_the_last_page_and_begins_with_the_next(store: Store, feed: Feed) -> None:
    async def story() -> None:
        for _ in range(2):
            page = Page(feed, duty)
            await page.next()
            assert any(thread.name == "live-feed" for thread in threading.enumerate())
            await page.shut()
            while any(thread.name == "live-feed" for thread in threading.enumerate()):
                await asyncio.sleep(0.01)

    play(story)


def test_board_that_is_written_again_unchanged_is_no_news_but_stays_fresh(store: Store, feed: Feed) -> None:
    write_board(store, 1, "free")
    first = feed.look()
    later = NOW + dt.timedelta(seconds=5)
    with store.write() as session:
        row = session.get(LiveBoard, 1)
        assert row is not None
        row.at = later
    second = feed.look(first)
    assert second.board.at == later and second.board.agents is first.board.agents


def test_database_that_is_away_leaves_the_last_board_and_says_so(store: Store, feed: Feed) -> None:
    write_board(store, 1, "talking")
    seen = feed.look()
    with store.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE live_board RENAME TO away")
    gone = feed.look(seen)
    assert not gone.database and gone.stale
    assert duty(gone) == {"status": "talking"}
