"""Who may sign in to the page."""

import secrets
from typing import Annotated

import typer
from sqlalchemy import select

from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.store.models import User
from ivr.store.session import Store, open_store
from ivr.web.auth import create_user, set_password

users_app = typer.Typer(no_args_is_help=True, help="Who may sign in to the page.")


def add_to(app: typer.Typer) -> None:
    """Register `users …`."""
    app.add_typer(users_app, name="users")


@users_app.command("list")
def show(state: State = None, as_json: AsJson = False) -> None:
    """List accounts and their roles."""
    with _store(state).read() as session:
        rows = [(user.login, user.name, user.role) for user in session.scalars(select(User).order_by(User.login))]
    if as_json:
        print_json([{"login": login, "name": name, "role": role} for login, name, role in rows])
    else:
        print_table(["login", "name", "role"], rows)


@users_app.command()
def add(
    login: Annotated[str, typer.Argument(help="An agent's login is the work number.")],
    role: Annotated[str, typer.Option(help="agent, qa, supervisor or admin")] = "agent",
    name: Annotated[str, typer.Option()] = "",
    state: State = None,
) -> None:
    """Add an account; its password is made up and shown once."""
    password = secrets.token_urlsafe(9)
    create_user(_store(state), login, name, role, password)
    console.print(f"{login} / {password} (shown this once)", markup=False)


@users_app.command()
def password(login: str, state: State = None) -> None:
    """Give an account a new password, shown once; its sessions end."""
    new = secrets.token_urlsafe(9)
    set_password(_store(state), login, new)
    console.print(f"{login} / {new} (shown this once)", markup=False)


def _store(state: State) -> Store:
    return open_store(settings_of(state).store_url)
