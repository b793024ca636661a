"""What surrounds every page: security headers, and an answer where the program itself failed."""

import logging
import traceback
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ivr.web.errors import error_answer

log = logging.getLogger("ivr.web")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""No inline script or style, nothing from elsewhere; data: is the inline icon."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MAX_FORM = 2_000_000
"""Bytes of a body, where no file is uploaded."""
_KEEP_NOTHING = "no-store"
"""Callers' data stays in no cache (S24)."""


class SecurityHeaders:
    """Puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own = scope["path"].startswith("/static/") and b"v=" in scope["query_string"]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers["Cache-Control"] = "public, max-age=31536000, immutable" if own else _KEEP_NOTHING
            await send(message)

        await self.app(scope, receive, with_headers)


class BodyLimit:
    """Refuses a body that is too long before it fills the memory or the disk; `uploads` are paths that take files."""

    def __init__(self, app: ASGIApp, uploads: Mapping[str, int]) -> None:
        self.app, self.uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.uploads.get(scope["path"], MAX_FORM)
        request = Request(scope, receive)
        said = request.headers.get("content-length", "")
        if said.isascii() and said.isdigit() and int(said) > limit:
            await error_answer(request, 413)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)


class Guard:
    """Answers an unforeseen failure with the designed page.

    The log gets the kind of failure and the lines of code, not its message, which may hold a caller's data.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s while answering a request\n%s", type(error).__name__, where)
            if started:
                raise
            await _sorry(Request(scope, receive))(scope, receive, send)


def _sorry(request: Request) -> Response:
    try:
        return error_answer(request, 500)
    except Exception as error:
        log.error("%s while making the error page", type(error).__name__)
        return PlainTextResponse("500", 500)
