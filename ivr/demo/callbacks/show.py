"""The demonstration from the first visit to the table at its end."""

import datetime as dt
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType

from ivr import service
from ivr.calls.journal import Journal
from ivr.demo.callbacks.acting import AgentAtDesk, Customers
from ivr.demo.callbacks.business import SURVEY, TRUNK, set_up, visit_id, visits_table
from ivr.demo.callbacks.characters import COMPLAINTS, Cast
from ivr.demo.callbacks.outcomes import is_over, read_outcomes
from ivr.demo.callbacks.phones import CustomerPhones
from ivr.demo.callbacks.telling import Happened, compare, is_as_expected, total
from ivr.demo.phone import Phone
from ivr.demo.ports import free_port
from ivr.demo.voices import CALLER, speak_ulaw
from ivr.demo.watch import JournalWatch
from ivr.errors import IvrError
from ivr.instance import LOOPBACK
from ivr.service import Prepared, Progress
from ivr.settings import Settings
from ivr.store.session import Store, open_store
from ivr.supervise import Supervisor
from ivr.surveys import campaigns
from ivr.surveys.ids import contact_id
from ivr.visits.keeping import VisitKeeper
from ivr.visits.table import read_visits

BY = "demonstration"
LONGEST = 900.0
"""Seconds until whoever has not been reached is given up: five times what sixty customers take."""
_AFTERWARDS = 60.0
"""Seconds that cases may take to be opened once the last customer is off the line."""
_STEP, _LOOK = 0.1, 1.0


class VisitsRefused(IvrError):
    """The import did not take the demonstration's visits."""


@dataclass(frozen=True)
class Stage:
    """The instance of the demonstration, up."""

    settings: Settings
    prepared: Prepared

    @property
    def campaign_page(self) -> str:
        return f"{self.prepared.instance.web_url}campaigns/{SURVEY}"

    @property
    def carrier_port(self) -> int:
        return self.prepared.hotline.trunks[TRUNK].port


@contextmanager
def stage(settings: Settings, state_dir: Path | None, say: Progress) -> Iterator[Stage]:
    """An instance of its own for as long as the block runs, in this folder, or in one that is then gone."""
    with ExitStack() as undo:
        folder = state_dir or Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="ivr-callbacks-"))) / "state"
        own = set_up(settings, folder, free_port(LOOPBACK), dt.datetime.now(dt.UTC))
        prepared = service.start(own, say)
        undo.callback(_end, own)
        yield Stage(own, prepared)


def _end(settings: Settings) -> None:
    supervisor = Supervisor(settings)
    if supervisor.is_up():
        supervisor.stop()


@dataclass(frozen=True)
class Told:
    """The demonstration's end: whether exactly that came which must, and the table and the line that say so."""

    good: bool
    lines: tuple[RenderableType, ...]


def perform(on: Stage, cast: Cast, say: Progress) -> Told:
    """Import the visits, have everybody rung, and hold what came of it against what must."""
    happened = ring_all(on, cast, say)
    good = is_as_expected(cast, happened)
    colour = "green" if good else "red"
    return Told(good, (compare(cast, happened), f"[bold {colour}]{total(cast, happened)}[/]"))


def ring_all(on: Stage, cast: Cast, say: Progress) -> Happened:
    """What came of every customer, once nobody is to be rung any more. Raises VisitsRefused, IvrError."""
    contacts = {contact_id(SURVEY, visit_id(number)): number for number in cast.members}
    instance, paths = on.prepared.instance, on.settings.paths
    with ExitStack() as stack:
        store = open_store(on.settings.store_url)
        stack.callback(store.close)
        server = (instance.host, instance.sip)
        phones = stack.enter_context(CustomerPhones(list(cast.members), server, on.carrier_port))
        agent, secret = next(iter(instance.agent_secrets.items()))
        desk = AgentAtDesk(stack.enter_context(Phone(agent, server, password=secret)))
        complaints = [speak_ulaw(words, CALLER, on.settings.runtime_dir) for words in COMPLAINTS]
        customers = Customers(cast, contacts, phones, JournalWatch(paths), complaints)

        import_visits(on, store, cast)
        journal = Journal(paths.journal / "flow.jsonl")
        campaigns.start(store, journal, on.prepared.hotline, SURVEY, by=BY)

        def look() -> Happened:
            with store.read() as session:
                return read_outcomes(session, contacts, phones, paths.recordings)

        def over() -> bool:
            happened = look()
            tried = sum(bool(outcome.attempts) for outcome in happened.values())
            say(f"customers {tried}/{len(cast.members)}")
            with store.read() as session:
                return len(happened) == len(contacts) and is_over(session)

        def act() -> None:
            customers.step()
            desk.step()

        _until(over, LONGEST, act)
        _until(lambda: is_as_expected(cast, look()), _AFTERWARDS, act)
        return look()


def import_visits(on: Stage, store: Store, cast: Cast) -> None:
    """As `ivr visits import` does."""
    now, hotline = dt.datetime.now(dt.UTC), on.prepared.hotline
    journal = Journal(on.settings.paths.journal / "flow.jsonl")
    taken = VisitKeeper(store, journal, now, by=BY).take(read_visits(visits_table(cast, now), hotline.zone, now))
    if taken.errors or taken.new != len(cast.members):
        raise VisitsRefused(f"Of {len(cast.members)} visits {taken.new} were taken: {taken.errors[:3]}")


def _until(true: Callable[[], bool], seconds: float, meanwhile: Callable[[], None]) -> None:
    """Look about once a second whether it is true, at most so long; `meanwhile` is called all the time."""
    ends = time.monotonic() + seconds
    looks_at = time.monotonic()
    while time.monotonic() < ends:
        meanwhile()
        if time.monotonic() >= looks_at:
            if true():
                return
            looks_at = time.monotonic() + _LOOK
        time.sleep(_STEP)
