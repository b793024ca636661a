"""Nobody is dialled on yesterday's news; nor does anybody wait for ever because there is always some."""

from datetime import UTC, datetime, timedelta

import pytest

from ivr.callbacks.progress import Knowledge, knows_everything
from ivr.calls.ingest import Ingestor
from ivr.calls.journal import Journal
from ivr.settings import StatePaths
from ivr.store.session import Store
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]


class World:
    """A journal that is written, ingestion that reads it, and somebody who looks; `asleep` is done while they wait."""

    def __init__(self, paths: StatePaths, store: Store) -> None:
        self.now = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
        self.store, self.paths = store, paths
        self.journal = Journal(paths.journal / "flow.jsonl", now=lambda: self.now)
        self.ingestor = Ingestor(paths, store, lambda: self.now)
        self.asleep = lambda: None
        self.knowledge = Knowledge(store, paths.journal, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.asleep()

    def write(self) -> None:
        self.journal.write("c-1.1", "something")

    def looks(self, after: float = 1) -> bool:
        self.now += timedelta(seconds=after)
        return self.knowledge.is_current()


@pytest.fixture
def world(paths: StatePaths, store: Store) -> World:
    return World(paths, store)


def test_what_was_written_and_not_read_is_not_known(world: World) -> None:
    assert world.looks()
    world.write()
    assert not world.looks(60)
    assert not world.looks(), "it was there a second ago, too"
    world.ingestor.once()
    assert world.looks()


def test_where_there_is_always_another_line_what_was_there_a_moment_ago_is_enough(world: World) -> None:
    assert world.looks()
    for _ in range(5):
        world.ingestor.once()
        world.write()
        assert world.looks()


def test_a_moment_is_waited_for_ingestion(world: World) -> None:
    world.write()
    world.asleep = world.ingestor.once  # type: ignore[assignment]
    assert world.looks(60)
    world.write()
    assert knows_everything(world.store, world.paths.journal, world.sleep)


def test_when_ingestion_has_died_nobody_goes_on_for_more_than_a_look(world: World) -> None:
    assert world.looks()
    world.write()
    seen = [world.looks() for _ in range(5)]
    assert seen == [True, False, False, False, False]


def test_a_look_of_long_ago_says_nothing_about_now(world: World) -> None:
    assert world.looks()
    world.write()
    assert not world.looks(3)
    world.now -= timedelta(hours=1)  # the clock is set back
    assert not world.looks(0)


def test_a_torn_last_line_is_not_waited_for(world: World) -> None:
    world.write()
    world.ingestor.once()
    with (world.paths.journal / "flow.jsonl").open("a") as out:
        out.write('{"at": "2026-03-02T04:')
    assert world.looks(60)
