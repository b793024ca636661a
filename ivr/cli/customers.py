"""The customer file: who they are, by which numbers they call, how they are served (S22, S23)."""

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ivr.cli.common import AsJson, State, console, file_bytes, print_json, print_table, settings_of
from ivr.customers.file import Entry, check, customer_by_number, get_customer, keep, list_customers, remove
from ivr.customers.numbers import normalise
from ivr.customers.table import import_rows, read_customers, split_numbers
from ivr.errors import IvrError
from ivr.hotline import Hotline, load_hotline
from ivr.settings import Settings
from ivr.store.session import open_store

customers_app = typer.Typer(no_args_is_help=True, help="The customer file: who calls, and how they are served.")

Number = Annotated[str, typer.Argument(help="A number the customer calls from, or the customer's id as #12.")]
Numbers = Annotated[list[str], typer.Option("--number", help="A number the customer calls from; several times.")]
Title = Annotated[str | None, typer.Option(help="先生 or 女士.")]
BirthYear = Annotated[int | None, typer.Option(help="Over 65 a person answers without a menu.")]
Elder = Annotated[bool | None, typer.Option("--elder/--no-elder", help="A person answers without a menu.")]
Key = Annotated[bool | None, typer.Option("--key/--no-key", help="A key customer: served first (S22).")]
Blocked = Annotated[bool | None, typer.Option("--blocked/--no-blocked", help="Hears a polite line and nothing else.")]
OwnAgent = Annotated[str | None, typer.Option("--agent", help="The work number of their own agent; '' for none.")]
Speaks = Annotated[str | None, typer.Option("--language", help="zh-CN or en; '' for none.")]
Notes = Annotated[str | None, typer.Option()]


def add_to(app: typer.Typer) -> None:
    """Register `customers …`."""
    app.add_typer(customers_app, name="customers")


@customers_app.command("list")
def show(
    text: Annotated[str | None, typer.Argument(help="A part of the name or of a number.")] = None,
    state: State = None,
    as_json: AsJson = False,
    key: Annotated[bool, typer.Option("--key", help="Key customers only.")] = False,
    page: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """List customers by name."""
    with open_store(settings_of(state).store_url).read() as session:
        found = list_customers(session, text=text, key=True if key else None, page=page)
    if as_json:
        print_json([_json(entry) for entry in found.items])
        return
    columns = ["id", "name", "title", "numbers", "born", "key", "elder", "blocked", "agent", "language"]
    marks = {True: "yes", False: ""}
    print_table(
        columns,
        [
            (
                *(each.id, each.name, each.title, " ".join(each.numbers), each.birth_year, marks[each.key]),
                *(marks[each.elder], marks[each.blocked], each.agent, each.language),
            )
            for each in found.items
        ],
    )


@customers_app.command()
def add(
    name: str,
    number: Numbers,
    state: State = None,
    title: Title = None,
    surname: Annotated[str | None, typer.Option(help="Taken from the name where it is not given.")] = None,
    birth_year: BirthYear = None,
    elder: Elder = None,
    key: Key = None,
    blocked: Blocked = None,
    agent: OwnAgent = None,
    language: Speaks = None,
    notes: Notes = None,
) -> None:
    """Add a customer; known on the next call that begins a few seconds later."""
    given = _given(locals())
    _keep(state, Entry(name=name, numbers=tuple(number), **given))


@customers_app.command()
def edit(
    customer: Number,
    state: State = None,
    name: Annotated[str | None, typer.Option()] = None,
    number: Annotated[list[str] | None, typer.Option("--number", help="All the numbers from now on.")] = None,
    title: Title = None,
    surname: Annotated[str | None, typer.Option()] = None,
    birth_year: BirthYear = None,
    elder: Elder = None,
    key: Key = None,
    blocked: Blocked = None,
    agent: OwnAgent = None,
    language: Speaks = None,
    notes: Notes = None,
) -> None:
    """Change what is given, leave the rest as it is."""
    given = _given(locals()) | ({"name": name} if name is not None else {})
    if name is not None and surname is None:
        given["surname"] = ""
    known = _known(settings_of(state), customer)
    _keep(state, Entry(**(vars(known) | given | ({"numbers": tuple(number)} if number else {}))))


@customers_app.command("remove")
def forget(customer: Number, state: State = None) -> None:
    """Forget a customer, as they may ask; their calls stay as calls of a number."""
    settings = settings_of(state)
    known, store = _known(settings, customer), open_store(settings.store_url)
    with store.write() as session:
        remove(store, session, known.id or 0)
    console.print(f"#{known.id} is forgotten")


@customers_app.command("import")
def take_table(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX with a line of column names.")],
    state: State = None,
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, keep nothing.")] = False,
) -> None:
    """Take customers from a CSV or XLSX file; good lines are kept, bad ones named; exit code 1 when there were any."""
    settings = settings_of(state)
    hotline, now = _business(settings)
    done = import_rows(
        open_store(settings.store_url),
        read_customers(file_bytes(file)),
        agents=hotline.agents,
        now=now,
        year=now.astimezone(hotline.zone).year,
        check_only=dry_run,
    )
    if as_json:
        print_json(vars(done) | {"errors": [vars(each) for each in done.errors]})
    else:
        for each in done.errors:
            allowed = f" Allowed: {each.remedy}." if each.remedy else ""
            console.print(f"{file}:{each.line}: {each.field}: {each.message}{allowed}", markup=False)
        told = f"{done.added} added, {done.changed} changed, {done.unchanged} unchanged"
        console.print(f"{told}, {len(done.errors)} lines left out" + (" (nothing was kept)" if dry_run else ""))
    if done.errors:
        sys.exit(1)


_FIELDS = ("title", "surname", "birth_year", "elder", "key", "blocked", "notes")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; an empty text of agent or language means none."""
    given = {name: options[name] for name in _FIELDS if options[name] is not None}
    return given | {name: options[name] or None for name in ("agent", "language") if options[name] is not None}


def _keep(state: Path | None, entry: Entry) -> None:
    settings = settings_of(state)
    hotline, now = _business(settings)
    checked = check(entry, agents=hotline.agents, year=now.astimezone(hotline.zone).year)
    store = open_store(settings.store_url)
    with store.write() as session:
        kept = keep(store, session, checked, now)
    console.print(f"#{kept} {checked.name} {' '.join(checked.numbers)}", markup=False)


def _known(settings: Settings, customer: str) -> Entry:
    with open_store(settings.store_url).read() as session:
        if customer.startswith("#") and customer[1:].isascii() and customer[1:].isdigit():
            return get_customer(session, int(customer[1:][:9]))
        found = customer_by_number(session, next(iter(split_numbers(customer)), ""))
    if found is None:
        known = normalise(customer) is not None
        raise IvrError("No customer has this number." if known else "This is no number.", "`ivr customers list`")
    return found


def _business(settings: Settings) -> tuple[Hotline, dt.datetime]:
    return load_hotline(settings.checked_hotline_file), dt.datetime.now(dt.UTC)


def _json(entry: Entry) -> dict[str, Any]:
    changed = entry.updated_at.isoformat() if entry.updated_at else None
    return vars(entry) | {"numbers": list(entry.numbers), "updated_at": changed}
