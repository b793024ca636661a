"""Tokens by which programs use the API: made and shown once, kept as a hash, revoked at any time."""

import datetime as dt
import hashlib
import math
import re
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select

from ivr.errors import IvrError
from ivr.store.models import ApiToken
from ivr.store.session import Store
from ivr.web.context import web_of

PURPOSES = ("visits",)
"""What a token may be for: `visits` sends visits and takes them back."""
_PREFIX = "three-rings-"
"""By it, people and secret scanners know what it is."""
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,200})", re.IGNORECASE | re.ASCII)


class TokenError(IvrError):
    """A token cannot be made or revoked as asked."""


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


def make_token(store: Store, name: str, may: str, now: dt.datetime) -> str:
    """The new token of a program, which is written down nowhere. Raises TokenError, StoreUnavailable.

    A revoked one's name is not given again: the access log must tell them apart.
    """
    if may not in PURPOSES:
        raise TokenError(f"No token is for {may}.", f"allowed: {', '.join(PURPOSES)}")
    if not name.strip() or len(name) > 64 or not name.isprintable():
        raise TokenError("The name is not usable.", "allowed: 1 to 64 visible characters")
    token = _PREFIX + secrets.token_urlsafe(32)
    with store.write() as session:
        store.lock(session, "tokens")
        if session.scalar(select(ApiToken.id).where(ApiToken.name == name)) is not None:
            raise TokenError(f"There is or was a token {name}.", "choose another name")
        session.add(ApiToken(name=name, may=may, token_hash=_hash(token), made_at=now))
    return token


def revoke_token(store: Store, name: str, now: dt.datetime) -> None:
    """End a token; again does no harm. Raises TokenError, StoreUnavailable."""
    with store.write() as session:
        row = session.scalar(select(ApiToken).where(ApiToken.name == name))
        if row is None:
            raise TokenError(f"No token {name}.", "`ivr tokens list` shows the tokens there are")
        row.revoked_at = row.revoked_at or now


class RequireToken:
    """A dependency that lets a program through whose token is for `purpose`; sessions count for nothing here, so a
    browser's cookies can do no harm. Wrong tokens of one address are slowed down, right ones never are."""

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose

    def __call__(self, request: Request) -> Program:
        web = web_of(request)
        shown = _BEARER.fullmatch(request.headers.get("authorization", "").strip())
        row = None
        if shown:
            with web.store.read() as session:
                row = session.scalar(select(ApiToken).where(ApiToken.token_hash == _hash(shown[1])))
        if row is None or row.revoked_at is not None:
            wait = web.token_throttle.attempt(request.client.host if request.client else "")
            if wait > 0:
                raise ApiRefused(429, "Too many wrong tokens.", "come again later", math.ceil(wait))
            raise ApiRefused(401, "No good token was sent.", "send Authorization: Bearer TOKEN, from `ivr tokens add`")
        if row.may != self.purpose:
            raise ApiRefused(403, "The token is not for this.", f"make one: `ivr tokens add NAME --may {self.purpose}`")
        return Program(row.name)


VisitsSender = Annotated[Program, Depends(RequireToken("visits"))]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
