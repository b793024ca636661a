"""How long 50,000 callbacks take to plan, and how evenly they are rung: `python -m benchmarks.dialler`.

On SQLite and on PostgreSQL: as many visits as asked for are planned; then, with all of them due, APScheduler ticks the
dialler once a second as in an instance, on the real clock, while ingestion runs in a process of its own and every
customer is busy. The error is that of the calls begun per second against the set rate. Exit code 1 when planning takes
60 s or longer, or when any error is above 2 %.
"""

import argparse
import datetime as dt
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import func, select

from benchmarks.dialler.world import BusyLine, add_visits, business, ingesting
from ivr.calls.journal import Journal
from ivr.hotline import Hotline
from ivr.settings import StatePaths
from ivr.store.migrate import migrate
from ivr.store.session import Store, open_store
from ivr.store.surveys import Contact
from ivr.surveys import campaigns
from ivr.surveys.dialler import Dialler
from ivr.surveys.facts import FactFinder
from ivr.surveys.plan import plan
from tests.postgres import postgres_server

PLAN_SECONDS = 60.0
MOST_OFF = 0.02


@dataclass(frozen=True)
class Paced:
    """What a campaign at one rate came to: calls a second, and the longest time between two."""

    set_rate: float
    calls: int
    rate: float
    longest_gap: float

    @property
    def off(self) -> float:
        return abs(self.rate / self.set_rate - 1)


def planned(store: Store, hotline: Hotline, visits: int) -> float:
    """Seconds that planning so many visits takes; they are all due then."""
    now = dt.datetime.now(dt.UTC)
    add_visits(store, visits, now)
    began = time.monotonic()
    made = plan(store, FactFinder(hotline), now)
    took = time.monotonic() - began
    with store.read() as session:
        stands = session.scalar(select(func.count()).select_from(Contact).where(Contact.state == "planned"))
    if made != visits or stands != visits:
        raise SystemExit(f"{visits} visits made {made} contacts, of which {stands} stand in the table")
    return took


def paced(folder: Path, url: str, store: Store, hotline: Hotline, rate: float, seconds: float) -> Paced:
    """Ring at a rate for some seconds."""
    paths = StatePaths(folder / "state")
    line, stop = BusyLine(paths), threading.Event()
    outbound = hotline.outbound.model_copy(update={"calls_per_second": rate, "lines": 500})
    set_to = hotline.model_copy(update={"outbound": outbound})
    dialler = Dialler(paths, store, line, lambda: set_to, Journal(paths.journal / "flow.jsonl"))
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"misfire_grace_time": 60, "coalesce": True})
    scheduler.add_job(dialler.tick, "interval", seconds=1, max_instances=9)
    with ingesting(paths.state, url):
        threading.Thread(target=line.run, args=(stop,), daemon=True).start()
        scheduler.start()
        time.sleep(seconds)
        scheduler.shutdown(wait=True)
        stop.set()
        time.sleep(2)  # what is still unread is read
    if len(line.rung) < 2:
        raise SystemExit("nobody was rung")
    gaps = [later - sooner for sooner, later in zip(line.rung, line.rung[1:], strict=False)]
    return Paced(rate, len(line.rung), len(gaps) / sum(gaps), max(gaps))


def look_seconds(folder: Path, store: Store, hotline: Hotline) -> float:
    """How long one look takes that may ring nobody, with every contact due: what each second costs."""
    paths = StatePaths(folder / "state")
    night = dt.datetime.now(dt.UTC).replace(hour=(dt.datetime.now(dt.UTC).hour + 12) % 24)
    dialler = Dialler(
        paths, store, BusyLine(paths), lambda: hotline, Journal(paths.journal / "flow.jsonl"), now=lambda: night
    )
    began = time.monotonic()
    for _ in range(10):
        dialler.tick()
    return (time.monotonic() - began) / 10


def measure(name: str, url: str, chosen: argparse.Namespace) -> bool:
    """Print what one database came to; whether it kept every limit."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as made:
        folder = Path(made)
        StatePaths(folder / "state").create()
        url = url or f"sqlite:///{folder / 'ivr.db'}"
        migrate(url)
        store, hotline = open_store(url), business(dt.datetime.now(dt.UTC))
        took = planned(store, hotline, chosen.visits)
        print(f"{name:12} plan {chosen.visits:6} visits {took:8.1f} s     limit {PLAN_SECONDS:.0f} s", flush=True)
        kept = took < PLAN_SECONDS
        survey = next(iter(hotline.surveys))
        campaigns.start(store, Journal(folder / "state" / "journal" / "flow.jsonl"), hotline, survey, by="benchmark")
        for rate in chosen.rates:
            found = paced(folder, url, store, hotline, rate, chosen.seconds)
            told = f"{found.calls:5} calls, {found.rate:7.3f}/s, off by {found.off:6.2%}"
            gap = f"longest gap {found.longest_gap:.2f} s"
            print(f"{name:12} ring at {rate:5g}/s {told}     limit {MOST_OFF:.0%}, {gap}", flush=True)
            kept = kept and found.off <= MOST_OFF
        print(f"{name:12} a look that rings nobody {1000 * look_seconds(folder, store, hotline):5.0f} ms", flush=True)
        store.close()
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--visits", type=int, default=50_000)
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 5, 20], help="calls a second")
    parser.add_argument("--seconds", type=float, default=30, help="at each rate")
    parser.add_argument("--only", choices=["SQLite", "PostgreSQL"])
    chosen = parser.parse_args()
    kept = True
    with ExitStack() as stack:
        if chosen.only != "PostgreSQL":
            kept = measure("SQLite", "", chosen)
        if chosen.only != "SQLite":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-pg-")))
            kept = measure("PostgreSQL", stack.enter_context(postgres_server(folder)), chosen) and kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
