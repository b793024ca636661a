"""Calls: the list, their sums and an independent count, one call's record and story, transcripts made again."""

import datetime as dt
import time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape

from ivr.calls import record as records
from ivr.calls.story import story
from ivr.cli.common import AsJson, State, console, print_json, print_table, settings_of
from ivr.errors import IvrError
from ivr.hotline import load_hotline
from ivr.reports import check as counting
from ivr.reports.sums import Sums, report
from ivr.store.models import OUTCOMES
from ivr.store.session import open_store

calls_app = typer.Typer(invoke_without_command=True, help="Calls: the list, their sums, an independent count.")
Since = Annotated[str | None, typer.Option("--since", help="From this day or moment on, as 2026-05-01 or ISO 8601.")]

_LAG_SECONDS = 1.0
"""A call that ended just now may not stand in the database yet."""
_LOOKS = 5


def add_to(app: typer.Typer) -> None:
    """Register `calls`, `call` and `transcribe`."""
    app.add_typer(calls_app, name="calls")
    for command in (call, transcribe):
        app.command()(command)


@calls_app.callback()
def calls(
    context: typer.Context,
    state: State = None,
    as_json: AsJson = False,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    agent: str | None = None,
    queue: str | None = None,
    outcome: str | None = None,
) -> None:
    """List calls, the newest first."""
    if context.invoked_subcommand is not None:
        return
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
                one.number,
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


@calls_app.command()
def sums(state: State = None, since: Since = None, as_json: AsJson = False) -> None:
    """What became of the calls, per queue: one outcome each; connection rate (S32), service level (S33)."""
    settings = settings_of(state)
    hotline = load_hotline(settings.checked_hotline_file)
    level = hotline.standards.service_level
    with open_store(settings.store_url).read() as session:
        found = report(session, level, since_moment(since, hotline.zone))
    if as_json:
        print_json(found.to_json())
        return
    print_table(
        ["queue", "offered", *OUTCOMES, "connected (S32)", "service level (S33)"],
        [_sums_row(queue or "-", one) for queue, one in found.queues.items()] + [_sums_row("all", found.total)],
    )
    console.print("offered = answered + abandoned + callback + message + closed + timed_out + blocked")
    console.print("S32 = answered, also by a callback, / answered + abandoned + callback + message + timed_out")
    console.print(
        f"S33 = answered within {level.seconds} s / answered + timed_out + abandoned after"
        f" {level.short_abandon_seconds} s; target {level.percent:g} %"
    )


def _sums_row(name: str, one: Sums) -> list[object]:
    shares = [f"{s.percent} % of {s.of}" if s.of else "-" for s in (one.connection_rate, one.service_level)]
    return [name, one.offered, *(one.outcomes[outcome] for outcome in OUTCOMES), *shares]


@calls_app.command()
def check(state: State = None, since: Since = None, as_json: AsJson = False) -> None:
    """Count the calls again straight from the journal's files, and say where the database differs."""
    settings = settings_of(state)
    zone = load_hotline(settings.checked_hotline_file).zone
    store = open_store(settings.store_url)
    for look in range(_LOOKS):
        if look:
            time.sleep(_LAG_SECONDS)
        with store.read() as session:
            found = counting.check(session, settings.paths.journal, since_moment(since, zone))
        if found.agrees:
            break
    if as_json:
        print_json(found.to_json())
    else:
        names = sorted({*found.journal, *found.database})
        rows = [(name, found.journal[name], found.database[name]) for name in names]
        print_table(["outcome", "journal", "database"], rows)
        told = [(one.call_id, one.what, one.journal, one.database) for one in found.differences]
        if told:
            print_table(["call", "difference", "journal", "database"], told)
        console.print("both counts agree" if found.agrees else f"they differ in {len(told)} places")
    if not found.agrees:
        raise typer.Exit(1)


def since_moment(text: str | None, zone: ZoneInfo) -> dt.datetime | None:
    """A day or a moment as an operator writes it, in the business's time zone; raises IvrError."""
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise IvrError(f"{text} is no moment.", "write a day as 2026-05-01, or ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


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
        labels = {name: texts.get(language, name) for name, texts in hotline.dispositions.items()}
        labels |= {name: queue.label.get(language, name) for name, queue in hotline.queues.items()}
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
