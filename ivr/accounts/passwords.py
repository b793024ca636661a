"""Passwords: argon2 hashes, checked in the same time whether or not the user exists."""

from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10
MAX_LENGTH = 200

_hasher = PasswordHasher()
_slots = BoundedSemaphore(2)
"""Each check takes 64 MiB: a burst of logins must not take the machine's memory."""


def hash_password(password: str) -> str:
    """An argon2id hash with its own salt."""
    with _slots:
        return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password fits; None (no such user) costs the same time and never fits."""
    with _slots:
        try:
            fits = _hasher.verify(password_hash or _nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
    return fits and password_hash is not None


def problem_with(new: str, *, current: str, login: str) -> str | None:
    """Why a new password is refused (the last part of a text key), or None when it will do."""
    if len(new) < MIN_LENGTH:
        return "short"
    if len(new) > MAX_LENGTH:
        return "long"
    if new == current or new.casefold() == login.casefold():
        return "same"
    return None


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this password")
