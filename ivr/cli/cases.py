"""Cases: what a person still has to put right, and whether those concerned were told."""

import datetime as dt
import getpass
from collections.abc import Collection
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ivr.calls.journal import Journal
from ivr.cases import acts, board, record
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
    shown: Annotated[str, typer.Option("--show", help=f"{', '.join(board.SHOWN)} or all")] = board.OPEN,
    kind: Annotated[str | None, typer.Option(help=", ".join(record.KINDS))] = None,
    department: Annotated[str | None, typer.Option(help="Who answers for it; - for none.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who works on it; - for nobody.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """List cases, those escalated first, then by what is to be kept next."""
    _require_one_of("cases", shown, (*board.SHOWN, "all"))
    if kind is not None:
        _require_one_of("kind of cases", kind, record.KINDS)
    settings, now = settings_of(state), _now()
    chosen = board.Chosen(None if shown == "all" else shown, [kind] if kind else [], department, owner)
    with open_store(settings.store_url).read() as session:
        found = board.list_cases(session, record.Reader(getpass.getuser()), now, chosen, page=page)
    if as_json:
        print_json([case.to_json() for case in found.items])
        return
    zone = load_hotline(settings.checked_hotline_file).zone
    print_table(
        ["id", "kind", "number", "key", "department", "by", "state", "opened", "respond by", "put right by"],
        [
            (
                *(case.id, case.kind, case.number, "yes" if case.key else "", case.department or case.queue),
                *(case.owner, _state(case, now)),
                *(_local(at, zone) for at in (case.opened_at, case.due_at, case.resolve_by)),
            )
            for case in found.items
        ],
    )


def _require_one_of(what: str, given: str, allowed: Collection[str]) -> None:
    if given not in allowed:
        raise IvrError(f"There are no {what} {given}.", f"allowed: {', '.join(allowed)}")


def _state(case: record.CaseRecord, now: dt.datetime) -> str:
    if case.escalated:
        return "escalated"
    if case.overdue(now):
        return "overdue"
    return "answered" if case.state == "taken" and case.heard_at else case.state


def _local(at: dt.datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""


@cases_app.command()
def take(id: int, state: State = None, by: Annotated[str | None, typer.Option(help="Who; else you.")] = None) -> None:
    """Work on a case."""
    settings = settings_of(state)
    acts.take(open_store(settings.store_url), _journal(settings), id, by or getpass.getuser(), _now(), in_charge=True)


@cases_app.command()
def move(
    id: int,
    department: Annotated[str, typer.Argument(help="A department of the business file; - for none.")],
    state: State = None,
    by: Annotated[str | None, typer.Option(help="Who; else you.")] = None,
) -> None:
    """Say which department answers for a case."""
    settings = settings_of(state)
    to = None if department == board.NOBODY else department
    known = load_hotline(settings.checked_hotline_file).departments
    store, who = open_store(settings.store_url), by or getpass.getuser()
    acts.move(store, _journal(settings), id, who, to, _now(), known=known, in_charge=True)


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
