"""Who may see what: accounts, roles, the signed session, form tokens."""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from ivr.calls.record import CallNotFound, CallRecord
from ivr.errors import IvrError
from ivr.instance import Instance
from ivr.store.models import EndedSession, User
from ivr.store.session import Store
from ivr.web.context import csrf_token, web_of
from ivr.web.i18n import known_language
from ivr.web.passwords import hash_password, verify_password

SESSION_HOURS = 12
"""A session that nobody uses ends after so long; every page renews it."""
LONGEST_SESSION = dt.timedelta(days=7)
"""However much it is used: a cookie that somebody else got hold of is not renewed for ever."""
FIRST_LOGIN = "admin"
AFTER_LOGIN = "/calls"


class Role(IntEnum):
    """Each role may do what the ones below it may."""

    AGENT = 1
    QA = 2
    SUPERVISOR = 3
    ADMIN = 4

    @classmethod
    def named(cls, name: str) -> "Role":
        """The role of a stored name; an unknown name is the lowest role."""
        return cls[name.upper()] if name.upper() in cls.__members__ else cls.AGENT

    @property
    def key(self) -> str:
        return self.name.lower()


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


class AccountError(IvrError):
    """An account cannot be made or changed as asked."""


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
    user_id, stamp = request.session.get("user"), request.session.get("stamp")
    if not isinstance(user_id, int) or not isinstance(stamp, str) or _is_too_old(request):
        return None
    with web_of(request).store.read() as session:
        if session.get(EndedSession, _session_hash(request)) is not None:
            request.session.clear()
            return None
        row = session.get(User, user_id)
        if row is None or not hmac.compare_digest(_stamp(row), stamp):
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


def check_login(store: Store, login: str, password: str) -> User | None:
    """The user whose login and password these are; unknown logins take as long as wrong passwords."""
    with store.read() as session:
        row = session.scalar(select(User).where(User.login == login.replace("\x00", "")))
    return row if verify_password(row.password_hash if row else None, password) else None


def start_session(request: Request, user: User, *, must_change: bool) -> None:
    """A fresh session, so that one planted before signing in is worth nothing."""
    request.session.clear()
    since = int(web_of(request).now().timestamp())
    request.session.update({"user": user.id, "stamp": _stamp(user), "must_change": must_change, "since": since})
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


def _stamp(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:24]


def ensure_first_user(store: Store, instance: Instance) -> bool:
    """Make the first login once, on an empty table; true when it was made now. Raises StoreUnavailable."""
    with store.read() as session:
        if session.scalar(select(func.count()).select_from(User)):
            return False
    password_hash = hash_password(instance.first_login_password)
    with store.write() as session:
        store.lock(session, "first user")
        if session.scalar(select(func.count()).select_from(User)):
            return False
        session.add(User(login=FIRST_LOGIN, name="", role=Role.ADMIN.key, password_hash=password_hash))
    return True


def create_user(store: Store, login: str, name: str, role: str, password: str, work_number: str | None = None) -> None:
    """Add an account; an agent without a work number is the agent of the login. Raises AccountError."""
    if role.upper() not in Role.__members__:
        raise AccountError(f"No such role: {role}.", "allowed: agent, qa, supervisor, admin")
    if not login or len(login) > 64 or not login.isprintable():
        raise AccountError("The login is not usable.", "allowed: 1 to 64 visible characters")
    password_hash = hash_password(password)
    with store.write() as session:
        if session.scalar(select(User.id).where(User.login == login)) is not None:
            raise AccountError(f"The login {login} is taken.", "choose another")
        _require_unused(session, work_number or (login if role.lower() == Role.AGENT.key else None), login)
        session.add(
            User(login=login, name=name, role=role.lower(), password_hash=password_hash, work_number=work_number)
        )


def set_work_number(store: Store, login: str, work_number: str | None) -> None:
    """Say which agent an account is, None: nobody who takes calls. Raises AccountError."""
    with store.write() as session:
        row = session.scalar(select(User).where(User.login == login))
        if row is None:
            raise AccountError(f"No account {login}.", "`ivr users list` shows the accounts there are")
        _require_unused(session, work_number, login)
        row.work_number = work_number


def _require_unused(session: Session, work_number: str | None, login: str) -> None:
    """One agent, one account: what is written down about an agent is written by that person."""
    if work_number is None:
        return
    other = session.scalar(
        select(User.login).where(
            or_(
                User.work_number == work_number,
                and_(User.login == work_number, User.role == Role.AGENT.key, User.work_number.is_(None)),
            ),
            User.login != login,
        )
    )
    if other is not None:
        raise AccountError(f"The work number {work_number} belongs to the account {other}.", "choose another")


def set_password(store: Store, login: str, password: str) -> User:
    """Replace a password, which ends the account's other sessions. Raises AccountError."""
    password_hash = hash_password(password)
    with store.write() as session:
        row = session.scalar(select(User).where(User.login == login))
        if row is None:
            raise AccountError(f"No account {login}.", "`ivr users list` shows the accounts there are")
        row.password_hash = password_hash
        return row


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
