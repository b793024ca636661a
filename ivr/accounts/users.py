"""The people who use the page: logins, passwords, roles, and which agent somebody is."""

import hashlib
from enum import IntEnum

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from ivr.accounts.passwords import hash_password, verify_password
from ivr.errors import IvrError
from ivr.instance import Instance
from ivr.store.models import User
from ivr.store.session import Store

FIRST_LOGIN = "admin"


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


class AccountError(IvrError):
    """An account cannot be made or changed as asked."""


def check_login(store: Store, login: str, password: str) -> User | None:
    """The user whose login and password these are; unknown logins take as long as wrong passwords."""
    with store.read() as session:
        row = session.scalar(select(User).where(User.login == login.replace("\x00", "")))
    return row if verify_password(row.password_hash if row else None, password) else None


def stamp(user: User) -> str:
    """What is another one as soon as the password is."""
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
