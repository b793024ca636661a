"""Which programs may use the API."""

import datetime as dt
from typing import Annotated

import typer
from sqlalchemy import select

from ivr.accounts.tokens import PURPOSES, make_token, revoke_token
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.store.models import ApiToken
from ivr.store.session import Store, open_store

tokens_app = typer.Typer(no_args_is_help=True, help="Which programs may use the API.")


def add_to(app: typer.Typer) -> None:
    """Register `tokens …`."""
    app.add_typer(tokens_app, name="tokens")


@tokens_app.command("list")
def show(state: State = None, as_json: AsJson = False) -> None:
    """List tokens by name, revoked ones too; the access log names the program that used one."""
    with _store(state).read() as session:
        rows = session.scalars(select(ApiToken).order_by(ApiToken.name)).all()
    columns = ["name", "may", "made_at", "revoked_at"]
    told = [(row.name, row.may, row.made_at.isoformat(), _iso(row.revoked_at)) for row in rows]
    if as_json:
        print_json([dict(zip(columns, each, strict=True)) for each in told])
    else:
        print_table(columns, told)


@tokens_app.command()
def add(
    name: Annotated[str, typer.Argument(help="The program, as the access log shall name it.")],
    may: Annotated[str, typer.Option(help=f"What it may do: {', '.join(PURPOSES)}.")],
    state: State = None,
) -> None:
    """Make a token; it is shown once and kept nowhere."""
    token = make_token(_store(state), name, may, _now())
    console.print(f"{name} / {token} (shown this once)", markup=False)


@tokens_app.command()
def revoke(name: str, state: State = None) -> None:
    """End a token: its program is refused from now on."""
    revoke_token(_store(state), name, _now())
    console.print(f"{name} is revoked", markup=False)


def _store(state: State) -> Store:
    return open_store(settings_of(state).store_url)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None
