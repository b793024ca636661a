"""Campaigns: which surveys are being rung, how far they are; and the emergency stop of everything outbound (S26)."""

import datetime as dt
import getpass
from typing import Annotated

import typer

from ivr.calls.journal import Journal
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.hotline import load_hotline
from ivr.settings import Settings
from ivr.store.session import open_store
from ivr.surveys import campaigns

campaigns_app = typer.Typer(no_args_is_help=True, help="Which surveys' customers are being rung.")

Survey = Annotated[str, typer.Argument(help="The survey's name in hotline.yaml.")]
By = Annotated[str | None, typer.Option(help="Who; else you.")]


def add_to(app: typer.Typer) -> None:
    """Register `campaigns …`."""
    app.add_typer(campaigns_app, name="campaigns")


@campaigns_app.command("list")
def show(state: State = None, as_json: AsJson = False) -> None:
    """List the campaigns with how far they are, and whether everything outbound is stopped."""
    settings, now = settings_of(state), dt.datetime.now(dt.UTC)
    hotline = load_hotline(settings.checked_hotline_file)
    stop = campaigns.read_stop(settings.paths)
    with open_store(settings.store_url).read() as session:
        found = campaigns.overview(session, hotline, now)
    if as_json:
        stopped = {"since": stop.since.isoformat(), "by": stop.by} if stop else None
        print_json({"stopped": stopped, "campaigns": [_json(one) for one in found]})
        return
    if stop:
        at = f"{stop.since.astimezone(hotline.zone):%Y-%m-%d %H:%M}"
        console.print(f"Everything outbound is stopped since {at} by {stop.by}: `ivr campaigns go`", markup=False)
    print_table(
        ["survey", "state", "contacts", "due", "dialled", "reached", "completed", "why the others wait"],
        [
            (
                *(one.survey, one.state, one.funnel.contacts),
                *(one.funnel.at_least(stage) for stage in ("due", "dialled", "reached", "completed")),
                ", ".join(f"{reason} {count}" for reason, count in sorted(one.reasons.items())),
            )
            for one in found
        ],
    )


@campaigns_app.command()
def start(survey: Survey, state: State = None, by: By = None) -> None:
    """Have a survey's customers rung."""
    settings = settings_of(state)
    hotline, store = load_hotline(settings.checked_hotline_file), open_store(settings.store_url)
    campaigns.start(store, _journal(settings), hotline, survey, by=by or getpass.getuser())
    console.print(f"{survey} is running", markup=False)


@campaigns_app.command()
def pause(survey: Survey, state: State = None, by: By = None) -> None:
    """Ring nobody more for a survey; calls that are up go on."""
    settings = settings_of(state)
    hotline, store = load_hotline(settings.checked_hotline_file), open_store(settings.store_url)
    campaigns.pause(store, _journal(settings), hotline, survey, by=by or getpass.getuser())
    console.print(f"{survey} is paused", markup=False)


@campaigns_app.command()
def stop(state: State = None, by: By = None) -> None:
    """The emergency stop: ring nobody more, for whatever; what rings is ended, talks go on."""
    settings = settings_of(state)
    campaigns.stop_outbound(settings.paths, _journal(settings), by=by or getpass.getuser())
    console.print("everything outbound is stopped")


@campaigns_app.command()
def go(state: State = None, by: By = None) -> None:
    """The end of the emergency stop: running campaigns go on, and callbacks."""
    settings = settings_of(state)
    campaigns.resume_outbound(settings.paths, _journal(settings), by=by or getpass.getuser())
    console.print("outbound calls go on")


def _journal(settings: Settings) -> Journal:
    return Journal(settings.paths.journal / "flow.jsonl")


def _json(one: campaigns.Overview) -> dict[str, object]:
    changed = one.changed_at.isoformat() if one.changed_at else None
    told = {"survey": one.survey, "state": one.state, "changed_at": changed, "by": one.by, "reasons": one.reasons}
    return told | one.funnel.to_json() | {"states": one.funnel.states}
