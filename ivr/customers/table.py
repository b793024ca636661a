"""Customers from a table that another program wrote: what is good is kept, what is not is named by its line."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.customers.file import Entry, check, get_customer, keep
from ivr.errors import FieldError
from ivr.store.customers import CustomerNumber
from ivr.store.session import Store
from ivr.tables.cells import is_yes, meant_language, meant_title
from ivr.tables.read import Columns, LineError, Row, read_table

CALLED = {
    "name": "姓名 客户 客户姓名 客户名称",
    "surname": "姓 姓氏",
    "title": "称呼 称谓 性别",
    "numbers": "电话 号码 手机 手机号 手机号码 电话号码 联系电话 number phone mobile",
    "birth_year": "出生年 出生年份",
    "elder": "老年 老年客户",
    "key": "大客户 重点客户",
    "blocked": "黑名单 拒接",
    "agent": "坐席 专属坐席",
    "language": "语言",
    "notes": "备注",
}
"""What else the columns are called."""
COLUMNS = Columns(CALLED, needed=("numbers",))
_PER_TRANSACTION = 200


@dataclass
class Imported:
    """What became of a table."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: list[LineError] = field(default_factory=list)


def read_customers(data: bytes) -> list[Row]:
    """The lines of a table of customers (CSV, XLSX); raises TableError."""
    return list(read_table(data, COLUMNS))


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
                except FieldError as error:
                    done.errors.append(LineError.of(row.line, error))
    return done


def _import(
    store: Store, session: Session, row: Row, done: Imported, agents: Collection[str], now: dt.datetime, year: int,
    check_only: bool,
) -> None:  # fmt: skip
    row.check_cells()
    given = entry_of(row.cells)
    numbers = check(replace(given, name=given.name or given.surname or "?"), agents=agents, year=year).numbers
    owners = select(CustomerNumber.customer_id).where(CustomerNumber.number.in_(numbers)).distinct()
    ids = session.scalars(owners).all()
    if len(ids) > 1:
        raise FieldError("numbers", "taken", "Its numbers are of different customers.", "correct it there first")
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
    """The cells of a line as an entry, not yet checked; raises FieldError for what is no year, yes or no."""
    year = cells.get("birth_year")
    if year is not None and not (year.isascii() and year.isdigit() and len(year) == 4):
        raise FieldError("birth_year", "range", "The birth year is not one.", "four digits")
    return Entry(
        name=cells.get("name", ""),
        surname=cells.get("surname", ""),
        title=meant_title(cells.get("title", "")),
        numbers=split_numbers(cells.get("numbers", "")),
        birth_year=int(year) if year else None,
        elder=is_yes(cells.get("elder", "no"), "elder"),
        key=is_yes(cells.get("key", "no"), "key"),
        blocked=is_yes(cells.get("blocked", "no"), "blocked"),
        agent=cells.get("agent"),
        language=meant_language(cells["language"]) if "language" in cells else None,
        notes=cells.get("notes", ""),
    )


def split_numbers(text: str) -> tuple[str, ...]:
    """Several numbers in one field: between them line ends, commas, semicolons or strokes."""
    for sign in "\n;；,，/、|":
        text = text.replace(sign, "\x00")
    return tuple(part.strip() for part in text.split("\x00") if part.strip())
