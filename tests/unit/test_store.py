"""The store on both engines: locking, time zones, migrations, and what is said when there is none."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

import ivr.store.session as session_module
from ivr.store.among import among
from ivr.store.migrate import migrate
from ivr.store.models import Call, Leg, Transcript, spoken_text
from ivr.store.session import Store, StoreUnavailable, open_store
from ivr.store.tables import Base
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]
NOON = datetime(2026, 5, 1, 12, 0, 0, 123456, UTC)


def a_call(call_id: str = "ivr-test-1.0", at: datetime = NOON) -> Call:
    return Call(id=call_id, direction="inbound", started_at=at, menu_path=["main:1"])


def test_models_and_migrations_agree(store: Store) -> None:
    with store.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing_and_keeps_rows(engine_url: str, store: Store) -> None:
    with store.write() as session:
        session.add(a_call())
    migrate(engine_url)
    with store.read() as session:
        assert session.get(Call, "ivr-test-1.0") is not None


def test_processes_that_start_together_all_find_the_tables_made(engine_url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            migrate(engine_url)
        except BaseException as error:
            failures.append(error)

    together = [threading.Thread(target=start) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert failures == []
    with open_store(engine_url).read() as session:
        assert session.scalars(select(Call)).all() == []


def test_a_moment_comes_back_aware_in_utc_to_the_microsecond(store: Store) -> None:
    shanghai = timezone(timedelta(hours=8))
    with store.write() as session:
        session.add(a_call(at=NOON.astimezone(shanghai)))
    with store.read() as session:
        found = session.scalars(select(Call.started_at)).one()
    assert found == NOON
    assert found.utcoffset() == timedelta(0)


def test_a_moment_without_time_zone_is_refused(store: Store) -> None:
    with pytest.raises((StatementError, ValueError), match="time zone"), store.write() as session:
        session.add(a_call(at=datetime(2026, 5, 1)))  # noqa: DTZ001 (the mistake under test)


def test_what_failed_half_way_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as session:
        session.add(a_call())
        session.flush()
        raise RuntimeError
    with store.read() as session:
        assert session.scalars(select(Call)).all() == []


def test_two_writers_that_read_first_both_get_their_turn(store: Store) -> None:
    """Without BEGIN IMMEDIATE the second one fails at once on SQLite, whatever the busy timeout."""
    with store.write() as session:
        session.add(Transcript(leg_id="one", words=[]))
    started = threading.Event()

    def other() -> None:
        started.set()
        with store.write() as session:
            row = session.scalars(select(Transcript).with_for_update()).one()
            row.attempts += 1

    with store.write() as session:
        row = session.scalars(select(Transcript).with_for_update()).one()
        thread = threading.Thread(target=other)
        thread.start()
        started.wait()
        row.attempts += 1
    thread.join()
    with store.read() as session:
        assert session.scalars(select(Transcript.attempts)).one() == 2


def test_a_leg_needs_its_call_and_goes_with_it(store: Store) -> None:
    with store.write() as session:
        session.add(a_call())
        session.flush()
        session.add(Leg(id="leg", call_id="ivr-test-1.0", role="caller", recording="a.wav", seconds=1.5))
    with store.write() as session:
        session.execute(text("DELETE FROM call"))
    with store.read() as session:
        assert session.scalars(select(Leg)).all() == []


def test_han_text_can_be_searched_in_words(store: Store) -> None:
    words = [{"word": "您好", "start": 0.1, "end": 0.5, "confidence": 1.0}]
    with store.write() as session:
        session.add(Transcript(leg_id="leg", words=words))
    with store.read() as session:
        row = session.scalars(select(Transcript).where(Transcript.text.contains("您好"))).one()
        assert row.words == words


def test_words_are_joined_as_people_write_them() -> None:
    said = ["您好", "欢迎", "to", "the", "中心", "a", "b"]
    assert spoken_text([{"word": word} for word in said]) == "您好欢迎to the中心a b"


def test_sqlite_runs_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'a.db'}").read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_reader_is_not_kept_waiting_by_a_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    migrate(url)
    store = open_store(url)
    with store.write() as writer:
        writer.add(a_call())
        writer.flush()
        with store.read() as reader:
            assert reader.scalars(select(Call)).all() == []


def test_a_locked_database_is_said_to_be_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "BUSY_SECONDS", 0)
    path = tmp_path / "a.db"
    migrate(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"), open_store(f"sqlite:///{path}").write():
        pytest.fail("the lock was not noticed")
    other.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/ivr.db",
        "postgresql://nobody@127.0.0.1:1/none",
        "mysql://somewhere/else",
        "not a url",
        "",
    ],
)
def test_an_absent_database_is_one_clear_line_without_the_url(url: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        migrate(url)
    assert "\n" not in str(caught.value)
    assert "Remedy" in str(caught.value)


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("not a database, but long enough to be looked at\n" * 50)
    with pytest.raises(StoreUnavailable, match="not a database"):
        migrate(f"sqlite:///{path}")


def test_a_database_without_our_tables_is_unavailable_not_a_crash(engine_url: str) -> None:
    with pytest.raises(StoreUnavailable), open_store(engine_url).read() as session:
        session.scalars(select(Call)).all()


@pytest.mark.parametrize("wanted", [[], ["c-1"], ["c-2", "c-1", "c-1", 'c-"3', "c-%"], [f"c-{n}" for n in range(3000)]])
def test_a_long_list_is_asked_for_as_one_parameter(store: Store, wanted: list[str]) -> None:
    there = ["c-1", "c-2", 'c-"3', "c-%", "d-1"]
    with store.write() as session:
        session.add_all(a_call(name) for name in there)
    with store.read() as session:
        found = set(session.scalars(select(Call.id).where(among(session, Call.id, wanted))))
    assert found == set(there) & set(wanted)
