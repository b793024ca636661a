"""Visits sent by other programs, and taken back (S26): JSON, by token, as often as they like."""

import datetime as dt
import json
from collections.abc import Iterable
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from ivr.calls.events import clean
from ivr.calls.journal import Journal
from ivr.errors import FieldError
from ivr.tables.cells import plain_text
from ivr.tables.read import LineError
from ivr.visits.intake import MAX_WORDS, VisitEntry, read_visit, sort_out
from ivr.visits.keeping import PER_TRANSACTION, Outcome, VisitKeeper, VisitNotFound
from ivr.web.context import Web, web_of
from ivr.web.tokens import ApiRefused, Program, VisitsSender

router = APIRouter(prefix="/api/visits")

MAX_VISITS = PER_TRANSACTION


async def _sent(request: Request) -> list[Any]:
    """What the body holds: one visit or a list of them. Raises ApiRefused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiRefused(415, "The body is not said to be JSON.", "send Content-Type: application/json")
    try:
        sent = json.loads((await request.body()).decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ApiRefused(400, "The body is no JSON.", "send a visit, or a list of them, in UTF-8") from error
    found = sent if isinstance(sent, list) else [sent]
    if not found:
        raise ApiRefused(400, "There are no visits in it.", "send a visit, or a list of them")
    if len(found) > MAX_VISITS:
        raise ApiRefused(413, f"There are more than {MAX_VISITS} visits in it.", "send fewer at once")
    return found


Sent = Annotated[list[Any], Depends(_sent)]


@router.post("")
def take(request: Request, program: VisitsSender, sent: Sent) -> Response:
    """Take visits, all good ones in one transaction; each one's outcome stands in the answer, in order.

    200 when any is taken (or stands as it was), 422 when none is good.
    """
    web = web_of(request)
    zone, now = web.zone(), web.now()
    found = sort_out((number, _visit(item, number, zone, now)) for number, item in enumerate(sent, start=1))
    taken = _keeper(web, program).take_together(found.good) if found.good else []
    web.trace(program.login, "visit.api")
    outcomes = {outcome.line: outcome for outcome in taken}
    outcomes |= {line: Outcome(line, visit.external_id, "same") for line, visit in found.repeated}
    results = [
        _result(item, outcomes.get(number), [error for error in found.errors if error.line == number])
        for number, item in enumerate(sent, start=1)
    ]
    counts = {status: sum(result["status"] == status for result in results) for status in _STATUSES}
    return JSONResponse(counts | {"results": results}, 422 if counts["bad"] == len(results) else 200)


@router.delete("/{external_id:path}")
def withdraw(request: Request, program: VisitsSender, external_id: str) -> Response:
    """Take a visit back: nobody is rung about it any more. Again does no harm."""
    web = web_of(request)
    try:
        wanted = plain_text(external_id, "external_id", MAX_WORDS)
        ended = _keeper(web, program).withdraw(wanted)
    except (FieldError, VisitNotFound) as error:
        raise ApiRefused(404, "There is no visit with this id.", "send the id under which it was taken") from error
    web.trace(program.login, "visit.withdraw")
    return JSONResponse({"external_id": wanted, "status": "withdrawn", "contacts_cancelled": ended})


_STATUSES = ("new", "changed", "same", "bad")


def _keeper(web: Web, program: Program) -> VisitKeeper:
    journal = Journal(web.settings.paths.journal / "flow.jsonl", web.now)
    return VisitKeeper(web.store, journal, web.now(), by=program.login)


def _visit(item: Any, number: int, zone: ZoneInfo, now: dt.datetime) -> VisitEntry | list[LineError]:
    if not isinstance(item, dict):
        return [LineError.of(number, FieldError("line", "type", "It is no object.", "send an object with its fields"))]
    return read_visit(item, number, zone, now)


def _result(item: Any, outcome: Outcome | None, errors: Iterable[LineError]) -> dict[str, Any]:
    external_id = item.get("external_id") if isinstance(item, dict) else None
    told = [*errors, *([outcome.error] if outcome and outcome.error else [])]
    return {
        "external_id": clean(str(external_id)[:MAX_WORDS]) if isinstance(external_id, str | int) else None,
        "status": outcome.status if outcome else "bad",
        "errors": [
            {"field": each.field, "problem": each.problem, "message": each.message, "remedy": each.remedy}
            for each in told
        ],
    }


def _no_number(_name: str) -> Any:
    raise ValueError
