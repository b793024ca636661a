"""The processes that `ivr up` supervises; each can also be run alone."""

import logging
import signal
import sys
import threading

import typer

from ivr.cli.common import State, settings_of


def add_to(app: typer.Typer) -> None:
    """Register `agi`, `ingest`, `scheduler`, `worker` and `web`."""
    panel = "Processes (started by `ivr up`)"
    app.command(rich_help_panel=panel)(agi)
    app.command(rich_help_panel=panel)(ingest)
    app.command(rich_help_panel=panel)(scheduler)
    app.command(rich_help_panel=panel)(worker)
    app.command(rich_help_panel=panel)(web)


def agi(state: State = None) -> None:
    """Run the call flows (FastAGI server)."""
    from ivr.telephony import server

    _log()
    server.serve(settings_of(state))


def ingest(
    state: State = None,
    rebuild: bool = typer.Option(False, "--rebuild", help="Make the calls tables again from the journal."),
    once: bool = typer.Option(False, "--once", help="Take what is there, then end."),
) -> None:
    """Project the journal into the database, and keep the live board."""
    from ivr.callbacks.projection import apply as follow_callbacks
    from ivr.calls.ingest import Ingestor
    from ivr.cases.acts import apply as follow_cases
    from ivr.store.migrate import migrate_store
    from ivr.store.session import open_store
    from ivr.surveys.projection import apply as follow_surveys
    from ivr.telephony.watch import Watch

    _log()
    settings = settings_of(state)
    store = open_store(settings.store_url)
    ingestor = Ingestor(settings.paths, store, followers=(follow_callbacks, follow_cases, follow_surveys))
    if rebuild or once:
        migrate_store(store)
        taken = ingestor.rebuild() if rebuild else ingestor.once()
        typer.echo(f"{taken} events")
        return
    stop = _stop_on_signal()
    watch = threading.Thread(target=Watch(settings, store).run_forever, args=(stop,), name="live board", daemon=True)
    watch.start()
    ingestor.run_forever(stop)
    watch.join(timeout=5)


def scheduler(state: State = None) -> None:
    """Run what happens by itself (exactly one per instance)."""
    from ivr import scheduler as clock

    _log()
    clock.run(settings_of(state), _stop_on_signal())


def worker(state: State = None) -> None:
    """Transcribe and score finished recordings."""
    from ivr.speech import worker as transcription

    _log()
    transcription.run(settings_of(state))


def web(state: State = None) -> None:
    """Serve the page."""
    from ivr.web.app import serve

    _log()
    serve(settings_of(state))


def _log() -> None:
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for chatty in ("alembic", "apscheduler", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
