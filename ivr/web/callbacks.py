"""Who is called back from the line (S10), on the page."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.callbacks.projection import CANCELLED, OPEN
from ivr.calls.record import Page
from ivr.store.followup import Callback
from ivr.web.auth import Supervisor, check_form
from ivr.web.context import web_of
from ivr.web.filters import read_page
from ivr.web.outbound import journal_of, outbound_page

router = APIRouter(prefix="/callbacks")

_PER_PAGE = 50
STATES = ("waiting", "dialling", "answered", "gave_up", "cancelled")


@router.get("")
def callbacks_page(request: Request, user: Supervisor) -> Response:
    web, query = web_of(request), request.query_params
    state = query.get("state") if query.get("state") in STATES else None
    number = read_page(query.get("page"))
    wanted = [Callback.state == state] if state else []
    with web.store.read() as session:
        total = session.scalar(select(func.count()).select_from(Callback).where(*wanted)) or 0
        order = select(Callback).where(*wanted).order_by(Callback.requested_at.desc(), Callback.id.desc())
        rows = session.scalars(order.limit(_PER_PAGE).offset((number - 1) * _PER_PAGE)).all()
    web.trace(user.login, "callbacks")
    chosen = {"state": state} if state else {}
    return outbound_page(
        request,
        "callbacks.html",
        found=Page(list(rows), number, _PER_PAGE, total),
        state=state,
        states=STATES,
        still_open=OPEN,
        cancelled=query.get("cancelled") == "1",
        link=lambda number: "?" + urlencode(chosen | {"page": number}),
    )


@router.post("/{callback_id}/cancel", dependencies=[Depends(check_form)])
def cancel(request: Request, callback_id: str, user: Supervisor) -> Response:
    """Take a caller out of the line; a call that is being made goes on."""
    web = web_of(request)
    with web.store.read() as session:
        row = session.get(Callback, callback_id) if "\x00" not in callback_id else None
    if row is None:
        raise HTTPException(404)
    if row.state in OPEN:
        journal_of(web).write(row.id, CANCELLED, by=user.login)
        web.trace(user.login, "callback.cancel", row.id)
    return RedirectResponse("/callbacks?cancelled=1", 303)
