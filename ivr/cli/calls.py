"""Calls: the list, one call's record and story, transcripts made again."""

from typing import Annotated

import typer
from rich.markup import escape

from ivr.calls import record as records
from ivr.calls.story import story
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.errors import IvrError
from ivr.hotline import load_hotline
from ivr.store.session import open_store


def add_to(app: typer.Typer) -> None:
    """Register `calls`, `call` and `transcribe`."""
    for command in (calls, call, transcribe):
        app.command()(command)


def calls(
    state: State = None,
    as_json: AsJson = False,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    agent: str | None = None,
    queue: str | None = None,
    outcome: str | None = None,
) -> None:
    """List calls, the newest first."""
    settings = settings_of(state)
    with open_store(settings.store_url).read() as session:
        found = records.list_calls(session, agent=agent, queue=queue, outcome=outcome, page=page, per_page=per_page)
    if as_json:
        print_json([one.to_json() for one in found.items])
        return
    zone = load_hotline(settings.checked_hotline_file).zone
    print_table(
        ["id", "started", "caller", "outcome", "queue", "agent", "wait s", "talk s", "score"],
        [
            (
                one.id,
                f"{one.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                one.caller,
                one.outcome or "running",
                one.queue,
                one.agent,
                one.wait_seconds,
                one.talk_seconds,
                one.score.total if one.score else None,
            )
            for one in found.items
        ],
    )


def call(id: str, state: State = None, as_json: AsJson = False) -> None:
    """Show one call: its record as JSON, or its story."""
    settings = settings_of(state)
    with open_store(settings.store_url).read() as session:
        found = records.get_call(session, id)
        if as_json:
            print_json(found.to_json())
            return
        hotline = load_hotline(settings.checked_hotline_file)
        language = hotline.languages[0]
        labels = {name: queue.label.get(language, name) for name, queue in hotline.queues.items()}
        for line in story(session, id, language, labels):
            console.print(f"{line.at.astimezone(hotline.zone):%H:%M:%S}  {line.who:<8} {escape(line.what)}")


def transcribe(
    id: Annotated[str | None, typer.Argument(help="One call; every call without it.")] = None,
    state: State = None,
    again: Annotated[bool, typer.Option("--again", help="Also where a transcript was made already.")] = False,
) -> None:
    """Have transcripts and scores made again, with the model in use now."""
    from ivr.speech import worker

    if not again:
        raise IvrError("Every recording is transcribed by itself.", "say --again to have it done anew")
    waiting = worker.again(open_store(settings_of(state).store_url), id or "all")
    console.print(f"{waiting} recordings wait for the worker")
