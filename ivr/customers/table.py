"""Customers from a table that another program wrote (CSV): what is good is kept, what is not is named by its line."""

import csv
import datetime as dt
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.customers.file import TITLES, CustomerError, Entry, check, get_customer, keep
from ivr.errors import IvrError
from ivr.store.customers import CustomerNumber
from ivr.store.session import Store

MAX_BYTES = 20_000_000
COLUMNS = (
    "name", "surname", "title", "numbers", "birth_year", "elder", "key", "blocked", "agent", "language", "notes",
)  # fmt: skip

_CALLED = {
    "name": "姓名 客户 客户姓名",
    "surname": "姓 姓氏",
    "title": "称呼 称谓 性别",
    "numbers": "number phone 电话 号码 手机 手机号 电话号码 联系电话",
    "birth_year": "出生年 出生年份",
    "elder": "老年 老年客户",
    "key": "大客户 重点客户",
    "blocked": "黑名单 拒接",
    "agent": "坐席 专属坐席",
    "language": "语言",
    "notes": "备注",
}
"""What else the columns are called."""
_YES_NO = {"yes": "1 y yes true x 是 ✓ √", "no": "0 n no false 否 -"}
_TITLES = {"先生": "男 mr mr.", "女士": "女 ms ms. mrs mrs."}
_LANGUAGES = {"zh-CN": "中文 普通话 汉语 zh chinese", "en": "英语 英文 english"}
_PER_TRANSACTION = 200


class TableError(IvrError):
    """The file as a whole cannot be read as a table of customers."""


@dataclass(frozen=True)
class LineError:
    """A line that was left out: its number in the file, the column, and what is wrong (a text key and in words)."""

    line: int
    field: str
    problem: str
    message: str


@dataclass
class Imported:
    """What became of a table."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: list[LineError] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A line of the table with the cells that are filled in, by column."""

    line: int
    cells: Mapping[str, str]


def read_table(data: bytes) -> list[Row]:
    """The lines of a CSV file (UTF-8 or GB 18030; comma, semicolon or tab), RFC 4180; raises TableError.

    The first line names the columns, in English or Chinese; unknown columns are refused by name.
    """
    if len(data) > MAX_BYTES:
        raise TableError("The file is too long.", f"at most {MAX_BYTES // 1_000_000} MB: import it in parts")
    text = _decoded(data)
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        return list(_rows(reader))
    except csv.Error as error:
        raise TableError(f"Line {reader.line_num}: no CSV: {error}.", "save the table as CSV (UTF-8)") from error


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableError("The file is neither UTF-8 nor GB 18030 text.", "save the table as CSV (UTF-8)")


def _rows(reader: "Iterator[list[str]]") -> Iterator[Row]:
    titles = next(reader, [])
    columns = [_column(title) for title in titles]
    strange = [title.strip() for title, column in zip(titles, columns, strict=True) if column is None]
    if strange or "numbers" not in columns:
        what = f"Unknown columns: {', '.join(strange)}." if strange else "There is no column of numbers."
        raise TableError(what, f"allowed: {', '.join(COLUMNS)}")
    if len(set(columns)) != len(columns):
        raise TableError("A column stands there twice.", "leave one out")
    for cells in reader:
        line = reader.line_num  # type: ignore[attr-defined]
        filled = {str(column): cell.strip() for column, cell in zip(columns, cells, strict=False) if cell.strip()}
        if filled:
            yield Row(line, filled)


def _column(title: str) -> str | None:
    plain = title.strip().lower().replace(" ", "_")
    return plain if plain in COLUMNS else _meant(_CALLED, plain)


def _meant(known: Mapping[str, str], word: str) -> str | None:
    """The name under which a word is listed."""
    return next((name for name, words in known.items() if word.lower() in words.split(" ")), None)


def import_rows(
    store: Store, rows: list[Row], *, agents: Collection[str], now: dt.datetime, year: int, check_only: bool = False
) -> Imported:
    """Keep the rows: a customer is known again by any number; filled cells replace, empty ones leave as it was.

    `check_only` keeps nothing and says what would happen (numbers that stand twice in the table show only when
    it is kept). Raises StoreUnavailable.
    """
    done = Imported()
    for start in range(0, len(rows), _PER_TRANSACTION):
        with store.read() if check_only else store.write() as session:
            for row in rows[start : start + _PER_TRANSACTION]:
                try:
                    _import(store, session, row, done, agents, now, year, check_only)
                except CustomerError as error:
                    done.errors.append(LineError(row.line, error.field, error.problem, error.message))
    return done


def _import(
    store: Store, session: Session, row: Row, done: Imported, agents: Collection[str], now: dt.datetime, year: int,
    check_only: bool,
) -> None:  # fmt: skip
    given = entry_of(row.cells)
    numbers = check(replace(given, name=given.name or given.surname or "?"), agents=agents, year=year).numbers
    owners = select(CustomerNumber.customer_id).where(CustomerNumber.number.in_(numbers)).distinct()
    ids = session.scalars(owners).all()
    if len(ids) > 1:
        raise CustomerError("numbers", "taken", "Its numbers are of different customers.", "correct it there first")
    known = get_customer(session, ids[0]) if ids else None
    wanted = check(_merged(known, given, row.cells) if known else given, agents=agents, year=year)
    if known and set(known.numbers) >= set(wanted.numbers) and replace(wanted, numbers=known.numbers) == known:
        done.unchanged += 1
        return
    if not check_only:
        keep(store, session, wanted, now)
    if known:
        done.changed += 1
    else:
        done.added += 1


def _merged(known: Entry, given: Entry, cells: Mapping[str, str]) -> Entry:
    filled = {name: getattr(given, name) for name in cells if name != "numbers"}
    if "name" in filled and "surname" not in filled and filled["name"] != known.name:
        filled["surname"] = ""
    return replace(known, **filled, numbers=(*known.numbers, *given.numbers))


def entry_of(cells: Mapping[str, str]) -> Entry:
    """The cells of a line as an entry, not yet checked; raises CustomerError for what is no year, yes or no."""
    title = cells.get("title", "")
    language = cells.get("language")
    year = cells.get("birth_year")
    if year is not None and not (year.isascii() and year.isdigit() and len(year) == 4):
        raise CustomerError("birth_year", "range", "The birth year is not one.", "four digits")
    return Entry(
        name=cells.get("name", ""),
        surname=cells.get("surname", ""),
        title=title if title in TITLES else _meant(_TITLES, title) or title,
        numbers=split_numbers(cells.get("numbers", "")),
        birth_year=int(year) if year else None,
        elder=_yes(cells, "elder"),
        key=_yes(cells, "key"),
        blocked=_yes(cells, "blocked"),
        agent=cells.get("agent"),
        language=(_meant(_LANGUAGES, language) or language) if language else None,
        notes=cells.get("notes", ""),
    )


def split_numbers(text: str) -> tuple[str, ...]:
    """Several numbers in one field: between them line ends, commas, semicolons or strokes."""
    for sign in "\n;；,，/、|":
        text = text.replace(sign, "\x00")
    return tuple(part.strip() for part in text.split("\x00") if part.strip())


def _yes(cells: Mapping[str, str], name: str) -> bool:
    said = _meant(_YES_NO, cells.get(name, "no"))
    if said is None:
        raise CustomerError(name, "yes_no", "It is neither yes nor no.", "allowed: yes, no, 是, 否")
    return said == "yes"
