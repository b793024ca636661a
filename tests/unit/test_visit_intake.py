"""Visits as programs and people send them: read in full, or refused with everything that is wrong."""

import datetime as dt
import io
import tracemalloc
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from ivr.customers.numbers import normalise
from ivr.errors import FieldError
from ivr.tables.read import LineError, TableError
from ivr.visits.intake import FIELDS, NEEDED, VisitEntry, read_visit, sort_out
from ivr.visits.table import CALLED, read_visits
from ivr.visits.times import SLACK, ended_at

NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
"""10:30 in Shanghai."""
SHANGHAI, BERLIN, NEW_YORK = (ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/Berlin", "America/New_York"))
GIVEN: dict[str, object] = {
    "external_id": "WO-1",
    "number": "138-0013-8000",
    "kind": "保养",
    "ended_at": "2026-11-22 10:00",
}


def read(**more: object) -> VisitEntry | list[LineError]:
    return read_visit(GIVEN | more, 7, SHANGHAI, NOW)


def good(**more: object) -> VisitEntry:
    found = read(**more)
    assert isinstance(found, VisitEntry), found
    return found


def wrong(**more: object) -> list[tuple[str, str]]:
    found = read(**more)
    assert isinstance(found, list), found
    assert all(error.line == 7 and error.message and error.remedy for error in found)
    return [(error.field, error.problem) for error in found]


# ---- when it ended ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-11-22T10:00:00+08:00", "2026-11-22T02:00:00"),
        ("2026-11-22T02:00:00Z", "2026-11-22T02:00:00"),
        ("2026-11-22t02:00:00.123456z", "2026-11-22T02:00:00"),
        ("2026-11-21T21:00-0500", "2026-11-22T02:00:00"),
        ("2026-11-22 10:00", "2026-11-22T02:00:00"),
        ("2026/11/22 10:00:59", "2026-11-22T02:00:59"),
        ("2026.1.2 9:05", "2026-01-02T01:05:00"),
        ("2026年11月22日 10时00分", "2026-11-22T02:00:00"),
        ("2026年11月22日 10点00分30秒", "2026-11-22T02:00:30"),
        ("２０２６／１１／２２ １０：００", "2026-11-22T02:00:00"),
        ("2026-11-21", "2026-11-21T15:59:00"),
        ("2026-11-22", "2026-11-22T15:59:00"),
        ("2026年11月21日", "2026-11-21T15:59:00"),
        ("2024-02-29", "2024-02-29T15:59:00"),
    ],
)
def test_time_is_understood_however_it_is_written(written: str, utc: str) -> None:
    assert ended_at(written, SHANGHAI, NOW) == dt.datetime.fromisoformat(f"{utc}+00:00")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        *((text, "time") for text in ("", "gestern", "10:00", "46348.4375", "20261122", "2026-W47-7", "22.11.2026")),
        *((text, "time") for text in ("2026-11-31 10:00", "2026-13-01", "2026-11-22 24:00", "2026-11-22 10:60")),
        *((text, "time") for text in ("2026-11-22 10:00:60", "2026-11-22 10:00:5x", "2026-11-22 10:005", "2025-02-29")),
        *((text, "time") for text in ("2026-11-22 10:00+15:00", "2026-11-22+08:00", "2026-11-22 10:00+0860")),
        *((text, "time") for text in ("१०२६-११-२२", "2026-11-22 10:00\n2026", "2026-11-22" * 1000)),
        *((text, "old") for text in ("1999-12-31 10:00", "0001-01-01T00:00:00+14:00", "1900-01-01")),
        *((text, "future") for text in ("2026-11-22 10:41", "2026-11-23", "9999-12-31T23:59:59-14:00", "2027-01-01")),
    ],
)
def test_time_that_is_none_or_has_not_come_is_refused(written: str, problem: str) -> None:
    with pytest.raises(FieldError) as refused:
        ended_at(written, SHANGHAI, NOW)
    assert (refused.value.field, refused.value.problem) == ("ended_at", problem)


def test_hour_that_comes_twice_is_the_later_and_one_that_is_left_out_is_none() -> None:
    assert ended_at("2026-10-25 02:30", BERLIN, NOW) == dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)
    with pytest.raises(FieldError) as refused:
        ended_at("2026-03-29 02:30", BERLIN, NOW)
    assert refused.value.problem == "gap"
    assert ended_at("2026-03-29 02:30+01:00", BERLIN, NOW) == dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)


