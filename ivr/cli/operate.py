"""Starting, stopping, looking at and changing an instance."""

import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from ivr.cli.common import AsJson, State, Steps, console, print_json, print_table, settings_of
from ivr.demo.callbacks.characters import MOST_OF_A_KIND, Cast
from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import Settings, read_settings
from ivr.supervise import Supervisor

if TYPE_CHECKING:
    from ivr.service import Prepared

hotline_app = typer.Typer(no_args_is_help=True, help="The business file.")
demo_app = typer.Typer(invoke_without_command=True)


def add_to(app: typer.Typer) -> None:
    """Register `up`, `down`, `status`, `doctor`, `reload`, `demo` and `hotline …`."""
    for command in (up, down, status, doctor, reload):
        app.command()(command)
    app.add_typer(demo_app, name="demo")
    app.add_typer(hotline_app, name="hotline")


def up(
    state: State = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once calls are taken.")] = False,
) -> None:
    """Start everything and keep it running."""
    from ivr import service

    settings = settings_of(state)
    prepared = _start(settings)
    login = service.first_login(settings, prepared.instance)
    if login:
        console.print(f"first login: {escape(login)}")
    if not detach:
        _stay_up(settings)


def down(state: State = None) -> None:
    """End everything cleanly."""
    Supervisor(settings_of(state)).stop()


def status(state: State = None, as_json: AsJson = False) -> None:
    """Show addresses and processes."""
    settings = settings_of(state)
    facts = status_facts(settings)
    if as_json:
        print_json(facts)
        return
    console.print(f"hotline {facts['hotline_number']}@{facts['sip_host']}:{facts['sip_port']}")
    console.print(f"web     {facts['web_url']}")
    console.print(f"state   {facts['state_dir']}")
    print_table(
        ["process", "pid", "up"],
        [(p["name"], p["pid"], "yes" if p["up"] else "no") for p in facts["processes"]],
    )


def status_facts(settings: Settings) -> dict[str, Any]:
    """What `ivr status --json` prints."""
    instance = Instance.load(settings.paths)
    hotline = load_hotline(settings.checked_hotline_file)
    return {
        "sip_host": instance.host,
        "sip_port": instance.sip,
        "hotline_number": hotline.hotline.number,
        "web_url": instance.web_url,
        "state_dir": str(settings.paths.state),
        "processes": [process.to_json() for process in Supervisor(settings).processes()],
    }


def doctor(state: State = None, as_json: AsJson = False) -> None:
    """Check what a newcomer gets wrong, each with the remedy."""
    from ivr import doctor as surgery

    findings = surgery.examine(settings_of(state))
    if as_json:
        print_json([finding.to_json() for finding in findings])
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
            console.print(f"{mark} {finding.name}: {escape(finding.seen)}")
            if finding.remedy:
                console.print(f"    → {escape(finding.remedy)}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def reload(state: State = None) -> None:
    """Put a changed business file in force; running calls go on."""
    from ivr import service

    for warning in service.reload(settings_of(state)):
        console.print(f"warning: {escape(warning)}")
    console.print("in force for the next call")


@demo_app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    state: State = None,
    once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
) -> None:
    """Start everything, make the demonstration call, tell its story, stay up."""
    from ivr.demo import show

    if context.invoked_subcommand is not None:
        if state or once:
            raise typer.BadParameter(f"options of {context.invoked_subcommand} come after its name")
        return
    settings = settings_of(state)
    prepared = _start(settings)
    went_all_the_way = False
    try:
        went_all_the_way = show.show(settings, prepared.instance, prepared.hotline, console, once=once)
        if not once:
            _stay_up(settings)
    finally:
        if Supervisor(settings).is_up():
            Supervisor(settings).stop()
    if once and not went_all_the_way:
        raise typer.Exit(1)


@demo_app.command()
def callbacks(
    state: Annotated[
        Path | None, typer.Option("--state", help="An empty folder to keep everything in; else it is gone in the end.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the table.")] = False,
    each: Annotated[int, typer.Option(min=1, max=MOST_OF_A_KIND, help="Customers of each of the twelve kinds.")] = 5,
) -> None:
    """Ring customers of every kind after a visit, on an instance of its own; hold what came of it against what must."""
    from ivr.demo.callbacks import show
    from ivr.demo.show import farewell

    with ExitStack() as up:
        with Steps() as say:
            on = up.enter_context(show.stage(read_settings(), state, say))
        console.print(f"up: {on.campaign_page}", style="bold")
        with Steps() as say:
            told = show.perform(on, Cast.of(each), say)
        for line in told.lines:
            console.print(line)
        if not once:
            farewell(on.settings, on.prepared.instance, on.prepared.hotline, console)
            console.print(f"the campaign: {on.campaign_page}", style="bold")
            _stay_up(on.settings)
    if not told.good:
        raise typer.Exit(1)


@hotline_app.command()
def check(state: State = None) -> None:
    """Say whether the business file is good, or which line is not."""
    settings = settings_of(state)
    hotline = load_hotline(settings.hotline_file)
    console.print(f"good: {len(hotline.menus)} menus, {len(hotline.queues)} queues, {len(hotline.agents)} agents")


def _start(settings: Settings) -> "Prepared":
    from ivr import service

    with Steps() as say:
        prepared = service.start(settings, say)
    for warning in prepared.warnings:
        console.print(f"warning: {escape(warning)}")
    facts = status_facts(settings)
    console.print(
        f"up: {facts['hotline_number']}@{facts['sip_host']}:{facts['sip_port']}, {facts['web_url']}",
        style="bold",
    )
    return prepared


def _stay_up(settings: Settings) -> None:
    """Wait for Ctrl-C or SIGTERM, then end everything."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print("Ctrl-C ends it.", flush=True)
    supervisor = Supervisor(settings)
    while not stop.wait(1):
        if not supervisor.is_up():
            sys.exit("ivr: supervisord has ended. Remedy: `ivr up` starts it again")
    supervisor.stop()
    print("ended", flush=True)
