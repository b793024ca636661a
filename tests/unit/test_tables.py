"""Tables as office programs, other programs and enemies write them: read as text, or refused with what is wrong."""

import datetime as dt
import io
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from ivr.errors import FieldError
from ivr.tables import read, xlsx
from ivr.tables.cells import is_formula, is_yes, meant_language, meant_title, plain_text
from ivr.tables.read import Columns, Row, TableError, read_table

COLUMNS = Columns({"name": "姓名", "number": "电话 手机", "notes": "备注"}, needed=("number",))


def rows(data: bytes) -> list[Row]:
    return list(read_table(data, COLUMNS))


def sheet(*lines: list[object]) -> bytes:
    book = Workbook()
    page = book.active
    assert page is not None
    for line in lines:
        page.append(line)
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(data: bytes, part: str, change: bytes | None) -> bytes:
    """The file with one of its parts put in another's place; None leaves it out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.infolist():
            if each.filename != part:
                new.writestr(each, old.read(each))
            elif change is not None:
                new.writestr(part, change)
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
GOOD = sheet(["姓名", "电话"], ["王建国", "13800138000"])


# ---- CSV -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_is_read_as_office_programs_write_it(encoding: str, sign: str, end: str) -> None:
    if end == "\r" and sign != ",":
        return  # a file of one long line: what parts its cells is found by counting in the first line
    text = f"姓名{sign}手机{end}王建国{sign}13800138000{end}"
    assert rows(text.encode(encoding)) == [Row(2, {"name": "王建国", "number": "13800138000"})]


def test_line_is_told_by_where_it_begins() -> None:
    found = rows(b'name,number,notes\n,1,"two\nlines"\n\n ,2\n')
    assert [(row.line, row.cells) for row in found] == [
        (2, {"number": "1", "notes": "two\nlines"}),
        (5, {"number": "2"}),
    ]


def test_line_with_more_cells_than_columns_is_marked() -> None:
    one, two = rows(b"name,number\nWang, Jianguo,138\nWang,138,,\n")
    with pytest.raises(FieldError, match="more cells"):
        one.check_cells()
    two.check_cells()


@pytest.mark.parametrize("cell", ["=cmd()", "=1+1", "#REF!", "#N/A", '=HYPERLINK("http://x")'])
def test_formula_where_its_value_should_be_is_named(cell: str) -> None:
    assert is_formula(cell)
    quoted = '"' + cell.replace('"', '""') + '"'
    (row,) = rows(f"name,number\n{quoted},1\n".encode())
    with pytest.raises(FieldError) as refused:
        row.check_cells()
    assert (refused.value.field, refused.value.problem) == ("name", "formula")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no column number"),
        (b"name\n", "no column number"),
        ("姓名,电话,生日,\n".encode(), "Unknown columns: 生日"),
        (b"phone\n1\n", "Unknown columns: phone"),
        (b"number,number\n", "twice"),
        (b'name,number\n"x,138\n', "Line 2: no CSV"),
        (b"name,number\nx,1\n" + b"x" * 200_000 + b",1\n", "Line 3: no CSV"),
        (b"\xff\xff\xff\xff", "UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Excel"),
        (b"PK\x03\x04 and no more", "no XLSX"),
    ],
)
def test_table_that_is_none_is_refused_with_what_is_wrong(data: bytes, told: str) -> None:
    with pytest.raises(TableError, match=told):
        rows(data)


@pytest.mark.parametrize(("filler", "problem"), [("", "no_column"), ("x", "unknown_columns"), ("电话", "column_twice")])
def test_headings_without_end_are_refused_without_looking_at_all_of_them_again_and_again(
    filler: str, problem: str
) -> None:
    with pytest.raises(TableError) as refused:
        rows(f"{filler},".encode() * 1_000_000)
    assert refused.value.problem == problem


def test_too_long_a_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_LINES", 3)
    assert len(rows(b"number\n1\n\n2\n3\n")) == 3
    with pytest.raises(TableError, match="more than 3 lines"):
        rows(b"number\n1\n2\n3\n4\n")
    monkeypatch.setattr(read, "MAX_BYTES", 20)
    with pytest.raises(TableError, match="too long"):
        rows(b"number\n" + b"1\n" * 10)


def test_fifty_thousand_lines_are_read_in_little_memory() -> None:
    data = b"name,number,notes\n" + b"".join(b"Wang,%d,%s\n" % (n, b"x" * 60) for n in range(50_000))
    tracemalloc.start()
    assert sum(1 for _ in read_table(data, COLUMNS)) == 50_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000  # a block to tell the encoding by, and a line


# ---- XLSX ------------------------------------------------------------------------------------------------


def test_cells_of_every_kind_are_told_as_people_write_them() -> None:
    noon = dt.datetime.fromisoformat("2026-11-22T10:30")
    data = sheet(
        ["姓名", "电话", "备注"],
        ["王", 13800138000, noon],
        ["王", 13800138000.0, noon.date()],
        ["王", "+86 138", True],
        [None, None, None],
        ["王", 0.5, "=1+1"],
    )
    assert [(row.line, *row.cells.values()) for row in rows(data)] == [
        (2, "王", "13800138000", "2026-11-22 10:30:00"),
        (3, "王", "13800138000", "2026-11-22"),
        (4, "王", "+86 138", "yes"),
        (6, "王", "0.5"),  # the formula was never worked out: there is no value
    ]


def test_formula_is_read_as_the_value_that_was_worked_out() -> None:
    data = sheet(["number", "notes"], ["1", "=1+1"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        page = archive.read(SHEET)
    assert b"<v />" in page or b"<v/>" in page or b"<v></v>" in page
    for empty in (b"<v />", b"<v/>", b"<v></v>"):
        page = page.replace(empty, b"<v>2</v>")
    assert rows(repacked(data, SHEET, page)) == [Row(2, {"number": "1", "notes": "2"})]


def test_time_that_a_spreadsheet_counts_in_fractions_of_a_day_is_a_whole_second() -> None:
    late = dt.datetime.fromisoformat("2026-11-22T10:29:59.999900")
    (row,) = rows(sheet(["number", "notes"], ["1", late]))
    assert row.cells["notes"] == "2026-11-22 10:30:00"


def test_only_the_first_sheet_counts() -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["number"])
    book.active.append(["1"])
    book.create_sheet("notes").append(["anything"])
    assert rows(saved(book)) == [Row(2, {"number": "1"})]


def test_what_a_file_says_of_its_own_size_is_not_believed() -> None:
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        page = archive.read(SHEET)
    boast = page.replace(b'<dimension ref="A1:B2"', b'<dimension ref="A1:XFD1048576"')
    assert boast != page
    assert len(rows(repacked(GOOD, SHEET, boast))) == 1
    far = page.replace(b'<row r="2"', b'<row r="1048576"').replace(b"A2", b"A1048576").replace(b"B2", b"B1048576")
    assert [row.line for row in rows(repacked(GOOD, SHEET, far))] == [1_048_576]


CELL = b"""%s<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>&e;</t></is></c></row></sheetData></worksheet>"""
TIMES_TEN = [b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10)]
BOMB = CELL % b'<!DOCTYPE x [<!ENTITY e0 "ha">%s<!ENTITY e "&e9;">]>' % b"".join(TIMES_TEN)
OUTSIDE = CELL % b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("part", [BOMB, OUTSIDE, b"", b"<x", b"\x00" * 100], ids=["bomb", "outside", "", "torn", "nul"])
def test_hostile_sheet_is_refused(part: bytes) -> None:
    with pytest.raises(TableError, match=r"no XLSX|no column"):
        rows(repacked(GOOD, SHEET, part))


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/styles.xml"])
def test_file_without_a_part_is_read_or_refused(part: str) -> None:
    try:
        assert len(rows(repacked(GOOD, part, None))) == 1
    except TableError as error:
        assert "XLSX" in error.message


def test_file_that_unpacks_to_too_much_is_not_unpacked() -> None:
    big = repacked(GOOD, SHEET, b" " * (xlsx.MAX_UNPACKED + 1))
    assert len(big) < 1_000_000
    with pytest.raises(TableError, match="unpacks to too much"):
        rows(big)


def test_file_that_lies_about_what_it_unpacks_to_gets_no_more_than_it_said() -> None:
    big = bytearray(repacked(GOOD, SHEET, b" " * (xlsx.MAX_UNPACKED + 1)))
    with zipfile.ZipFile(io.BytesIO(big)) as archive:
        size = archive.getinfo(SHEET).file_size.to_bytes(4, "little")
    lie = bytes(big).replace(size, (1000).to_bytes(4, "little"))
    assert lie != big
    tracemalloc.start()
    with pytest.raises(TableError, match="no XLSX"):
        rows(lie)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_file_of_very_many_parts_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(xlsx.MAX_PARTS + 1):
            archive.writestr(str(number), b"")
    with pytest.raises(TableError, match="unpacks to too much"):
        rows(file.getvalue())


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=40))
def test_damaged_file_is_read_or_refused(at: int, damage: bytes) -> None:
    try:
        rows(GOOD[:at] + damage + GOOD[at + len(damage) :])
    except TableError as error:
        assert error.message and error.remedy


@given(st.binary(max_size=300), st.text(max_size=200))
def test_any_file_is_read_or_refused(data: bytes, text: str) -> None:
    for each in (data, b"PK\x03\x04" + data, f"name,number\n{text}".encode("utf-8", "replace")):
        try:
            found = rows(each)
        except TableError:
            continue
        for row in found:
            assert row.line >= 2 and row.cells and all(cell == cell.strip() for cell in row.cells.values())


# ---- what stands in a cell -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"), [(" 王\u200b 建国 ", "王 建国"), ("e\u0301", "é"), ("", ""), ("a\tb", None)]
)
def test_plain_text_is_trimmed_and_holds_nothing_unseen(written: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(FieldError, match="sign"):
            plain_text(written, "name", 10)
    else:
        assert plain_text(written, "name", 10) == kept


def test_lines_may_stand_where_they_are_wanted() -> None:
    assert plain_text("a\r\nb\tc", "notes", 10, lines=True) == "a\nb\tc"


@pytest.mark.parametrize("text", ["a\tb", "x\x00", "x\ud800", "\x1b[31m", "x\x85x"])
def test_signs_that_cannot_be_shown_are_refused(text: str) -> None:
    with pytest.raises(FieldError) as refused:
        plain_text(text, "name", 10)
    assert (refused.value.field, refused.value.problem) == ("name", "signs")


@pytest.mark.parametrize("text", ["x" * 11, "x" * 10_000_000, "\u200b" * 10_000])
def test_huge_text_is_refused_at_once(text: str) -> None:
    with pytest.raises(FieldError) as refused:
        plain_text(text, "name", 10)
    assert refused.value.problem == "long"


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=80))
def test_plain_text_stays_what_it_is_and_can_be_stored(text: str) -> None:
    try:
        plain = plain_text(text, "name", 64)
    except FieldError:
        return
    assert plain_text(plain, "name", 64) == plain
    assert "\x00" not in plain
    plain.encode()


def test_words_for_yes_titles_and_languages() -> None:
    assert [is_yes(text, "key") for text in ("是", "Y", "1", "否", "no", "-")] == [True] * 3 + [False] * 3
    with pytest.raises(FieldError, match="neither yes nor no"):
        is_yes("也许", "key")
    assert [meant_title(text) for text in ("男", "Mrs", "先生", "老板")] == ["先生", "女士", "先生", "老板"]
    assert [meant_language(text) for text in ("中文", "English", "en", "fr")] == ["zh-CN", "en", "en", "fr"]