@given(
    st.datetimes(),
    st.sampled_from([SHANGHAI, BERLIN, NEW_YORK]),
    st.sampled_from(["", "Z", "+14:00", "-14:00", "+05:45"]),
    st.booleans(),
)
def test_any_time_is_in_the_past_or_refused(wall: dt.datetime, zone: ZoneInfo, away: str, day_alone: bool) -> None:
    written = f"{wall:%Y-%m-%d}".zfill(10) if day_alone else f"{wall:%Y-%m-%d %H:%M:%S}".zfill(19) + away
    try:
        found = ended_at(written, zone, NOW)
    except FieldError:
        return
    assert found.utcoffset() == dt.timedelta(0)
    assert found.astimezone(zone).date() <= NOW.astimezone(zone).date() if day_alone else found <= NOW + SLACK


# ---- one visit -------------------------------------------------------------------------------------------


def test_everything_that_is_given_is_read() -> None:
    given: dict[str, object] = {
        "name": " 王建国 ",
        "title": "男",
        "by": 1001,
        "language": "英语",
        "key": True,
        "consent": "否",
        "notes": "更换机油\r\n两次",
    }
    assert good(**given) == VisitEntry(
        external_id="WO-1",
        number="13800138000",
        kind="保养",
        ended_at=NOW - dt.timedelta(minutes=30),
        by="1001",
        name="王建国",
        title="先生",
        language="en",
        key=True,
        consent=False,
        notes="更换机油\n两次",
    )


@pytest.mark.parametrize("nothing", [None, "", "  ", "\u200b"])
def test_nothing_given_is_nothing_known(nothing: object) -> None:
    assert good(by=nothing, name=nothing, notes=nothing, consent=nothing if nothing != "\u200b" else None) == good()
    assert wrong(kind=nothing) == [("kind", "missing")]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = wrong(number="abc", kind=None, ended_at="gestern", consent="vielleicht", title="老板", colour="red")
    assert found == [
        ("line", "field"),
        ("number", "number"),
        ("ended_at", "time"),
        ("title", "unknown"),
        ("consent", "yes_no"),
        ("kind", "missing"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        *(("number", number, "number") for number in ("110", "1001", "12345", "55667788", "+86", "138 0013 800x")),
        *(("number", number, "number") for number in ("13800138000;13900000000", "1" * 5000, "१३८००१३८०००")),
        *(("number", number, "number") for number in ("16812345678", "12125551234", "1 681 234 5678")),  # no plus
        *(("name", text, "signs") for text in ("王\x00", "王\ud800", "\x1b[2J王")),
        *((name, "x" * 65, "long") for name in ("external_id", "kind", "by", "name", "surname")),
        ("notes", "x" * 1_000_000, "long"),
        *((name, "=cmd|' /C calc'!A0", "formula") for name in ("external_id", "name", "kind", "by", "notes", "number")),
        ("external_id", "#REF!", "formula"),
        *((name, value, "type") for name in FIELDS for value in (1.5, [], {}, {"a": 1})),
        *((name, True, "type") for name in ("external_id", "name", "number", "ended_at")),
        ("language", "fr", "unknown"),
        ("title", "Doctor", "unknown"),
        ("key", 2, "yes_no"),
    ],
)
def test_field_that_cannot_be_kept_is_named(field: str, value: object, problem: str) -> None:
    assert (field, problem) in wrong(**{field: value})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("+86 138 0013 8000", "13800138000"),
        (13800138000, "13800138000"),
        ("(021) 5566-7788", "02155667788"),
        (2155667788, "02155667788"),
        ("+14155552671", "0014155552671"),
        ("400-800-1001", "4008001001"),
    ],
)
def test_number_is_kept_in_one_form(written: object, kept: str) -> None:
    assert good(number=written).number == kept


@given(
    st.dictionaries(
        st.sampled_from(FIELDS) | st.text(max_size=5),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(alphabet=st.characters(exclude_categories=()), max_size=80)
        | st.sampled_from(["13800138000", "2026-11-22 10:00", "是", "女", "en", "=1", "2026-11-01"])
        | st.lists(st.integers(), max_size=2),
        max_size=14,
    )
)
def test_any_object_is_a_visit_that_can_be_kept_or_is_refused(given_: dict[str, Any]) -> None:
    found = read_visit(given_, 1, SHANGHAI, NOW)
    if isinstance(found, list):
        assert found and all(error.field in (*FIELDS, "line") and error.message for error in found)
        return
    assert normalise(found.number) == found.number
    assert found.ended_at <= NOW + dt.timedelta(days=1)
    for text in (found.external_id, found.kind, found.by, found.name, found.surname, found.notes):
        (text or "").encode()
        assert "\x00" not in (text or "") and text != ""


