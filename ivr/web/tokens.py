"""Who a program is that uses the API: the token it shows, and what that is for."""

import math
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from ivr.accounts.tokens import find_token
from ivr.errors import IvrError
from ivr.web.context import web_of

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,200})", re.IGNORECASE | re.ASCII)


class ApiRefused(IvrError):
    """A program's request is refused; `status` is HTTP's, `wait` the seconds after which it may come again."""

    def __init__(self, status: int, message: str, remedy: str = "", wait: int = 0) -> None:
        super().__init__(message, remedy)
        self.status, self.wait = status, wait


@dataclass(frozen=True)
class Program:
    """The program behind a request."""

    name: str

    @property
    def login(self) -> str:
        """What it is called in the access log and the journal; no account has such a login by itself."""
        return f"api:{self.name}"


class RequireToken:
    """A dependency that lets a program through whose token is for `purpose`; sessions count for nothing here, so a
    browser's cookies can do no harm. Wrong tokens of one address are slowed down, right ones never are."""

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose

    def __call__(self, request: Request) -> Program:
        web = web_of(request)
        shown = _BEARER.fullmatch(request.headers.get("authorization", "").strip())
        row = find_token(web.store, shown[1]) if shown else None
        if row is None or row.revoked_at is not None:
            wait = web.token_throttle.attempt(request.client.host if request.client else "")
            if wait > 0:
                raise ApiRefused(429, "Too many wrong tokens.", "come again later", math.ceil(wait))
            raise ApiRefused(401, "No good token was sent.", "send Authorization: Bearer TOKEN, from `ivr tokens add`")
        if row.may != self.purpose:
            raise ApiRefused(403, "The token is not for this.", f"make one: `ivr tokens add NAME --may {self.purpose}`")
        return Program(row.name)


VisitsSender = Annotated[Program, Depends(RequireToken("visits"))]
