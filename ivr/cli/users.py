"""Who may sign in to the page."""

import secrets
from typing import Annotated

import typer
from sqlalchemy import select

from ivr.accounts.users import create_user, set_password, set_work_number
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.store.models import User
from ivr.store.session import Store, open_store

users_app = typer.Typer(no_args_is_help=True, help="Who may sign in to the page.")


def add_to(app: typer.Typer) -> None:
    """Register `users …`."""
    app.add_typer(users_app, name="users")


@users_app.command("list")
def show(state: State = None, as_json: AsJson = False) -> None:
    """List accounts and their roles."""
    with _store(state).read() as session:
        users = session.scalars(select(User).order_by(User.login)).all()
    columns = ["login", "name", "role", "work_number"]
    rows = [(user.login, user.name, user.role, user.work_number) for user in users]
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)


@users_app.command()
def add(
    login: Annotated[str, typer.Argument(help="An agent's login is the work number.")],
    role: Annotated[str, typer.Option(help="agent, qa, supervisor or admin")] = "agent",
    name: Annotated[str, typer.Option()] = "",
    work_number: Annotated[str | None, typer.Option(help="The agent this person is, where the login is not.")] = None,
    state: State = None,
) -> None:
    """Add an account; its password is made up and shown once."""
    password = secrets.token_urlsafe(9)
    create_user(_store(state), login, name, role, password, work_number)
    console.print(f"{login} / {password} (shown this once)", markup=False)


@users_app.command("work-number")
def work_number(
    login: str,
    number: Annotated[str | None, typer.Argument(help="Nothing: somebody who takes no calls.")] = None,
    state: State = None,
) -> None:
    """Say which agent an account is: its desk page, and the phone a supervisor listens with."""
    set_work_number(_store(state), login, number)
    console.print(f"{login}: {number or '—'}", markup=False)


@users_app.command()
def password(login: str, state: State = None) -> None:
    """Give an account a new password, shown once; its sessions end."""
    new = secrets.token_urlsafe(9)
    set_password(_store(state), login, new)
    console.print(f"{login} / {new} (shown this once)", markup=False)


def _store(state: State) -> Store:
    return open_store(settings_of(state).store_url)
