"""The list of numbers that we never ring unasked: read, searched, added to and taken from, each with its trace."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from ivr.surveys import do_not_call
from ivr.surveys.do_not_call import NoSuchNumber, list_numbers
from ivr.web.auth import Supervisor, check_form
from ivr.web.context import web_of
from ivr.web.filters import read_page
from ivr.web.outbound import journal_of, outbound_page

router = APIRouter(prefix="/do-not-call")

_PER_PAGE = 50
_MAX_SEARCH = 30


@router.get("")
def list_page(request: Request, user: Supervisor) -> Response:
    return _page(request, user.login)


@router.post("/add", dependencies=[Depends(check_form)])
def add(request: Request, user: Supervisor, number: str = Form("")) -> Response:
    """Put a number on the list: from now on it is not rung."""
    web = web_of(request)
    try:
        do_not_call.add(web.store, journal_of(web), number[:_MAX_SEARCH], reason="page", by=user.login)
    except NoSuchNumber:
        return _page(request, user.login, 400, problem="number", entered=number[:_MAX_SEARCH])
    web.trace(user.login, "do_not_call.add")
    return RedirectResponse("/do-not-call?said=listed", 303)


@router.post("/remove", dependencies=[Depends(check_form)])
def remove(request: Request, user: Supervisor, number: str = Form(""), sure: str = Form("")) -> Response:
    """Take a number off the list; whoever asks has confirmed that the customer wants it."""
    web = web_of(request)
    try:
        if sure != "yes":
            return _page(request, user.login, 400, problem="sure")
        do_not_call.remove(web.store, journal_of(web), number[:_MAX_SEARCH], by=user.login)
    except NoSuchNumber:
        return _page(request, user.login, 400, problem="not_listed")
    web.trace(user.login, "do_not_call.remove")
    return RedirectResponse("/do-not-call?said=unlisted", 303)


def _page(request: Request, login: str, status: int = 200, problem: str | None = None, entered: str = "") -> Response:
    web, query = web_of(request), request.query_params
    text = query.get("text", "").strip()[:_MAX_SEARCH]
    with web.store.read() as session:
        found = list_numbers(session, text=text, page=read_page(query.get("page")), per_page=_PER_PAGE)
    web.trace(login, "do_not_call")
    asked = {"text": text} if text else {}
    return outbound_page(
        request,
        "do_not_call.html",
        status,
        found=found,
        text=text,
        entered=entered,
        problem=problem,
        link=lambda number: "?" + urlencode(asked | {"page": number}),
    )
