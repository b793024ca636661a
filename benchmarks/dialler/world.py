"""A carrier's line of which every customer is busy, a business open around the clock's noon, and very many visits."""

import datetime as dt
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event as Stop
from pathlib import Path

import yaml
from sqlalchemy import insert

from ivr.calls.ingest import Ingestor
from ivr.hotline import Hotline
from ivr.settings import ROOT, StatePaths
from ivr.store.customers import Customer, CustomerNumber, Visit
from ivr.store.session import Store, open_store
from ivr.surveys.ids import attempt_call_id
from ivr.surveys.line import Order
from ivr.surveys.projection import apply

_AT_ONCE = 5000
_BUSY_AFTER = 0.5
"""Seconds from a call's beginning to its end."""


def business(now: dt.datetime) -> Hotline:
    """The sample business in a zone where it is about noon, open every day."""
    data = yaml.safe_load((ROOT / "hotline.yaml").read_text(encoding="utf-8"))
    west = now.hour - 12  # a zone called Etc/GMT+3 lies three hours west
    data["hotline"]["timezone"] = f"Etc/GMT{west:+d}" if west else "Etc/GMT"
    data["calendar"] = {"holidays": "none"}
    data["surveys"]["after_service"]["hours"] = {"mon-sun": "08:00-21:00"}
    return Hotline.model_validate(data)


def add_visits(store: Store, count: int, now: dt.datetime) -> None:
    """So many customers of one number each, with a visit each that is due to be asked about."""
    for first in range(1, count + 1, _AT_ONCE):
        ids = range(first, min(first + _AT_ONCE, count + 1))
        at = now - dt.timedelta(hours=25)
        with store.write() as session:
            people = {"surname": "王", "title": "先生", "name": "王建国", "updated_at": now, "notes": ""}
            session.execute(insert(Customer), [{"id": one, "key": one % 50 == 0, **people} for one in ids])
            session.execute(insert(CustomerNumber), [{"number": number(one), "customer_id": one} for one in ids])
            visit = {"kind": "保养", "visited_at": at, "visited_by": "二号车间", "consent": True, "notes": ""}
            session.execute(
                insert(Visit.__table__),
                [{"id": one, "external_id": f"V{one}", "customer_id": one, **visit} for one in ids],
            )


def number(one: int) -> str:
    return f"138{one:08}"


class BusyLine:
    """Whoever is rung is busy half a second later; the journal tells it as Asterisk's would."""

    def __init__(self, paths: StatePaths) -> None:
        self._cel = paths.journal / "cel-custom" / "cel.csv"
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()
        self.rung: list[float] = []

    def ring(self, order: Order) -> None:
        self.rung.append(time.monotonic())
        call_id, told = attempt_call_id(order.contact_id, order.attempt), f"{order.contact_id}/{order.attempt}"
        with self._lock:
            self._ends[call_id] = time.monotonic() + _BUSY_AFTER
        self._write(("SURVEY_DIALLED", call_id, f"{told}/{order.number}/"))

    def up(self) -> set[str]:
        return set(self._ends)

    def waiting_callers(self) -> int:
        return 0

    def hang_up(self, call_id: str) -> None:
        raise NotImplementedError

    def run(self, stop: threading.Event) -> None:
        """End the calls whose time has come."""
        while not stop.wait(0.05):
            with self._lock:
                over = [call_id for call_id, at in self._ends.items() if at <= time.monotonic()]
            for call_id in over:
                contact, _, attempt = call_id.removeprefix("sv").partition("-")
                told = f"{contact}/{attempt}/BUSY/17"
                self._write(("SURVEY_RESULT", call_id, told), ("LINKEDID_END", call_id, ""))
                with self._lock:
                    del self._ends[call_id]

    def _write(self, *events: tuple[str, str, str]) -> None:
        lines = ""
        for kind, call_id, told in events:
            extra = json.dumps({"extra": told}).replace('"', '""') if told else ""
            at, channel = f"{time.time():.6f}", "Local/s@survey-dial;1"
            fields = (kind, at, call_id, call_id, channel, "", "s", "survey-dial", "", "", extra)
            lines += ",".join(f'"{field}"' for field in fields) + "\n"
        with self._cel.open("a") as out:
            out.write(lines)


@contextmanager
def ingesting(state: Path, url: str) -> Iterator[None]:
    """Ingestion in a process of its own, as an instance has it."""
    stop = multiprocessing.Event()
    process = multiprocessing.Process(target=_ingest, args=(state, url, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(timeout=30)


def _ingest(state: Path, url: str, stop: Stop) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (stop.wait(), ended.set()), daemon=True).start()
    Ingestor(StatePaths(state), open_store(url), followers=(apply,)).run_forever(ended)
