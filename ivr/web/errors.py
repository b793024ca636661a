"""One clear page (or JSON, where a program asked) for everything that goes wrong."""

import logging
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.calls.record import CallNotFound
from ivr.store.session import StoreUnavailable
from ivr.web.auth import Forbidden, FormExpired, MustChangePassword, NotSignedIn, signed_in
from ivr.web.context import language_of, page
from ivr.web.i18n import Translator
from ivr.web.tokens import ApiRefused

log = logging.getLogger("ivr.web")

_KNOWN = (400, 401, 403, 404, 405, 413, 429, 500, 503)


def install(app: FastAPI) -> None:
    """Register the answers."""
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(MustChangePassword, _must_change)
    app.add_exception_handler(Forbidden, lambda request, _error: error_answer(request, 403))
    app.add_exception_handler(FormExpired, lambda request, _error: error_answer(request, 403, "403.form"))
    app.add_exception_handler(CallNotFound, lambda request, _error: error_answer(request, 404))
    app.add_exception_handler(ApiRefused, _api_refused)
    app.add_exception_handler(StoreUnavailable, _no_store)
    app.add_exception_handler(SQLAlchemyError, _no_store)
    app.add_exception_handler(RequestValidationError, lambda request, _error: error_answer(request, 400))
    app.add_exception_handler(HTTPException, _http)


def error_answer(request: Request, status: int, key: str | None = None) -> Response:
    """The designed page of a status, or JSON for a program; says nothing of the inside."""
    name = key or str(status if status in _KNOWN else 500 if status >= 500 else 400)
    if _wants_json(request):
        translate = Translator(language_of(request))
        return JSONResponse({"error": translate(f"error.{name}.title")}, status)
    _find_user(request, status)
    return page(request, "error.html", status, code=status, name=name)


def _find_user(request: Request, status: int) -> None:
    """So that the error page keeps the reader's navigation and language where that can be known."""
    if getattr(request.state, "user", None) is None and status < 500 and "session" in request.scope:
        try:
            request.state.user = signed_in(request)
        except (StoreUnavailable, SQLAlchemyError):
            request.state.user = None


def _wants_json(request: Request) -> bool:
    path = request.url.path
    return path.startswith("/api/") or "/audio/" in path or path.endswith((".json", "/audio"))


def _not_signed_in(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return error_answer(request, 401)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "?" + urlencode({"next": target}) if request.method == "GET" and target != "/calls" else ""
    return RedirectResponse(f"/login{query}", 303)


def _must_change(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return error_answer(request, 403)
    return RedirectResponse("/account/password", 303)


def _no_store(request: Request, error: Exception) -> Response:
    # SQLAlchemy's own message may hold values; ours (StoreUnavailable) does not.
    log.error("database: %s", error.message if isinstance(error, StoreUnavailable) else type(error).__name__)
    answer = error_answer(request, 503)
    answer.headers["Retry-After"] = "10"
    return answer


def _api_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiRefused)
    answer = JSONResponse({"error": error.message, "remedy": error.remedy}, error.status)
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if error.wait:
        answer.headers["Retry-After"] = str(error.wait)
    return answer


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = error_answer(request, error.status_code)
    answer.headers.update(error.headers or {})
    return answer
