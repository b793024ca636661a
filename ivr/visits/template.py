"""An empty table of visits to fill in: the headings, and in XLSX a sheet that says what may stand below them."""

import io
from collections.abc import Sequence

from ivr.tables.write import write_csv

_TEXT = "@"
"""Excel's format for text: it takes no zero from a number and makes no date of an id."""


def csv_template(headings: Sequence[str]) -> bytes:
    file = io.BytesIO()
    write_csv(file, headings, [])
    return file.getvalue()


def xlsx_template(headings: Sequence[str], hints: Sequence[str], titles: tuple[str, str]) -> bytes:
    """`hints` say what may stand below each heading; `titles` are those of the table's sheet and of the hints'."""
    from openpyxl import Workbook  # takes long to load, and only XLSX needs it
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    table, notes = book.active, book.create_sheet(titles[1])
    assert table is not None
    table.title, table.freeze_panes = titles[0], "A2"
    table.append(list(headings))
    for number in range(1, len(headings) + 1):
        letter = get_column_letter(number)
        table.column_dimensions[letter].width = 18
        table.column_dimensions[letter].number_format = _TEXT
        table.cell(1, number).font = Font(bold=True)
    for heading, hint in zip(headings, hints, strict=True):
        notes.append([heading, hint])
    notes.column_dimensions["A"].width, notes.column_dimensions["B"].width = 18, 90
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
