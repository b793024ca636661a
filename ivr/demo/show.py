"""`ivr demo`: the demonstration call, its story, and what one needs to go on by oneself."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from ivr import service
from ivr.accounts.users import FIRST_LOGIN
from ivr.calls.story import story
from ivr.demo.call import run_demo_call
from ivr.demo.telling import shortcomings, tell, wait_for_record
from ivr.hotline import Hotline
from ivr.instance import Instance
from ivr.settings import ROOT, Settings
from ivr.store.models import Call
from ivr.store.session import Store, open_store


def show(settings: Settings, instance: Instance, hotline: Hotline, console: Console, *, once: bool) -> bool:
    """Make and tell the demonstration call on a running instance, then say goodbye; true if it went all the way.

    Where there are calls already it only says how to go on, unless `once`: the instance ends after it.
    """
    store = open_store(settings.store_url)
    try:
        good = True
        if once or not _has_calls(store):
            good = _perform(settings, instance, hotline, console, store)
        farewell(settings, instance, hotline, console, ends=once)
        return good
    finally:
        store.close()


def _perform(settings: Settings, instance: Instance, hotline: Hotline, console: Console, store: Store) -> bool:
    with console.status("the demonstration call") as spinner:

        def say(step: str) -> None:
            spinner.update(escape(step))
            if not console.is_terminal:
                console.print(f"· {escape(step)}")

        call_id = run_demo_call(settings, instance, hotline, say)
        record = wait_for_record(store, call_id, progress=say)
    language = hotline.languages[0]
    labels = {name: queue.label.get(language, name) for name, queue in hotline.queues.items()}
    with store.read() as session:
        lines = story(session, call_id, language, labels)
    tell(console, record, lines, hotline.zone, language)
    faults = shortcomings(record)
    for fault in faults:
        console.print(f"not as it should be: {fault}", style="red")
    return not faults


def farewell(settings: Settings, instance: Instance, hotline: Hotline, console: Console, *, ends: bool = False) -> None:
    """Print the web address, the first login (the first time only), the SIP address and the agents' accounts."""
    title = "It ends now; `make run` without ONCE keeps it here:" if ends else "Now you"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    table.add_row("web page", f"http://{instance.web_host}:{instance.web}/")
    own = "" if settings.paths.state == (ROOT / "var").resolve() else f" --state {settings.paths.state}"
    lost = f"{FIRST_LOGIN}; lost it? `ivr users password {FIRST_LOGIN}{own}`"
    table.add_row("first login", escape(service.first_login(settings, instance) or lost))
    if own:
        table.add_row("commands", escape(f"ivr …{own}"))
    table.add_row(
        "hotline", f"sip:{hotline.hotline.number}@{instance.host}:{instance.sip} (call it with any SIP phone)"
    )
    for number, secret in instance.agent_secrets.items():
        table.add_row("agent", f"sip:{number}@{instance.host}:{instance.sip}  password {escape(secret)}")
    console.print(table)


def _has_calls(store: Store) -> bool:
    with store.read() as session:
        return session.scalar(select(Call.id).limit(1)) is not None
