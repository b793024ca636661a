"""The customer file: numbers however they are written, entries, tables from elsewhere, the callers' book."""

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ivr.calls.caller_book import CallerBook
from ivr.cli.customers import customers_app
from ivr.customers.book import FILE, BookKeeper, is_elder
from ivr.customers.file import (
    CustomerNotFound,
    Entry,
    check,
    customer_by_number,
    get_customer,
    keep,
    list_customers,
    remove,
)
from ivr.customers.history import calls_of, served_by
from ivr.customers.names import surname_of
from ivr.customers.numbers import delivered, forms, masked, normalise
from ivr.customers.table import entry_of, import_rows, read_customers
from ivr.errors import FieldError
from ivr.settings import ROOT, Settings
from ivr.store.migrate import migrate
from ivr.store.models import Call
from ivr.store.session import Store
from ivr.tables.read import TableError
from tests.stores import engine_url, store  # noqa: F401

NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
AGENTS = ("1001", "1002")
WANG = "13800138000"


def entry(**facts: object) -> Entry:
    known = {"name": "王建国", "title": "先生", "numbers": (WANG,)}
    return check(Entry(**(known | facts)), agents=AGENTS, year=2026)  # type: ignore[arg-type]


def add(store: Store, now: dt.datetime = NOW, **facts: object) -> int:  # noqa: F811
    with store.write() as session:
        return keep(store, session, entry(**facts), now)


def call(store: Store, call_id: str, minutes_ago: float, **facts: object) -> None:  # noqa: F811
    started = NOW - dt.timedelta(minutes=minutes_ago)
    known: dict[str, object] = {"direction": "inbound", "caller": WANG, "called": "4008001001", "language": "zh-CN"}
    known |= {"started_at": started, "answered_at": started, "ended_at": started + dt.timedelta(minutes=1)}
    known |= {"outcome": "answered", "agent": "1001", "queue": "service"}
    with store.write() as session:
        session.add(Call(id=call_id, **(known | facts)))


# ---- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("13800138000", WANG),
        ("+86 138-0013-8000", WANG),
        ("8613800138000", WANG),
        ("008613800138000", WANG),
        ("013800138000", WANG),
        ("１３８００１３８０００", WANG),
        ("021-5566 7788", "02155667788"),
        ("+86 (21) 5566 7788", "02155667788"),
        ("4008001001", "4008001001"),
        ("+1 415 555 2671", "0014155552671"),
        ("10086", "10086"),
        ("1001", "1001"),
        ("55667788", "55667788"),
    ],
)
def test_number_is_one_number_however_it_is_written(written: str, kept: str) -> None:
    assert normalise(written) == kept


@pytest.mark.parametrize("written", ["", "anonymous", "12", "1" * 21, "138 0013 800x", "+", "王", "१२३४५६"])
def test_what_is_no_number_is_none(written: str) -> None:
    assert normalise(written) is None


@given(
    st.one_of(st.from_regex(r"\A\+?[0-9]{3,20}\Z"), st.from_regex(r"\A(\+86|86|0086|0)?1[3-9][0-9]{9}\Z"), st.text())
)
def test_kept_number_stays_what_it_is_and_is_found_under_every_form(written: str) -> None:
    number = normalise(written)
    if number is None:
        return
    assert normalise(number) == number
    assert forms(number)[0] == number
    assert all(form.isascii() and form.isdigit() for form in forms(number))
    assert set(forms(number)) < set(delivered([number]))


def test_masked_number_hides_at_least_four_digits() -> None:
    assert masked(WANG) == "138****8000"
    assert masked("55667788") == "****7788"
    assert masked("10086") == "*****"


@pytest.mark.parametrize(
    ("name", "surname"),
    [("王建国", "王"), ("欧阳娜娜", "欧阳"), ("欧阳", "欧"), ("John Smith", "Smith"), ("", ""), (" 李 四", "李")],
)
def test_surname_is_taken_from_the_name(name: str, surname: str) -> None:
    assert surname_of(name) == surname


# ---- entries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "field", "problem"),
    [
        ({"name": " "}, "name", "missing"),
        ({"name": "王\x07"}, "name", "signs"),
        ({"name": "王\n建国"}, "name", "signs"),
        ({"name": "王" * 65}, "name", "long"),
        ({"title": "老板"}, "title", "unknown"),
        ({"numbers": ()}, "numbers", "missing"),
        ({"numbers": ("abc",)}, "numbers", "number"),
        ({"numbers": tuple(f"1380013{n:04}" for n in range(11))}, "numbers", "many"),
        ({"birth_year": 2027}, "birth_year", "range"),
        ({"birth_year": -1}, "birth_year", "range"),
        ({"agent": "9999"}, "agent", "unknown"),
        ({"language": "fr"}, "language", "unknown"),
        ({"notes": "x\x00"}, "notes", "signs"),
    ],
)
def test_entry_that_cannot_be_kept_names_its_field(facts: dict[str, object], field: str, problem: str) -> None:
    with pytest.raises(FieldError) as refused:
        entry(**facts)
    assert (refused.value.field, refused.value.problem) == (field, problem)


