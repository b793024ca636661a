"""The rows of an XLSX file's first sheet as text (ECMA-376), however hostile the file."""

import datetime as dt
import io
import zipfile
from collections.abc import Iterator

from ivr.errors import IvrError

MAGIC = b"PK\x03\x04"
MAX_PARTS = 500
MAX_UNPACKED = 80_000_000
"""Bytes of all parts together: some 100,000 lines; what unpacks to more is a bomb, or to be imported in parts."""
MAX_ROWS, MAX_COLUMNS = 1_048_576, 100
_WHOLE = 10**15


class NotXlsx(IvrError):
    """The file cannot be read as an XLSX file; `problem` is a text key."""

    def __init__(self, problem: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.problem = problem


def sheet_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each filled row's number, from 1, and its cells as text: dates in ISO 8601, formulas as the values that were last
    worked out. Raises NotXlsx."""
    _check_size(data)
    from openpyxl import load_workbook  # takes long to load, and only XLSX needs it

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What the file says of its own size may be wrong, and would be filled up with empty cells.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True)
        for number, cells in enumerate(rows, start=1):
            if cells.count(None) < len(cells):
                yield number, [_text(cell) for cell in cells]
    # The library has no error of its own for a damaged file: it fails in whatever way its parts fail.
    except Exception as error:
        raise _damaged() from error


def _check_size(data: bytes) -> None:
    """Raise NotXlsx for what unpacks to too much; zipfile never unpacks more than what is announced."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
        raise _damaged() from error
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise NotXlsx("unpacks", "The file unpacks to too much.", "import the table in parts")


def _damaged() -> NotXlsx:
    return NotXlsx("xlsx", "The file is no XLSX file, or damaged.", "save it anew as .xlsx, or as CSV (UTF-8)")


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _WHOLE:
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return _moment(cell)
    return str(cell)


def _moment(cell: dt.datetime) -> str:
    """To the second, for a spreadsheet counts days in floating point; it writes a day alone as its first moment."""
    whole = (cell + dt.timedelta(microseconds=500_000)).replace(microsecond=0)
    return whole.isoformat(" ").removesuffix(" 00:00:00")
