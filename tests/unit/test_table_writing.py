"""Tables written for other programs: whole, readable, and harmless to whoever opens them."""

import csv
import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from ivr.tables import write
from ivr.tables.write import Cell, TableTooLong, harmless, write_csv, write_xlsx

AT = dt.datetime(2026, 11, 22, 10, 30, 5, 999, tzinfo=ZoneInfo("Asia/Shanghai"))
ATTACKS = [
    "=1+1",
    "+8613800138000",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1+1",
    '=cmd|" /C calc"!A0',
    "\u200b=1",
    "\n=1",
]


def csv_of(*lines: list[Cell]) -> list[list[str]]:
    file = io.BytesIO()
    write_csv(file, ["a", "b"], lines)
    data = file.getvalue()
    assert data.startswith(b"\xef\xbb\xbf"), "Excel takes UTF-8 for the machine's own code page without its mark"
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def xlsx_of(*lines: list[Cell]) -> list[tuple[object, ...]]:
    file = io.BytesIO()
    write_xlsx(file, ["a", "b"], lines)
    sheet = load_workbook(io.BytesIO(file.getvalue())).worksheets[0]
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    return list(sheet.iter_rows(values_only=True))


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_would_run_as_a_formula_is_text(attack: str) -> None:
    (_, (in_csv, _)) = csv_of([attack, ""])
    (_, (in_xlsx, _)) = xlsx_of([attack, "x"])
    assert in_csv.startswith("'") and str(in_xlsx).startswith("'")


@given(st.text())
def test_no_text_begins_like_a_formula_and_what_is_harmless_stays_as_it_is(text: str) -> None:
    written = harmless(text)
    assert not written.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert harmless(written) == written
    if text.isalnum():
        assert written == text


def test_names_keep_their_blanks_and_lines_their_ends() -> None:
    assert harmless("欧阳\u3000娜娜") == "欧阳\u3000娜娜"
    assert csv_of(["第一行\n第二行", 'er sagte "ja", oft'])[1] == ["第一行\n第二行", 'er sagte "ja", oft']


def test_numbers_stay_numbers_and_moments_become_what_a_spreadsheet_knows() -> None:
    assert csv_of([-5, AT]) == [["a", "b"], ["-5", "2026-11-22 10:30:05"]]
    assert csv_of([None, 2.5])[1] == ["", "2.5"]
    assert xlsx_of([-5, AT]) == [("a", "b"), (-5, dt.datetime(2026, 11, 22, 10, 30, 5))]  # noqa: DTZ001


def test_signs_that_no_spreadsheet_can_hold_are_left_out_and_endless_text_is_cut() -> None:
    (_, (cell, _)) = xlsx_of(["a\x00b\x07c", "x"])
    assert cell == "abc"
    (_, (long, _)) = xlsx_of(["字" * 40_000, "x"])
    assert isinstance(long, str) and len(long) < 32_767 and long.endswith("…")


def test_more_lines_than_a_sheet_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "MAX_LINES", 2)
    with pytest.raises(TableTooLong, match="take CSV"):
        write_xlsx(io.BytesIO(), ["a"], [["x"]] * 3)
