"""Tokens by which programs use the API: made and shown once, kept as a hash, revoked at any time."""

import datetime as dt
import hashlib
import secrets

from sqlalchemy import select

from ivr.errors import IvrError
from ivr.store.models import ApiToken
from ivr.store.session import Store

PURPOSES = ("visits",)
"""What a token may be for: `visits` sends visits and takes them back."""
_PREFIX = "three-rings-"
"""By it, people and secret scanners know what it is."""


class TokenError(IvrError):
    """A token cannot be made or revoked as asked."""


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


def find_token(store: Store, token: str) -> ApiToken | None:
    """The token's row, revoked or not. Raises StoreUnavailable."""
    with store.read() as session:
        return session.scalar(select(ApiToken).where(ApiToken.token_hash == _hash(token)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
