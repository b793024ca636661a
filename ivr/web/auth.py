"""Who may see what: accounts, roles, the signed session, form tokens."""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from sqlalchemy import delete

from ivr.accounts.users import Role, stamp
from ivr.calls.record import CallNotFound, CallRecord
from ivr.errors import IvrError
from ivr.store.models import EndedSession, User
from ivr.web.context import csrf_token, web_of
from ivr.web.i18n import known_language

SESSION_HOURS = 12
"""A session that nobody uses ends after so long; every page renews it."""
LONGEST_SESSION = dt.timedelta(days=7)
"""However much it is used: a cookie that somebody else got hold of is not renewed for ever."""
AFTER_LOGIN = "/calls"


@dataclass(frozen=True)
class SignedIn:
    """The user behind a request."""

    id: int
    login: str
    name: str
    role: Role
    language: str
    must_change: bool = False
    work_number: str | None = None
    """The agent this user is; None: somebody who takes no calls."""

    def may(self, role: str) -> bool:
        return self.role >= Role.named(role)

    @property
    def only_agent(self) -> str | None:
        """The work number whose calls alone this user sees; None sees all (S24)."""
        return (self.work_number or self.login) if self.role == Role.AGENT else None


class NotSignedIn(IvrError):
    """Nobody is signed in, or the session has ended."""


class Forbidden(IvrError):
    """The user's role does not reach."""


class FormExpired(IvrError):
    """A form came without the session's token."""


class MustChangePassword(IvrError):
    """The first password opens nothing but the page that replaces it."""


class Require:
    """A dependency that lets a request through from `role` upwards; `first_password` lets the first one through."""

    def __init__(self, role: Role, *, first_password: bool = False) -> None:
        self.role = role
        self.first_password = first_password

    def __call__(self, request: Request) -> SignedIn:
        user = signed_in(request)
        if user is None:
            raise NotSignedIn("Nobody is signed in.", "sign in")
        request.state.user = user
        if user.must_change and not self.first_password:
            raise MustChangePassword("The first password must be changed.", "change it")
        if user.role < self.role:
            raise Forbidden("This needs another role.", "ask a supervisor")
        return user


AnyUser = Annotated[SignedIn, Depends(Require(Role.AGENT, first_password=True))]
"""Whoever is signed in, with the first password too."""
Agent = Annotated[SignedIn, Depends(Require(Role.AGENT))]
Quality = Annotated[SignedIn, Depends(Require(Role.QA))]
Supervisor = Annotated[SignedIn, Depends(Require(Role.SUPERVISOR))]
Admin = Annotated[SignedIn, Depends(Require(Role.ADMIN))]


def check_form(request: Request, csrf: str = Form("")) -> None:
    """A dependency of every POST: the form carries the session's token. Raises FormExpired."""
    known = request.session.get("csrf")
    if not isinstance(known, str) or not hmac.compare_digest(known.encode(), csrf.encode(errors="replace")):
        raise FormExpired("The form is out of date.", "reload the page")


def signed_in(request: Request) -> SignedIn | None:
    """The session's user, as the database knows it now; a changed password or a removed account ends the session.

    A cookie kept from a session that somebody logged out of is worth nothing, and is not renewed.
    """
    user_id, known = request.session.get("user"), request.session.get("stamp")
    if not isinstance(user_id, int) or not isinstance(known, str) or _is_too_old(request):
        return None
    with web_of(request).store.read() as session:
        if session.get(EndedSession, _session_hash(request)) is not None:
            request.session.clear()
            return None
        row = session.get(User, user_id)
        if row is None or not hmac.compare_digest(stamp(row), known):
            return None
        must_change = bool(request.session.get("must_change"))
        return _signed_in(row, must_change)


def _is_too_old(request: Request) -> bool:
    since = request.session.get("since")
    return not isinstance(since, int) or web_of(request).now().timestamp() - since > LONGEST_SESSION.total_seconds()


def _signed_in(row: User, must_change: bool) -> SignedIn:
    role = Role.named(row.role)
    work_number = row.work_number or (row.login if role == Role.AGENT else None)
    return SignedIn(row.id, row.login, row.name, role, known_language(row.language), must_change, work_number)


def start_session(request: Request, user: User, *, must_change: bool) -> None:
    """A fresh session, so that one planted before signing in is worth nothing."""
    request.session.clear()
    since = int(web_of(request).now().timestamp())
    request.session.update({"user": user.id, "stamp": stamp(user), "must_change": must_change, "since": since})
    csrf_token(request)


def end_session(request: Request) -> None:
    """End the session wherever its cookie has got to, and its streams. None is signed anew: the oldest are forgotten.

    Raises StoreUnavailable.
    """
    web = web_of(request)
    now = web.now()
    with web.store.write() as session:
        session.execute(delete(EndedSession).where(EndedSession.at < now - dt.timedelta(hours=2 * SESSION_HOURS)))
        session.merge(EndedSession(key_hash=_session_hash(request), at=now))
    web.feed.end_session(csrf_token(request))
    request.session.clear()


def _session_hash(request: Request) -> str:
    return hashlib.sha256(csrf_token(request).encode()).hexdigest()


def own_only(user: SignedIn) -> dict[str, Any]:
    """Agents see the calls they answered; quality, supervisors and administrators see all (S24)."""
    return {"agent": user.only_agent} if user.only_agent is not None else {}


def require_own(user: SignedIn, call: CallRecord) -> None:
    """Raise CallNotFound for a call that the user may not see: its existence is not told either."""
    if user.only_agent is not None and user.only_agent not in call.agents:
        raise CallNotFound("There is no call with this id.", "`ivr calls` lists the calls there are")


def safe_next(target: str | None) -> str:
    """Where to go after signing in: a path of this site, never another site."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return AFTER_LOGIN
    if "\\" in target or not target.isprintable() or target.split("?")[0] in ("/login", "/logout"):
        return AFTER_LOGIN
    return target
