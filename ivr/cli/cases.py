"""Cases: what a person still has to put right, and whether those concerned were told."""

import datetime as dt
import getpass
from typing import Annotated

import typer

from ivr.calls.journal import Journal
from ivr.cases import acts, record
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.errors import IvrError
from ivr.hotline import load_hotline
from ivr.news.outbox import send_again
from ivr.settings import Settings
from ivr.store.session import open_store

cases_app = typer.Typer(no_args_is_help=True, help="What a person still has to put right (S25).")


def add_to(app: typer.Typer) -> None:
    """Register `cases …`."""
    app.add_typer(cases_app, name="cases")


@cases_app.command("list")
def show(
    state: State = None,
    as_json: AsJson = False,
    shown: Annotated[str, typer.Option("--show", help="open, overdue, closed or all")] = record.OPEN,
    page: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """List cases, the most urgent first."""
    if shown not in (record.OPEN, record.OVERDUE, record.CLOSED, "all"):
        raise IvrError(f"There are no cases {shown}.", "allowed: open, overdue, closed, all")
    settings, now = settings_of(state), dt.datetime.now(dt.UTC)
    wanted = None if shown == "all" else shown
    with open_store(settings.store_url).read() as session:
        found = record.list_cases(session, record.Reader(""), now, shown=wanted, page=page)
    if as_json:
        print_json([case.to_json() for case in found.items])
        return
    zone = load_hotline(settings.checked_hotline_file).zone
    print_table(
        ["id", "kind", "number", "queue", "key", "opened", "due", "state", "by"],
        [
            (
                *(case.id, case.kind, case.number, case.queue, "yes" if case.key else ""),
                *(f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (case.opened_at, case.due_at)),
                "overdue" if case.overdue(now) else case.state,
                case.owner,
            )
            for case in found.items
        ],
    )


@cases_app.command()
def take(id: int, state: State = None, by: Annotated[str | None, typer.Option(help="Who; else you.")] = None) -> None:
    """Work on a case."""
    settings = settings_of(state)
    acts.take(open_store(settings.store_url), _journal(settings), id, by or getpass.getuser(), _now(), in_charge=True)


@cases_app.command()
def close(
    id: int,
    outcome: Annotated[str, typer.Argument(help="What was done for the customer.")],
    state: State = None,
    by: Annotated[str | None, typer.Option(help="Who; else you.")] = None,
) -> None:
    """End a case with what was done for the customer."""
    settings, who = settings_of(state), by or getpass.getuser()
    acts.close(open_store(settings.store_url), _journal(settings), id, who, outcome, _now(), in_charge=True)


@cases_app.command("send-again")
def again(state: State = None) -> None:
    """Have news that was given up (e-mail, web hook) tried again."""
    console.print(f"{send_again(open_store(settings_of(state).store_url), _now())} wait to be sent")


def _journal(settings: Settings) -> Journal:
    return Journal(settings.paths.journal / "flow.jsonl")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
