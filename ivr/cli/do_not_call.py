"""The numbers that we never ring unasked."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from ivr.calls.journal import Journal
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.hotline import load_hotline
from ivr.settings import Settings
from ivr.store.session import open_store
from ivr.store.surveys import DoNotCall
from ivr.surveys import do_not_call

do_not_call_app = typer.Typer(no_args_is_help=True, help="The numbers that we never ring unasked.")

Number = Annotated[str, typer.Argument(help="A mobile, or a landline with its area code.")]
By = Annotated[str | None, typer.Option(help="Who; else you.")]
_REASON = "command"


def add_to(app: typer.Typer) -> None:
    """Register `do-not-call …`."""
    app.add_typer(do_not_call_app, name="do-not-call")


@do_not_call_app.command("list")
def show(
    text: Annotated[str, typer.Argument(help="A part of the number.")] = "",
    state: State = None,
    as_json: AsJson = False,
    page: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """List the numbers, the latest first."""
    settings = settings_of(state)
    with open_store(settings.store_url).read() as session:
        found = do_not_call.list_numbers(session, text=text, page=page)
    if as_json:
        told = ("number", "reason", "by", "call_id")
        print_json(
            [{name: getattr(row, name) for name in told} | {"since": row.since.isoformat()} for row in found.items]
        )
        return
    zone = load_hotline(settings.checked_hotline_file).zone
    print_table(
        ["number", "since", "reason", "by"],
        [(row.number, f"{row.since.astimezone(zone):%Y-%m-%d %H:%M}", row.reason, row.by) for row in found.items],
    )


@do_not_call_app.command()
def add(number: Number, state: State = None, by: By = None) -> None:
    """Put a number on the list; it counts at once."""
    settings = settings_of(state)
    who = by or getpass.getuser()
    known = do_not_call.add(open_store(settings.store_url), _journal(settings), number, reason=_REASON, by=who)
    console.print(f"{known} is never rung by us unasked", markup=False)


@do_not_call_app.command()
def remove(number: Number, state: State = None, by: By = None) -> None:
    """Take a number off the list."""
    settings = settings_of(state)
    known = do_not_call.remove(open_store(settings.store_url), _journal(settings), number, by=by or getpass.getuser())
    console.print(f"{known} may be rung again", markup=False)


@do_not_call_app.command("import")
def take_list(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A text file, one number a line.")],
    state: State = None,
    by: By = None,
) -> None:
    """Put all numbers of a file on the list; what is none is told, and the exit code is 1."""
    settings = settings_of(state)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    store, who = open_store(settings.store_url), by or getpass.getuser()
    done = do_not_call.import_numbers(store, _journal(settings), lines, reason=_REASON, by=who)
    for line, text in done.bad:
        console.print(f"{file}:{line}: {text[:40]!r} is no number that we could ring", markup=False)
    console.print(f"{done.added} added, {done.known} known, {len(done.bad)} lines left out")
    if done.bad:
        sys.exit(1)


def _journal(settings: Settings) -> Journal:
    return Journal(settings.paths.journal / "flow.jsonl")


def _json(row: DoNotCall) -> dict[str, object]:
    told = {name: getattr(row, name) for name in ("number", "reason", "by", "call_id")}
    return told | {"since": row.since.isoformat()}
