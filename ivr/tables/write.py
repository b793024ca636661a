"""Tables for other programs: CSV that Excel knows for UTF-8, and XLSX. No cell of either is ever a formula."""

import csv
import datetime as dt
import io
import unicodedata
from collections.abc import Iterable, Sequence
from typing import IO

from ivr.errors import IvrError

Cell = str | int | float | dt.datetime | None
"""A moment is written in the zone it bears, without its name."""

MAX_LINES = 1_048_575
"""What an XLSX sheet holds below its headings."""

_BOM = "\ufeff"
_STARTS_A_FORMULA = "=+-@＝＋－＠"
_LONGEST = 32_000
"""A cell of Excel holds 32,767 characters."""
_CUT = "…"


class TableTooLong(IvrError):
    """More lines than the format holds."""


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe before what would begin one.

    Source: OWASP, "CSV Injection". What customers say of themselves must not run on a supervisor's machine.
    """
    plain = "".join(sign for sign in text if sign == "\n" or not unicodedata.category(sign).startswith("C"))
    return f"'{plain}" if plain.lstrip().startswith(tuple(_STARTS_A_FORMULA)) else plain


def write_csv(file: IO[bytes], headings: Sequence[str], lines: Iterable[Sequence[Cell]]) -> None:
    """Write a table as CSV (RFC 4180), UTF-8 with its mark."""
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    text.write(_BOM)
    writer = csv.writer(text)
    writer.writerow([harmless(heading) for heading in headings])
    writer.writerows([_in_csv(cell) for cell in line] for line in lines)
    text.flush()
    text.detach()


def write_xlsx(file: IO[bytes], headings: Sequence[str], lines: Iterable[Sequence[Cell]]) -> None:
    """Write a table as an XLSX file of one sheet; moments are Excel's dates. Raises TableTooLong."""
    from openpyxl import Workbook  # takes long to load, and only XLSX needs it

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    sheet.append([harmless(heading) for heading in headings])
    try:
        for count, line in enumerate(lines, start=1):
            if count > MAX_LINES:
                raise TableTooLong(f"An XLSX sheet holds {MAX_LINES} lines.", "narrow the filter, or take CSV")
            sheet.append([_in_xlsx(cell) for cell in line])
    except BaseException:
        sheet.close()  # it writes to a file of its own, and would complain of it later
        raise
    book.save(file)


def _in_csv(cell: Cell) -> str | int | float:
    if isinstance(cell, dt.datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return harmless(cell) if isinstance(cell, str) else "" if cell is None else cell


def _in_xlsx(cell: Cell) -> str | int | float | dt.datetime | None:
    if isinstance(cell, dt.datetime):
        return cell.replace(tzinfo=None, microsecond=0)  # a spreadsheet knows no zones
    if not isinstance(cell, str):
        return cell
    text = harmless(cell)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + _CUT