def test_entry_is_kept_found_by_every_way_of_writing_its_number_and_changed(store: Store) -> None:  # noqa: F811
    kept = add(store, numbers=("+86 138-0013-8000", "021-55667788"), notes="\u200b老客户\r\n第二行")
    with store.read() as session:
        found = customer_by_number(session, "008613800138000")
        assert found is not None and found.id == kept
        assert (found.surname, found.addressed, found.notes) == ("王", "王先生", "老客户\n第二行")
        assert found.numbers == ("02155667788", WANG)
        assert customer_by_number(session, "13900000000") is None
        assert customer_by_number(session, None) is None
    with store.write() as session:
        keep(store, session, entry(id=kept, numbers=("13900000000",), key=True), NOW)
    with store.read() as session:
        assert customer_by_number(session, WANG) is None
        assert get_customer(session, kept).key


def test_number_belongs_to_one_customer(store: Store) -> None:  # noqa: F811
    add(store)
    with pytest.raises(FieldError) as refused:
        add(store, name="李四")
    assert refused.value.problem == "taken"
    with store.read() as session:
        assert list_customers(session).total == 1


def test_customers_are_found_by_parts_of_name_and_number(store: Store) -> None:  # noqa: F811
    add(store, key=True)
    add(store, name="李建华", numbers=("13900000001",), blocked=True)
    add(store, name="100%", numbers=("13900000002",))
    with store.read() as session:
        names = lambda **asked: [each.name for each in list_customers(session, **asked).items]  # noqa: E731
        assert set(names()) == {"王建国", "李建华", "100%"}
        assert set(names(text="建")) == {"王建国", "李建华"}
        assert names(text="8613800138000") == ["王建国"]
        assert set(names(text="139-0000")) == {"李建华", "100%"}
        assert names(text="%") == ["100%"]
        assert names(text="\x00") == []
        assert names(key=True) == ["王建国"]
        assert names(blocked=True) == ["李建华"]
        assert names(page=9) == []


def test_forgotten_customer_is_gone_and_the_calls_stay(store: Store) -> None:  # noqa: F811
    kept = add(store)
    call(store, "c1", 5, customer_id=kept)
    with store.write() as session:
        remove(store, session, kept)
    with store.read() as session:
        assert customer_by_number(session, WANG) is None
        kept_call = session.get(Call, "c1")
        assert kept_call is not None and kept_call.customer_id is None and kept_call.caller == WANG
        with pytest.raises(CustomerNotFound):
            get_customer(session, kept)
    with pytest.raises(CustomerNotFound), store.write() as session:
        remove(store, session, kept)


def test_s23_history_holds_calls_by_any_number_and_form(store: Store) -> None:  # noqa: F811
    kept = add(store, numbers=(WANG, "02155667788"))
    call(store, "by-form", 50, caller="+8613800138000")
    call(store, "by-id", 40, caller=None, customer_id=kept, agent="1002")
    call(store, "called-back", 30, direction="outbound", caller="4008001001", called="02155667788", agent=None)
    call(store, "stranger", 20, caller="13900000000")
    with store.read() as session:
        known = get_customer(session, kept)
        assert [each.id for each in calls_of(session, known)] == ["called-back", "by-id", "by-form"]
        assert served_by(session, known, "1002", NOW)
        assert not served_by(session, known, "1002", NOW + dt.timedelta(days=31))
        assert not served_by(session, known, "1003", NOW)


def test_forgotten_customers_id_never_becomes_anothers(store: Store) -> None:  # noqa: F811
    kept = add(store)
    with store.write() as session:
        remove(store, session, kept)
    assert add(store, name="李四") > kept


# ---- tables ----------------------------------------------------------------------------------------------

TABLE = """姓名,称呼,电话,出生年份,大客户,专属坐席,备注
王建国,男,138-0013-8000;021-55667788,1950,是,1001,"老客户, 常来"
欧阳娜娜,女士,+86 13900000002,,,,

李四,,abc,,,,
赵六,,13900000003,19x0,,,
孙七,,13900000004,,也许,,
周八,,13900000005,,,9999,
"""


def take(store: Store, text: str | bytes, **more: object):  # type: ignore[no-untyped-def]  # noqa: F811
    rows = read_customers(text if isinstance(text, bytes) else text.encode())
    return import_rows(store, rows, agents=AGENTS, now=NOW, year=2026, **more)  # type: ignore[arg-type]