# ---- visits that come together ---------------------------------------------------------------------------


def test_of_lines_about_the_same_visit_the_first_counts() -> None:
    lines = [(2, good()), (3, good(external_id="WO-2")), (4, good()), (5, good(notes="x")), (6, wrong_lines())]
    found = sort_out(lines)
    assert [line for line, _ in found.good] == [2, 3]
    assert [line for line, _ in found.repeated] == [4]
    assert [(error.line, error.problem) for error in found.errors] == [(5, "twice"), (7, "missing")]
    assert "Line 2" in found.errors[0].message


def wrong_lines() -> list[LineError]:
    found = read(kind=None)
    assert isinstance(found, list)
    return found


TABLE = """工单号,客户姓名,称呼,手机,服务类型,完成时间,技师,大客户,同意回访,备注
WO-1,王建国,男,138-0013-8000,保养,2026/11/21 16:05,二号车间,是,,"机油, 机滤"
WO-2,欧阳娜娜,女士,021-55667788,维修,2026-11-21,,,否,
WO-3,李四,,110,维修,2026-11-21,,,,
,,,,,,,,,
WO-4,赵六,,13900000003,,2026-12-21,,也许,,
WO-5,"=HYPERLINK(""http://x"")",,13900000004,保养,2026-11-21,,,,
WO-6,Wang, Jianguo,先生,13900000004,保养,2026-11-21,,,,x
"""


def test_table_in_the_trades_own_words_is_read() -> None:
    found = read_visits(TABLE.encode("gb18030"), SHANGHAI, NOW)
    assert [(line, visit.external_id, visit.consent) for line, visit in found.good] == [
        (2, "WO-1", None),
        (3, "WO-2", False),
    ]
    assert found.good[0][1].notes == "机油, 机滤"
    assert [(error.line, error.field, error.problem) for error in found.errors] == [
        (4, "number", "number"),
        (6, "ended_at", "future"),
        (6, "key", "yes_no"),
        (6, "kind", "missing"),
        (7, "name", "formula"),
        (8, "line", "cells"),
    ]


def test_spreadsheet_with_its_own_dates_and_numbers_is_read() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["单号", "手机", "服务类型", "完成时间", "姓名", "技师"])
    ended = dt.datetime(2026, 11, 21, 16, 5)  # noqa: DTZ001  a spreadsheet's has none
    sheet.append([1001, 13800138000, "保养", ended, "王建国", 7])
    sheet.append(["WO-2", 2155667788.0, "维修", ended.date(), "李四", None])
    file = io.BytesIO()
    book.save(file)
    found = read_visits(file.getvalue(), SHANGHAI, NOW)
    assert found.errors == []
    (_, one), (_, two) = found.good
    assert (one.external_id, one.number, one.by) == ("1001", "13800138000", "7")
    assert one.ended_at == dt.datetime(2026, 11, 21, 8, 5, tzinfo=dt.UTC)
    assert (two.number, two.ended_at) == ("02155667788", dt.datetime(2026, 11, 21, 15, 59, tzinfo=dt.UTC))


def test_a_line_is_held_in_little_memory() -> None:
    line = "WO-{0},王{0},138{0:08},保养,2026-11-20 10:00"
    table = "\n".join(["单号,姓名,手机,服务类型,完成时间", *(line.format(number) for number in range(5_000))])
    data = table.encode()
    tracemalloc.start()
    found = read_visits(data, SHANGHAI, NOW)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(found.good), found.errors) == (5_000, [])
    assert peak < 5_000 * 1_200 + 1_000_000


def test_every_field_has_a_column_and_no_heading_means_two() -> None:
    assert tuple(CALLED) == FIELDS
    headings = [word for words in CALLED.values() for word in words.split(" ")] + list(FIELDS)
    assert len(set(headings)) == len(headings)
    with pytest.raises(TableError, match=r"no column kind \(服务类型\), ended_at \(完成时间\)"):
        read_visits(b"external_id,number\n", SHANGHAI, NOW)
    assert set(NEEDED) < set(FIELDS)
