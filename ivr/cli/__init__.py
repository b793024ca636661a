"""`ivr …`: one sub-command per job of an operator."""

import errno
import os
import sys

import typer

from ivr.cli import agents, callbacks, calls, cases, customers, menu, notice, operate, processes, speech, users
from ivr.errors import IvrError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Three Rings (三声): a service hotline, answered within three rings.",
)
for part in (operate, agents, menu, notice, calls, callbacks, customers, cases, speech, users, processes):
    part.add_to(app)


def main() -> None:
    """Run the command; what a person can act on ends as one line and exit code 1."""
    os.umask(0o077)  # what callers said and who they are is nobody else's on this machine (S24)
    try:
        app()
    except IvrError as error:
        sys.exit(f"ivr: {error}")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise
        sys.exit(f"ivr: {error.filename or 'disk'}: {error.strerror}. Remedy: free space or grant access there")
    except KeyboardInterrupt:
        sys.exit(130)
