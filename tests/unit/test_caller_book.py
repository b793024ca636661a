"""Who calls, from a file that is only read: whatever is wrong with it, the caller is served as a stranger."""

import datetime as dt
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.caller_book import STRANGER, CallerBook, CallerFacts, ways_to_write

KEY_CUSTOMER = {"customer_id": 7, "surname": "王", "title": "先生", "key": True, "agent": "1002"}


def book_with(folder: Path, number: str, facts: object) -> CallerBook:
    file = folder / "callers.db"
    with closing(sqlite3.connect(file)) as book:
        book.execute("CREATE TABLE caller (number TEXT PRIMARY KEY, facts JSON)")
        book.execute(
            "INSERT INTO caller VALUES (?, ?)", (number, facts if isinstance(facts, str) else json.dumps(facts))
        )
        book.commit()
    return CallerBook(file)


@pytest.mark.parametrize(
    ("delivered", "kept"),
    [
        *((number, "13800138000") for number in ("13800138000", "+8613800138000", "8613800138000", "008613800138000")),
        ("013800138000", "13800138000"),
        ("+862155667788", "02155667788"),
        ("02155667788", "02155667788"),
        ("+14155552671", "0014155552671"),
    ],
)
def test_a_customer_is_recognised_however_the_carrier_writes_the_number(
    tmp_path: Path, delivered: str, kept: str
) -> None:
    facts = book_with(tmp_path, kept, KEY_CUSTOMER).look_up(delivered)

    assert (facts.customer_id, facts.key, facts.agent, facts.shown) == (7, True, "1002", "王先生")


@pytest.mark.parametrize("number", ["", "+", "12", "1" * 16, "anonymous", "+86+138", "١٢٣٤٥٦٧"])
def test_a_withheld_or_malformed_number_is_nobodys(tmp_path: Path, number: str) -> None:
    assert ways_to_write(number) == []
    assert book_with(tmp_path, number, KEY_CUSTOMER).look_up(number) is STRANGER


def test_without_a_book_everybody_is_a_stranger(tmp_path: Path) -> None:
    assert CallerBook(tmp_path / "callers.db").look_up("13800138000") is STRANGER


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + bytes(200)])
def test_a_book_that_is_no_book_makes_nobody_wait(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "callers.db").write_bytes(content)

    assert CallerBook(tmp_path / "callers.db").look_up("13800138000") is STRANGER


@pytest.mark.parametrize("facts", ["", "[]", "{", '{"customer_id": "x"}', '{"last_call_at": "yesterday"}'])
def test_facts_that_make_no_sense_make_a_stranger_and_no_log_of_them(
    tmp_path: Path, facts: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert book_with(tmp_path, "13800138000", facts).look_up("13800138000") is STRANGER
    assert "13800138000" not in caplog.text and (len(facts) < 3 or facts not in caplog.text)


def test_a_book_that_another_process_has_locked_is_read_all_the_same(tmp_path: Path) -> None:
    book = book_with(tmp_path, "13800138000", KEY_CUSTOMER)
    with closing(sqlite3.connect(book.file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert book.look_up("13800138000").customer_id == 7


def test_a_new_book_is_read_as_soon_as_it_is_in_its_place(tmp_path: Path) -> None:
    book = book_with(tmp_path, "13800138000", KEY_CUSTOMER)
    assert book.look_up("13900139000") is STRANGER
    (tmp_path / "new").mkdir()
    book_with(tmp_path / "new", "13900139000", KEY_CUSTOMER).file.replace(book.file)

    assert book.look_up("13900139000").customer_id == 7


def test_a_language_that_is_not_spoken_here_does_not_make_a_key_customer_a_stranger(tmp_path: Path) -> None:
    facts = book_with(tmp_path, "13800138000", KEY_CUSTOMER | {"language": "粤语", "last_language": "en"})

    found = facts.look_up("13800138000")
    assert found.key
    assert found.speaks == "en"


def test_the_calls_of_long_ago_make_nobody_a_returning_caller() -> None:
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)

    assert CallerFacts(last_call_at=now - dt.timedelta(days=7)).called_since(now, 7)
    assert not CallerFacts(last_call_at=now - dt.timedelta(days=7, seconds=1)).called_since(now, 7)
    assert not STRANGER.called_since(now, 7)


@given(st.text(), st.sampled_from(["先生", "女士", ""]))
def test_no_name_holds_anything_a_dialplan_could_take_for_its_own(surname: str, title: str) -> None:
    shown = CallerFacts(surname=surname, title=title).shown

    assert not set(shown) & set("${}[]()\"'`\\,;|&<>\n\r\0")
    assert len(shown) <= 20


@given(st.text(alphabet="+0123456789", max_size=20))
def test_whatever_the_carrier_delivers_is_looked_up_as_digits(number: str) -> None:
    assert all(way.isascii() and way.isdigit() for way in ways_to_write(number))
