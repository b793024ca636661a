"""The emergency notice that callers hear before the menu (S20)."""

import datetime as dt
from typing import Annotated

import typer
from rich.markup import escape

from ivr.calls.notice import Notice, read_end
from ivr.cli.common import AsJson, State, console, print_json, settings_of
from ivr.hotline import Language, load_hotline
from ivr.speech import notice as board

notice_app = typer.Typer(no_args_is_help=True, help="A notice before the menu, in force at once.")


def add_to(app: typer.Typer) -> None:
    """Register `notice on|off|show`."""
    app.add_typer(notice_app, name="notice")


@notice_app.command()
def on(
    text: Annotated[str, typer.Argument(help="What callers hear, in the hotline's first language.")],
    english: Annotated[str, typer.Option("--en", help="The same in English.")] = "",
    until: Annotated[str, typer.Option("--until", help="When it ends: 18:00, or 2026-12-31 18:00.")] = "",
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Put a notice before the menu, from the next caller on."""
    settings = settings_of(state)
    hotline = load_hotline(settings.checked_hotline_file)
    now = dt.datetime.now(dt.UTC)
    end = read_end(until, now.astimezone(hotline.zone)) if until else None
    texts: dict[Language, str] = {hotline.languages[0]: text} | ({"en": english} if english else {})
    _print(board.put_up(settings, hotline, texts, end, now), hotline.zone, as_json)


@notice_app.command()
def off(state: State = None) -> None:
    """Take the notice down."""
    board.take_down(settings_of(state))
    console.print("no notice")


@notice_app.command()
def show(state: State = None, as_json: AsJson = False) -> None:
    """Show what callers hear now."""
    settings = settings_of(state)
    zone = load_hotline(settings.checked_hotline_file).zone
    _print(board.current(settings, dt.datetime.now(dt.UTC)), zone, as_json)


def _print(notice: Notice, zone: dt.tzinfo, as_json: bool) -> None:
    if as_json:
        print_json(notice.model_dump(mode="json"))
        return
    if not notice.on:
        console.print("no notice")
        return
    for language, text in notice.texts.items():
        console.print(f"{language}: {escape(text)}")
    end = notice.until.astimezone(zone).strftime("%Y-%m-%d %H:%M") if notice.until else "it is taken down"
    console.print(f"until {end}")
