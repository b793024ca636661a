"""Visits from a table that another program or a person wrote (CSV, XLSX)."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from ivr.customers.table import CALLED as CUSTOMERS_CALLED
from ivr.errors import FieldError
from ivr.tables.read import Columns, LineError, Row, read_table
from ivr.visits.intake import NEEDED, Sorted, VisitEntry, read_visit, sort_out

CALLED = {
    "external_id": "单号 工单号 工单编号 订单号 服务单号 业务单号 编号 id",
    "name": CUSTOMERS_CALLED["name"],
    "surname": CUSTOMERS_CALLED["surname"],
    "title": CUSTOMERS_CALLED["title"],
    "number": CUSTOMERS_CALLED["numbers"].replace(" number ", " numbers "),
    "kind": "服务类型 类型 业务类型 服务项目 项目",
    "ended_at": "完成时间 完工时间 结束时间 服务时间 出院时间 时间 日期 time",
    "by": "服务人员 技师 工程师 服务顾问 经办人 坐席 technician agent",
    "language": CUSTOMERS_CALLED["language"],
    "key": CUSTOMERS_CALLED["key"],
    "consent": "同意回访 是否同意回访 可回访",
    "notes": CUSTOMERS_CALLED["notes"],
}
"""What else the columns are called."""
COLUMNS = Columns(CALLED, needed=NEEDED)


def read_visits(data: bytes, zone: ZoneInfo, now: dt.datetime) -> Sorted:
    """The visits of a table, whole: nothing is taken before its last line has been read. Raises TableError."""
    return sort_out(_lines(read_table(data, COLUMNS), zone, now))


def _lines(rows: Iterator[Row], zone: ZoneInfo, now: dt.datetime) -> Iterator[tuple[int, VisitEntry | list[LineError]]]:
    for row in rows:
        try:
            row.check_cells()
        except FieldError as error:
            yield row.line, [LineError.of(row.line, error)]
        else:
            yield row.line, read_visit(row.cells, row.line, zone, now)
