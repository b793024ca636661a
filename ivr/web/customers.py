"""The customer file on the page: finding, reading, entering, taking over from a table (S22, S23, S24)."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.accounts.users import Role
from ivr.cases.board import MINE, Chosen, list_cases
from ivr.cases.record import Reader
from ivr.customers import table
from ivr.customers.book import is_elder
from ivr.customers.file import (
    LANGUAGES,
    TITLES,
    CustomerNotFound,
    Entry,
    check,
    get_customer,
    keep,
    list_customers,
    remove,
)
from ivr.customers.history import calls_of, served_by, visits_of
from ivr.errors import FieldError
from ivr.tables.read import MAX_BYTES, TableError
from ivr.web.auth import Admin, Agent, SignedIn, Supervisor, check_form
from ivr.web.case import reader_of
from ivr.web.context import Web, language_of, page, web_of
from ivr.web.filters import read_page
from ivr.web.names import Names

router = APIRouter(prefix="/customers")


async def _fields(request: Request) -> dict[str, str]:
    return {name: value for name, value in (await request.form()).multi_items() if isinstance(value, str)}


Fields = Annotated[dict[str, str], Depends(_fields)]
"""The form as it was filled in."""
_PER_PAGE = 50
_MAX_SEARCH = 64
_MAX_ERRORS = 50


@router.get("")
def customers_page(request: Request, user: Supervisor) -> Response:
    return _list(request, user)


@router.get("/new")
def new_page(request: Request, user: Supervisor) -> Response:
    number = request.query_params.get("number", "")[:_MAX_SEARCH]
    return _form(request, Entry(numbers=(number,) if number else ()))


@router.post("/new", dependencies=[Depends(check_form)])
def add(request: Request, user: Supervisor, fields: Fields) -> Response:
    return _save(request, user, fields, None)


@router.post("/import", dependencies=[Depends(check_form)])
def take_table(request: Request, user: Supervisor, file: UploadFile) -> Response:
    web = web_of(request)
    hotline = web.hotline()
    try:
        rows = table.read_customers(file.file.read(MAX_BYTES + 1))
    except TableError as error:
        return _list(request, user, problem=error, status=400)
    now = web.now()
    done = table.import_rows(
        web.store, rows, agents=hotline.agents if hotline else (), now=now, year=now.astimezone(web.zone()).year
    )
    web.trace(user.login, "customer.import")
    return _list(request, user, imported=done, errors=done.errors[:_MAX_ERRORS])


@router.get("/{customer_id}")
def customer_page(request: Request, customer_id: str, user: Agent) -> Response:
    web, now = web_of(request), web_of(request).now()
    reader = reader_of(web, user)
    hotline = web.hotline()
    with web.store.read() as session:
        entry = _entry(session, customer_id)
        if not _may_open(session, user, entry, web):
            raise HTTPException(404)
        calls, visits = calls_of(session, entry), visits_of(session, entry)
        theirs = Chosen(None, customer_id=entry.id, numbers=entry.numbers)
        everything = list_cases(session, Reader(user.login), now, theirs)
    web.trace(user.login, "customer.open", customer_id=entry.id)
    elder_age = hotline.callers.elder_age if hotline else 65
    return page(
        request,
        "customer.html",
        customer=entry,
        elder=is_elder(entry.birth_year, entry.elder, elder_age, now.astimezone(web.zone()).year),
        calls=calls,
        visits=visits,
        cases=everything.items,
        may_see=reader.may_see,
        own=user.only_agent,
        now=now,
        names=Names(hotline, language_of(request)),
    )


@router.get("/{customer_id}/edit")
def edit_page(request: Request, customer_id: str, user: Supervisor) -> Response:
    with web_of(request).store.read() as session:
        entry = _entry(session, customer_id)
    return _form(request, entry)


@router.post("/{customer_id}/edit", dependencies=[Depends(check_form)])
def change(request: Request, customer_id: str, user: Supervisor, fields: Fields) -> Response:
    return _save(request, user, fields, _number(customer_id))


@router.post("/{customer_id}/remove", dependencies=[Depends(check_form)])
def forget(request: Request, customer_id: str, user: Admin, sure: str = Form("")) -> Response:
    web, wanted = web_of(request), _number(customer_id)
    if sure != "yes":
        raise HTTPException(400)
    try:
        with web.store.write() as session:
            remove(web.store, session, wanted)
    except CustomerNotFound as error:
        raise HTTPException(404) from error
    web.trace(user.login, "customer.remove", customer_id=wanted)
    return RedirectResponse("/customers", 303)


# ---- parts -----------------------------------------------------------------------------------------------


def _list(request: Request, user: SignedIn, status: int = 200, **more: Any) -> Response:
    web, query = web_of(request), request.query_params
    text = query.get("text", "").strip()[:_MAX_SEARCH] or None
    key, blocked = (True if query.get("only") == name else None for name in ("key", "blocked"))
    with web.store.read() as session:
        found = list_customers(
            session, text=text, key=key, blocked=blocked, page=read_page(query.get("page")), per_page=_PER_PAGE
        )
    if text:
        web.trace(user.login, "customer.search")
    only = "key" if key else "blocked" if blocked else None
    asked = {name: value for name, value in (("text", text), ("only", only)) if value}
    return page(
        request,
        "customers.html",
        status,
        found=found,
        text=text,
        only=only,
        link=lambda number: "?" + urlencode(asked | {"page": number}),
        names=Names(web.hotline(), language_of(request)),
        **({"imported": None, "errors": [], "problem": None} | more),
    )


def _form(request: Request, entry: Entry, problem: FieldError | None = None, status: int = 200) -> Response:
    return page(
        request,
        "customer_edit.html",
        status,
        customer=entry,
        problem=problem,
        titles=TITLES,
        spoken=LANGUAGES,
        names=Names(web_of(request).hotline(), language_of(request)),
    )


def _save(request: Request, user: SignedIn, fields: Mapping[str, str], customer_id: int | None) -> Response:
    web = web_of(request)
    hotline = web.hotline()
    now = web.now()
    entry = Entry(id=customer_id)
    try:
        entry = _entered(fields, customer_id)
        checked = check(entry, agents=hotline.agents if hotline else (), year=now.astimezone(web.zone()).year)
        with web.store.write() as session:
            kept = keep(web.store, session, checked, now)
    except FieldError as error:
        return _form(request, entry, error, 400)
    except CustomerNotFound as error:
        raise HTTPException(404) from error
    web.trace(user.login, "customer.edit" if customer_id else "customer.add", customer_id=kept)
    return RedirectResponse(f"/customers/{kept}", 303)


def _entered(fields: Mapping[str, str], customer_id: int | None) -> Entry:
    year = fields.get("birth_year", "").strip()
    return Entry(
        id=customer_id,
        name=fields.get("name", ""),
        surname=fields.get("surname", ""),
        title=fields.get("title", ""),
        numbers=table.split_numbers(fields.get("numbers", "")),
        birth_year=int(year) if year.isascii() and year.isdigit() and len(year) <= 4 else -1 if year else None,
        elder="elder" in fields,
        key="key" in fields,
        blocked="blocked" in fields,
        agent=fields.get("agent") or None,
        language=fields.get("language") or None,
        notes=fields.get("notes", ""),
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(404)
    return int(text)


def _entry(session: Session, customer_id: str) -> Entry:
    try:
        return get_customer(session, _number(customer_id))
    except CustomerNotFound as error:
        raise HTTPException(404) from error


def _may_open(session: Session, user: SignedIn, entry: Entry, web: Web) -> bool:
    """Those in charge always; an agent whom the customer spoke with lately, or who works on a case of theirs."""
    if user.role >= Role.SUPERVISOR:
        return True
    if user.work_number and served_by(session, entry, user.work_number, web.now()):
        return True
    mine = list_cases(session, reader_of(web, user), web.now(), Chosen(MINE, customer_id=entry.id), per_page=1)
    return mine.total > 0
