"""Agents: their SIP accounts and PINs, and who is on duty."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ivr.calls.live_board import last_board
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import Settings
from ivr.store.session import StoreUnavailable, open_store
from ivr.telephony.control import Control

agents_app = typer.Typer(help="Agents: accounts, PINs, duty. Alone: show the accounts, passwords included.")

Agent = Annotated[str, typer.Argument(help="The agent's work number.")]


def add_to(app: typer.Typer) -> None:
    """Register `agents …`."""
    app.add_typer(agents_app, name="agents")


@agents_app.callback(invoke_without_command=True)
def agents(context: typer.Context, state: State = None, as_json: AsJson = False) -> None:
    """Show the agents' SIP accounts, passwords included."""
    if context.invoked_subcommand is None:
        _show(_accounts(settings_of(state)), as_json)


@agents_app.command("list")
def list_(state: State = None, as_json: AsJson = False) -> None:
    """Show who is on duty, at which desk, and doing what."""
    settings = settings_of(state)
    lines, hotline = _live_lines(settings), load_hotline(settings.checked_hotline_file)
    rows: list[dict[str, Any]] = []
    for number, agent in hotline.agents.items():
        line = lines.get(number, {})
        doing = {name: line.get(name) for name in ("state", "reason", "desk", "since")}
        rows.append({"work_number": number, "name": agent.name, "login": agent.login, **doing})
    reasons = {key: label.get(hotline.languages[0], key) for key, label in hotline.pause_reasons.items()}
    for row in rows if not as_json else []:
        row["reason"] = reasons.get(row["reason"], row["reason"])
        if row["since"]:
            row["since"] = f"{dt.datetime.fromisoformat(row['since']).astimezone(hotline.zone):%Y-%m-%d %H:%M:%S}"
    _show(rows, as_json)


@agents_app.command("log-in")
def log_in(
    agent: Agent,
    desk: Annotated[str | None, typer.Option(help="Whose phone the agent sits at (default: the own).")] = None,
    state: State = None,
) -> None:
    """Put an agent on duty."""
    _do(state, lambda control: control.log_in(agent, desk))
    console.print(f"{agent} is on duty")


@agents_app.command("log-out")
def log_out(agent: Agent, state: State = None) -> None:
    """Take an agent off duty; a call that runs is finished first."""
    _do(state, lambda control: control.log_out(agent))
    console.print(f"{agent} is off duty")


@agents_app.command()
def pause(
    agent: Agent,
    reason: Annotated[str, typer.Argument(help="A key of pause_reasons in the business file, or a word.")],
    state: State = None,
) -> None:
    """Let no caller through to an agent for a while."""
    _do(state, lambda control: control.pause(agent, reason))
    console.print(f"{agent} is paused")


@agents_app.command()
def unpause(agent: Agent, state: State = None) -> None:
    """Let callers through to an agent again."""
    _do(state, lambda control: control.unpause(agent))
    console.print(f"{agent} is free again")


@agents_app.command()
def pin(
    agent: Agent,
    new: Annotated[bool, typer.Option("--new", help="Make a new one, in force at once.")] = False,
    state: State = None,
) -> None:
    """Show the PIN with which an agent logs in at any phone."""
    settings = settings_of(state)
    instance = Instance.load(settings.paths)
    if new:
        instance = instance.with_new_pin(settings.paths, agent)
    elif agent not in instance.agent_pins:
        raise typer.BadParameter(f"there is no agent {agent}")
    console.print(instance.agent_pins[agent])


def _accounts(settings: Settings) -> list[dict[str, Any]]:
    instance = Instance.load(settings.paths)
    names = load_hotline(settings.checked_hotline_file).agents
    return [
        {
            "work_number": number,
            "name": names[number].name,
            "sip": f"sip:{number}@{instance.host}:{instance.sip}",
            "password": secret,
        }
        for number, secret in instance.agent_secrets.items()
        if number in names
    ]


def _live_lines(settings: Settings) -> dict[str, Any]:
    store = open_store(settings.store_url)
    try:
        with store.read() as session:
            lines: dict[str, Any] = last_board(session).get("agents", {})
            return lines
    except StoreUnavailable:
        return {}
    finally:
        store.close()


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
    elif rows:
        print_table(list(rows[0]), [list(row.values()) for row in rows])


def _do(state: State, order: Callable[[Control], None]) -> None:
    from ivr.telephony.asterisk_control import AsteriskControl

    control = AsteriskControl(settings_of(state))
    try:
        order(control)
    finally:
        control.close()
