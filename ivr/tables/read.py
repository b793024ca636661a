"""A table's lines (CSV, XLSX), each with its cells by the columns' names."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.errors import FieldError, IvrError
from ivr.tables.cells import is_formula, meant
from ivr.tables.xlsx import MAGIC, NotXlsx, sheet_rows

MAX_BYTES = 20_000_000
MAX_LINES = 100_000
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""An OLE file: Excel before 2007, and every Excel file with a password."""
_BLOCK = 1 << 20


class TableError(IvrError):
    """The file as a whole cannot be read as such a table; `problem` is a text key, `values` what is filled into it."""

    def __init__(self, problem: str, message: str, remedy: str, **values: str | int) -> None:
        super().__init__(message, remedy)
        self.problem, self.values = problem, values


@dataclass(frozen=True)
class Columns:
    """The columns that a table may have: their names, each with its other headings, parted by blanks, Chinese first."""

    called: Mapping[str, str]
    needed: tuple[str, ...]

    def named(self, heading: str) -> str | None:
        """The column that a heading means."""
        plain = heading.strip().lower().replace(" ", "_")
        return plain if plain in self.called else meant(self.called, plain)


@dataclass(frozen=True)
class Row:
    """A line of the table with the cells that are filled in, by column; `line` is where it begins, 1 the headings.

    `spare`: it has more cells than the table has columns, so that nobody knows which is which.
    """

    line: int
    cells: Mapping[str, str]
    spare: bool = False

    def check_cells(self) -> None:
        """Raise FieldError for a line that does not fit the headings, or whose cells hold no values."""
        if self.spare:
            raise FieldError("line", "cells", "It has more cells than columns.", "put text with commas in quotes")
        for name, cell in self.cells.items():
            if is_formula(cell):
                raise FieldError(name, "formula", "It is a formula, or its error.", "paste the value in its place")


@dataclass(frozen=True)
class LineError:
    """A line that was left out: its number, the field, and what is wrong (a text key and in words)."""

    line: int
    field: str
    problem: str
    message: str
    remedy: str = ""

    @classmethod
    def of(cls, line: int, error: FieldError) -> "LineError":
        return cls(line, error.field, error.problem, error.message, error.remedy)


def read_table(data: bytes, columns: Columns) -> Iterator[Row]:
    """The filled lines of a CSV file (UTF-8 or GB 18030; comma, semicolon or tab; RFC 4180) or of an XLSX file's first
    sheet.

    The first line names the columns; unknown ones are refused by name. Raises TableError, also while it is read:
    nothing should be taken before the last line has been seen.
    """
    if len(data) > MAX_BYTES:
        raise TableError("long", "The file is too long.", f"at most {MAX_BYTES // 1_000_000} MB: import it in parts")
    if data.startswith(_OLD_EXCEL):
        raise TableError("old_excel", "The file is of an old Excel, or has a password.", "save it as .xlsx, or CSV")
    try:
        yield from _rows(sheet_rows(data) if data.startswith(MAGIC) else _csv_rows(data), columns)
    except NotXlsx as error:
        raise TableError(error.problem, error.message, error.remedy) from error


def _csv_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    encoding = _encoding(data)
    first = data[:_BLOCK].split(b"\n", 1)[0].decode(encoding, "replace")
    text = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    reader = csv.reader(text, delimiter=max(",;\t", key=first.count), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError("csv", f"Line {line}: no CSV: {error}.", "save it as CSV (UTF-8)", line=line) from error


def _encoding(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for start in range(0, len(data), _BLOCK):
                decoder.decode(data[start : start + _BLOCK])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise TableError(
        "encoding",
        "The file is no table: neither a whole .xlsx nor text in UTF-8 or GB 18030.",
        "save the table as CSV (UTF-8)",
    )


def _rows(lines: Iterable[tuple[int, list[str]]], columns: Columns) -> Iterator[Row]:
    found = iter(lines)
    _, headings = next(found, (1, []))
    names = _names(headings, columns)
    read = 0
    for line, cells in found:
        filled = [(index, cell.strip()) for index, cell in enumerate(cells)]
        filled = [(index, cell) for index, cell in filled if cell]
        if not filled:
            continue
        read += 1
        if read > MAX_LINES:
            raise TableError("lines", f"The table has more than {MAX_LINES} lines.", "import it in parts")
        fitting = {names[index]: cell for index, cell in filled if index < len(names)}
        yield Row(line, fitting, spare=len(fitting) < len(filled))


def _names(headings: list[str], columns: Columns) -> list[str]:
    """The columns' names in their order; empty headings at the end are none."""
    while headings and not headings[-1].strip():
        headings.pop()
    headings = headings[: len(columns.called) + 1]  # one more than there are: at least one of them is wrong
    known = [columns.named(heading) for heading in headings]
    allowed = f"allowed: {', '.join(columns.called)}"
    strange = [heading.strip()[:40] or "?" for heading, name in zip(headings, known, strict=True) if name is None]
    if strange:
        named = ", ".join(strange[:20])
        raise TableError("unknown_columns", f"Unknown columns: {named}.", allowed, columns=named)
    names = [name for name in known if name is not None]
    missing = [f"{name} ({columns.called[name].split()[0]})" for name in columns.needed if name not in names]
    if missing:
        named = ", ".join(missing)
        raise TableError("no_column", f"There is no column {named}.", allowed, columns=named)
    if len(set(names)) != len(names):
        raise TableError("column_twice", "A column stands there twice.", "leave one out")
    return names