def test_good_lines_of_a_table_are_kept_and_bad_ones_named(store: Store) -> None:  # noqa: F811
    done = take(store, TABLE)
    assert (done.added, done.changed, done.unchanged) == (2, 0, 0)
    assert [(each.line, each.field, each.problem) for each in done.errors] == [
        (5, "numbers", "number"),
        (6, "birth_year", "range"),
        (7, "key", "yes_no"),
        (8, "agent", "unknown"),
    ]
    with store.read() as session:
        wang = customer_by_number(session, "02155667788")
    assert wang is not None
    assert (wang.title, wang.birth_year, wang.key, wang.agent) == ("先生", 1950, True, "1001")
    assert wang.notes == "老客户, 常来"


def test_same_table_again_changes_nothing_and_empty_cells_leave_things_as_they_are(store: Store) -> None:  # noqa: F811
    take(store, TABLE)
    again = take(store, TABLE)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 2)
    later = take(store, "number,name,agent,key\n13800138000,,1002,否\n")
    assert (later.added, later.changed) == (0, 1)
    with store.read() as session:
        wang = customer_by_number(session, WANG)
    assert wang is not None
    assert (wang.name, wang.surname, wang.agent, wang.key, wang.birth_year) == ("王建国", "王", "1002", False, 1950)
    assert wang.numbers == ("02155667788", WANG)


def test_line_with_numbers_of_two_customers_is_left_out(store: Store) -> None:  # noqa: F811
    take(store, TABLE)
    done = take(store, "name,numbers\n某人,13800138000/13900000002\n")
    assert [each.problem for each in done.errors] == ["taken"]


def test_check_alone_keeps_nothing(store: Store) -> None:  # noqa: F811
    done = take(store, TABLE, check_only=True)
    assert (done.added, len(done.errors)) == (2, 4)
    with store.read() as session:
        assert list_customers(session).total == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_table_is_read_as_office_programs_write_it(encoding: str, sign: str) -> None:
    (row,) = read_customers(f"姓名{sign}手机\r\n王建国{sign}13800138000\r\n".encode(encoding))
    assert (row.line, row.cells) == (2, {"name": "王建国", "numbers": "13800138000"})
    assert entry_of(row.cells).numbers == (WANG,)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "column numbers"),
        (b"name\n", "column numbers"),
        ("姓名,电话,生日\n".encode(), "生日"),
        (b"phone,number\n", "twice"),
        (b'name,number\n"x,138\n', "CSV"),
        (b"\xff\xff\xff\xff", "UTF-8"),
    ],
)
def test_table_that_is_none_is_refused_with_what_is_wrong(data: bytes, told: str) -> None:
    with pytest.raises(TableError, match=told):
        read_customers(data)


@given(st.binary(max_size=300), st.text(max_size=200))
def test_any_file_is_read_or_refused(data: bytes, text: str) -> None:
    for each in (data, f"name,numbers\n{text}".encode("utf-8", "replace")):
        try:
            rows = read_customers(each)
        except TableError:
            continue
        for row in rows:
            try:
                check(entry_of(row.cells), agents=AGENTS, year=2026)
            except FieldError as error:
                assert error.field


# ---- the callers' book -----------------------------------------------------------------------------------


@pytest.fixture
def book(store: Store, tmp_path: Path) -> BookKeeper:  # noqa: F811
    settings = Settings(state_dir=tmp_path / "state", hotline_file=ROOT / "hotline.yaml")
    settings.paths.create()
    return BookKeeper(settings, store, now=lambda: NOW, clock=lambda: 0.0)


def facts(book: BookKeeper, number: str):  # type: ignore[no-untyped-def]
    return CallerBook(book.path).look_up(number)


def test_s22_flows_know_a_customer_by_every_form_of_the_number(book: BookKeeper, store: Store) -> None:  # noqa: F811
    add(store, key=True, agent="1002", birth_year=1950)
    call(store, "c1", 30, language="en")
    call(store, "c2", 20, agent=None, answered_at=None, outcome="abandoned", language="zh-CN")
    assert book.look()
    for written in (WANG, "+8613800138000", "8613800138000", "008613800138000", "013800138000"):
        known = facts(book, written)
        assert (known.name, known.surname, known.key, known.agent, known.elder) == ("王建国", "王", True, "1002", True)
        assert (known.last_agent, known.last_language) == ("1001", "zh-CN")
        assert known.last_call_at == NOW - dt.timedelta(minutes=20)


def test_stranger_who_called_before_is_remembered_by_number(book: BookKeeper, store: Store) -> None:  # noqa: F811
    call(store, "c1", 30, caller="02155667788", language="en")
    book.look()
    known = facts(book, "+862155667788")
    assert (known.customer_id, known.last_agent, known.last_language) == (None, "1001", "en")
    assert facts(book, "13900000000").last_call_at is None


