"""`ivr …`: one sub-command per job of an operator."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from ivr.errors import IvrError

PARTS = {
    "operate": ("up", "down", "status", "doctor", "reload", "demo", "hotline"),
    "agents": ("agents",),
    "menu": ("menu",),
    "notice": ("notice",),
    "calls": ("calls", "call", "transcribe"),
    "callbacks": ("callbacks",),
    "customers": ("customers",),
    "surveys": ("survey",),
    "campaigns": ("campaigns",),
    "do_not_call": ("do-not-call",),
    "cases": ("cases",),
    "speech": ("prompts", "models"),
    "users": ("users",),
    "tokens": ("tokens",),
    "visits": ("visits",),
    "processes": ("agi", "ingest", "scheduler", "worker", "web"),
}
"""Which module of this package holds which commands."""


def command_line(words: Sequence[str]) -> typer.Typer:
    """The commands that these words may ask for: one module's where the first word is a command of it, else all.

    Every library of every command takes two seconds to load; a process that is started again after its death must be
    there sooner.
    """
    asked = [part for part, commands in PARTS.items() if words and words[0] in commands]
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Three Rings (三声): a service hotline, answered within three rings.",
    )
    for part in asked or PARTS:
        import_module(f"{__name__}.{part}").add_to(app)
    return app


def main() -> None:
    """Run the command; what a person can act on ends as one line and exit code 1."""
    os.umask(0o077)  # what callers said and who they are is nobody else's on this machine (S24)
    try:
        command_line(sys.argv[1:])()
    except IvrError as error:
        sys.exit(f"ivr: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        sys.exit(f"ivr: {error.filename or 'disk'}: {error.strerror}. Remedy: free space or grant access there")
    except KeyboardInterrupt:
        sys.exit(130)
