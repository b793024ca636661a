"""The board of cases, and lists of them: what a person still has to put right (S25)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from ivr.cases.board import CLOSED, LANES, NOBODY, SHOWN, Chosen, count_cases, list_cases, owners
from ivr.cases.record import KINDS, undelivered
from ivr.web.auth import Agent
from ivr.web.case import reader_of
from ivr.web.context import page, web_of
from ivr.web.filters import read_page
from ivr.web.outbound import names_of

router = APIRouter(prefix="/cases")

_PER_PAGE = 50
_PER_LANE = 20
_LATELY_CLOSED = 10
_MAX_NAME = 64


@router.get("")
def cases_page(request: Request, user: Agent) -> Response:
    """The board; with `show`, a list of the cases that are meant."""
    web, query = web_of(request), request.query_params
    chosen, now, reader = read_chosen(query), web.now(), reader_of(web, user)
    names = names_of(request)
    with web.store.read() as session:
        common: dict[str, Any] = {
            "counts": count_cases(session, reader, now, chosen),
            "owners": owners(session, reader),
            "failed": undelivered(session) if user.may("supervisor") else 0,
            "departments": names.departments(chosen.department if chosen.department != NOBODY else None),
        }
        if chosen.shown is None:
            shown = dict.fromkeys(LANES, _PER_LANE) | {CLOSED: _LATELY_CLOSED}
            lanes = {
                name: list_cases(session, reader, now, replace(chosen, shown=name), per_page=most)
                for name, most in shown.items()
            }
            common |= {"lanes": lanes}
        else:
            found = list_cases(session, reader, now, chosen, page=read_page(query.get("page")), per_page=_PER_PAGE)
            common |= {"found": found}
    return page(
        request,
        "cases.html" if chosen.shown is None else "cases_list.html",
        chosen=chosen,
        kind=next(iter(chosen.kinds), None),
        kinds=KINDS,
        choices=SHOWN,
        nobody=NOBODY,
        now=now,
        link=lambda show=None: "/cases" + _address(chosen, show),
        page_link=lambda number: "/cases" + _address(chosen, chosen.shown, number),
        names=names,
        **common,
    )


def read_chosen(query: Mapping[str, str]) -> Chosen:
    """Which cases the address bar asks for; what is not understood is left out. `shown` None: the board."""
    kind = query.get("kind")
    return Chosen(
        shown=next((name for name in SHOWN if name == query.get("show")), None),
        kinds=[kind] if kind in KINDS else [],
        department=_name(query.get("department")),
        owner=_name(query.get("owner")),
    )


def _name(text: str | None) -> str | None:
    return text if text and len(text) <= _MAX_NAME and text.isprintable() else None


def _address(chosen: Chosen, show: str | None, number: int = 1) -> str:
    """The address bar's part for the same filter, on another list or page."""
    values = {
        "show": show,
        "kind": next(iter(chosen.kinds), None),
        "department": chosen.department,
        "owner": chosen.owner,
        "page": number if number != 1 else None,
    }
    given = {name: value for name, value in values.items() if value}
    return "?" + urlencode(given) if given else ""
