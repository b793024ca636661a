"""Visits in: from tables, and what is there (S26)."""

import datetime as dt
import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ivr.calls.journal import Journal
from ivr.cli.common import AsJson, State, console, file_bytes, print_json, print_table, settings_of
from ivr.hotline import load_hotline
from ivr.store.session import open_store
from ivr.visits.keeping import Taken, VisitKeeper
from ivr.visits.record import Chosen, list_visits
from ivr.visits.table import read_visits

visits_app = typer.Typer(no_args_is_help=True, help="Visits that ended at customers', to be asked about.")


def add_to(app: typer.Typer) -> None:
    """Register `visits …`."""
    app.add_typer(visits_app, name="visits")


@visits_app.command("list")
def show(
    text: Annotated[str | None, typer.Argument(help="A part of the id, of the customer's name or number.")] = None,
    state: State = None,
    as_json: AsJson = False,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    by: Annotated[str | None, typer.Option(help="Only this technician's or agent's.")] = None,
    since: Annotated[dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From this day on.")] = None,
    until: Annotated[dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="To this day.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """List visits, the latest first; days are the business's."""
    settings = settings_of(state)
    zone = load_hotline(settings.checked_hotline_file).zone
    chosen = Chosen(
        kind=kind,
        by=by,
        since=since.replace(tzinfo=zone) if since else None,
        until=(until + dt.timedelta(days=1)).replace(tzinfo=zone) if until else None,
        text=text,
    )
    with open_store(settings.store_url).read() as session:
        found = list_visits(session, chosen, page)
    if as_json:
        print_json([line.to_json() for line in found.items])
        return
    print_table(
        ["id", "ended", "kind", "customer", "number", "by", "may be rung"],
        [
            (
                *(line.visit.external_id, f"{line.visit.at.astimezone(zone):%Y-%m-%d %H:%M}", line.visit.kind),
                *(f"{line.name} {line.title}".strip(), line.visit.number, line.visit.by),
                "withdrawn" if line.visit.withdrawn_at else "yes" if line.visit.consent else "no",
            )
            for line in found.items
        ],
    )


@visits_app.command("import")
def take_table(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX with a line of column names.")],
    state: State = None,
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, keep nothing.")] = False,
) -> None:
    """Take visits from a CSV or XLSX file; good lines are taken, bad ones named; exit code 1 when there were any."""
    settings = settings_of(state)
    hotline, now = load_hotline(settings.checked_hotline_file), dt.datetime.now(dt.UTC)
    found = read_visits(file_bytes(file), hotline.zone, now)
    journal = Journal(settings.paths.journal / "flow.jsonl")
    keeper = VisitKeeper(open_store(settings.store_url), journal, now, by=getpass.getuser())
    done = keeper.preview(found) if dry_run else keeper.take(found)
    if as_json:
        print_json(_json(done))
    else:
        for error in done.errors:
            console.print(f"{file}:{error.line}: {error.field}: {error.message} {error.remedy}", markup=False)
        told = f"{done.new} new, {done.changed} changed, {done.same} as they were"
        left = len({error.line for error in done.errors})
        console.print(f"{told}; {left} lines with errors" + (" (nothing was kept)" if dry_run else ""))
    if done.errors:
        sys.exit(1)


def _json(done: Taken) -> dict[str, Any]:
    return vars(done) | {"errors": [vars(error) for error in done.errors]}
