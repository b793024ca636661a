"""Callbacks: who is in line without holding it, and taking somebody out of it."""

from typing import Annotated

import typer
from sqlalchemy import select

from ivr.callbacks.projection import CANCELLED, OPEN
from ivr.callbacks.rule import line_order
from ivr.calls.journal import Journal
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.errors import IvrError
from ivr.hotline import load_hotline
from ivr.store.followup import Callback
from ivr.store.session import open_store

callbacks_app = typer.Typer(no_args_is_help=True, help="Callers who keep their place in line without holding it.")


class NoSuchCallback(IvrError):
    """There is no open callback of this id."""


def add_to(app: typer.Typer) -> None:
    """Register `callbacks …`."""
    app.add_typer(callbacks_app, name="callbacks")


@callbacks_app.command("list")
def show(
    state: State = None,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
) -> None:
    """List callbacks in the order of the line."""
    settings = settings_of(state)
    chosen = select(Callback) if everything else select(Callback).where(Callback.state.in_(OPEN))
    with open_store(settings.store_url).read() as session:
        rows = sorted(session.scalars(chosen), key=lambda row: line_order(row.priority, row.joined_at, row.id))
    if as_json:
        print_json([to_json(row) for row in rows])
        return
    zone = load_hotline(settings.checked_hotline_file).zone
    print_table(
        ["id", "number", "queue", "reason", "joined", "state", "attempts", "last result", "next at"],
        [
            (
                row.id,
                row.number,
                row.queue,
                row.reason,
                f"{row.joined_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                row.state,
                row.attempts,
                row.last_result,
                f"{row.next_at.astimezone(zone):%H:%M:%S}" if row.state == "waiting" else "",
            )
            for row in rows
        ],
    )


@callbacks_app.command()
def cancel(id: str, state: State = None) -> None:
    """Take a caller out of the line; a call that is being made goes on."""
    settings = settings_of(state)
    with open_store(settings.store_url).read() as session:
        row = session.get(Callback, id)
    if row is None or row.state not in OPEN:
        raise NoSuchCallback(f"There is no open callback {id}.", "`ivr callbacks list` shows them")
    Journal(settings.paths.journal / "flow.jsonl").write(id, CANCELLED, by="operator")
    console.print(f"{id} will not be called back", markup=False)


def to_json(row: Callback) -> dict[str, object]:
    """A callback for programs."""
    moments = {name: getattr(row, name) for name in ("joined_at", "requested_at", "next_at", "ended_at")}
    plain = ("id", "number", "queue", "language", "reason", "matter", "priority", "state", "attempts", "last_result")
    return (
        {name: getattr(row, name) for name in plain}
        | {"answered_call_id": row.answered_call_id}
        | {name: at.isoformat() if at else None for name, at in moments.items()}
    )
