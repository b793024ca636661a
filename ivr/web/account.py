"""Signing in and out, the own password, the own language."""

import math
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from ivr.accounts import passwords
from ivr.accounts.users import check_login, ensure_first_user, set_password
from ivr.store.models import User
from ivr.web.auth import AnyUser, SignedIn, check_form, end_session, safe_next, signed_in, start_session
from ivr.web.context import Web, page, web_of
from ivr.web.i18n import LANGUAGES, known_language

router = APIRouter()

_MAX_LOGIN = 64
_NOBODY = "?"
"""Stands in the access log for a login that is no account: people type passwords into the wrong field."""


@router.get("/login")
def login_page(request: Request) -> Response:
    target = safe_next(request.query_params.get("next"))
    chosen = request.query_params.get("language")
    if chosen in LANGUAGES:
        request.session["language"] = chosen
        return RedirectResponse("/login?" + urlencode({"next": target}), 303)
    if signed_in(request) is not None:
        return RedirectResponse(target, 303)
    return page(request, "login.html", next=target, login="", problem=None, seconds=0)


@router.post("/login", dependencies=[Depends(check_form)])
def log_in(
    request: Request,
    login: str = Form(""),
    password: str = Form(""),
    next: str = Form(""),
) -> Response:
    web, login, target = web_of(request), login.strip()[:_MAX_LOGIN], safe_next(next)
    address = request.client.host if request.client else ""
    wait = max(web.login_throttle.attempt(login.casefold()), web.address_throttle.attempt(address))
    if wait > 0:
        return _refused(request, target, login, "throttled", 429, math.ceil(wait))
    ensure_first_user(web.store, web.instance)
    user = check_login(web.store, login, password[: passwords.MAX_LENGTH])
    if user is None:
        web.trace(_NOBODY, "login.refused")
        return _refused(request, target, login, "wrong", 401)
    web.login_throttle.forgive(login.casefold())
    web.address_throttle.forgive(address)
    return _let_in(request, web, user, password, target)


def _let_in(request: Request, web: Web, user: User, password: str, target: str) -> Response:
    chosen = request.session.get("language")
    first = password == web.instance.first_login_password
    web.trace(user.login, "login")
    start_session(request, user, must_change=first)
    if chosen in LANGUAGES:
        _keep_language(web, user.id, chosen)
    return RedirectResponse("/account/password" if first else target, 303)


def _refused(request: Request, target: str, login: str, problem: str, status: int, seconds: int = 0) -> Response:
    answer = page(request, "login.html", status, next=target, login=login, problem=problem, seconds=seconds)
    if seconds:
        answer.headers["Retry-After"] = str(seconds)
    return answer


@router.post("/logout", dependencies=[Depends(check_form)])
def log_out(request: Request, user: AnyUser) -> Response:
    end_session(request)
    request.session["language"] = user.language
    return RedirectResponse("/login", 303)


@router.get("/account/password")
def password_page(request: Request, user: AnyUser) -> Response:
    return _password_page(request, user, None, changed=request.query_params.get("changed") == "1")


@router.post("/account/password", dependencies=[Depends(check_form)])
def change_password(
    request: Request,
    user: AnyUser,
    current: str = Form(""),
    new: str = Form(""),
    repeat: str = Form(""),
) -> Response:
    web = web_of(request)
    # A borrowed session must not be a way to guess the password.
    if web.login_throttle.attempt(user.login.casefold()) > 0:
        return _password_page(request, user, "current", 429)
    if check_login(web.store, user.login, current) is None:
        return _password_page(request, user, "current", 400)
    web.login_throttle.forgive(user.login.casefold())
    problem = passwords.problem_with(new, current=current, login=user.login)
    if problem is None and new != repeat:
        problem = "repeat"
    if problem is not None:
        return _password_page(request, user, problem, 400)
    web.trace(user.login, "password")
    start_session(request, set_password(web.store, user.login, new), must_change=False)
    return RedirectResponse("/calls" if user.must_change else "/account/password?changed=1", 303)


def _password_page(
    request: Request, user: SignedIn, problem: str | None, status: int = 200, changed: bool = False
) -> Response:
    limit = passwords.MAX_LENGTH if problem == "long" else passwords.MIN_LENGTH
    return page(
        request,
        "password.html",
        status,
        first=user.must_change,
        problem=problem,
        limit=limit,
        least=passwords.MIN_LENGTH,
        changed=changed,
    )


@router.post("/account/language", dependencies=[Depends(check_form)])
def change_language(
    request: Request,
    user: AnyUser,
    language: str = Form(""),
    next: str = Form(""),
) -> Response:
    _keep_language(web_of(request), user.id, known_language(language))
    return RedirectResponse(safe_next(next), 303)


def _keep_language(web: Web, user_id: int, language: str) -> None:
    with web.store.write() as session:
        row = session.get(User, user_id)
        if row is not None:
            row.language = language