def test_callback_tells_with_whom_a_customer_spoke_last(book: BookKeeper, store: Store) -> None:  # noqa: F811
    call(store, "c1", 60)
    call(store, "c2", 30, direction="outbound", caller="4008001001", called=WANG, agent="1002")
    book.look()
    assert facts(book, WANG).last_agent == "1002"
    assert facts(book, WANG).last_call_at == NOW - dt.timedelta(minutes=60)


def test_customer_is_the_same_by_each_number(book: BookKeeper, store: Store) -> None:  # noqa: F811
    add(store, numbers=(WANG, "02155667788"))
    book.look()
    call(store, "c1", 1, caller="02155667788", agent="1002")
    assert book.look()
    assert facts(book, WANG).last_agent == facts(book, "02155667788").last_agent == "1002"


def test_every_change_reaches_the_book_and_nothing_else_writes_it(book: BookKeeper, store: Store) -> None:  # noqa: F811
    assert book.look()
    assert not book.look()
    kept = add(store)
    assert book.look()
    with store.write() as session:
        keep(store, session, entry(id=kept, blocked=True, numbers=("13900000000",)), NOW)
    assert book.look()
    assert facts(book, WANG).customer_id is None
    assert facts(book, "13900000000").blocked
    call(store, "c1", 1, caller="13900000001")
    assert book.look()
    assert facts(book, "13900000001").last_agent == "1001"
    assert facts(book, "13900000000").blocked
    with store.write() as session:
        remove(store, session, kept)
    assert book.look()
    assert facts(book, "13900000000").customer_id is None
    assert not book.look()


def test_lost_or_damaged_book_is_written_anew(book: BookKeeper, store: Store) -> None:  # noqa: F811
    add(store)
    book.look()
    book.path.unlink()
    assert book.look()
    book.path.write_bytes(b"no database at all")
    call(store, "c1", 1)
    book.look()
    book.look()
    assert facts(book, WANG).last_agent == "1001"


def test_book_is_replaced_at_once_so_that_no_call_ever_reads_half_of_it(book: BookKeeper, store: Store) -> None:  # noqa: F811
    add(store)
    book.look()
    reading = sqlite3.connect(f"file:{book.path}?mode=ro&immutable=1", uri=True)
    (before,) = reading.execute("SELECT facts FROM caller WHERE number = ?", (WANG,)).fetchone()
    call(store, "c1", 1)
    book.look()
    assert reading.execute("SELECT facts FROM caller WHERE number = ?", (WANG,)).fetchone() == (before,)
    reading.close()
    assert json.loads(before)["last_agent"] is None
    assert facts(book, WANG).last_agent == "1001"
    assert [each.name for each in book.path.parent.glob(f"{FILE}*")] == [FILE]
    assert book.path.stat().st_mode & 0o077 == 0


def test_book_waits_for_a_database_that_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(
        state_dir=tmp_path / "state", hotline_file=ROOT / "hotline.yaml", database_url=f"sqlite:///{tmp_path}/no/ivr.db"
    )
    settings.paths.create()
    book = BookKeeper(settings, now=lambda: NOW)
    assert not book.look()
    assert not book.look()
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("birth_year", "flagged", "elder"),
    [(1961, False, True), (1962, False, False), (None, False, False), (None, True, True), (2000, True, True)],
)
def test_elder_is_known_by_birth_year_or_flag(birth_year: int | None, flagged: bool, elder: bool) -> None:
    assert is_elder(birth_year, flagged, 65, 2026) is elder


# ---- the command line ------------------------------------------------------------------------------------


def test_operator_changes_what_is_given_and_nothing_else(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    settings.paths.create()
    migrate(settings.store_url)

    def run(*args: str) -> str:
        done = CliRunner().invoke(customers_app, [*args, "--state", str(settings.state_dir)])
        assert done.exception is None, done.exception
        return done.output

    run(
        "add",
        "王建国",
        "--number",
        WANG,
        "--number",
        "021-55667788",
        "--key",
        "--agent",
        "1001",
        "--birth-year",
        "1950",
    )
    run("edit", "+8613800138000", "--no-key", "--agent", "", "--notes", "[bold]")
    (known,) = json.loads(run("list", "--json"))
    assert (known["key"], known["agent"], known["notes"], known["birth_year"]) == (False, None, "[bold]", 1950)
    assert known["numbers"] == ["02155667788", WANG]
    run("edit", f"#{known['id']}", "--name", "欧阳建国", "--number", WANG)
    (known,) = json.loads(run("list", "--json"))
    assert (known["surname"], known["numbers"]) == ("欧阳", [WANG])
    assert "欧阳建国" in run("list")
    unknown = CliRunner().invoke(customers_app, ["edit", "13900000000", "--state", str(settings.state_dir)])
    assert "No customer has this number" in str(unknown.exception)
