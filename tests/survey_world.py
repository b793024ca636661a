"""A telephone system for surveys that behaves: keeps its journal, guards its line as the dialplan does, and dies."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ivr.calls.ingest import Ingestor
from ivr.calls.journal import Journal
from ivr.customers.file import Entry, check, keep
from ivr.hotline import Hotline
from ivr.settings import StatePaths
from ivr.store.customers import CustomerNumber, Visit
from ivr.store.session import Store
from ivr.store.surveys import Contact, ContactAttempt
from ivr.surveys import campaigns
from ivr.surveys.dialler import Dialler
from ivr.surveys.facts import FactFinder
from ivr.surveys.ids import attempt_call_id, contact_id
from ivr.surveys.line import Order
from ivr.surveys.plan import plan
from ivr.surveys.projection import apply
from ivr.telephony.control import AsteriskUnreachable, CommandUncertain

SURVEY = "after_service"
NOT_ANSWERED = {
    "busy": (1, "BUSY/17"),
    "rejected": (5, "BUSY/21"),
    "no_answer": (30, "NOANSWER/19"),
    "failed": (1, "CONGESTION/34"),
}
"""How long it rings until this, and how the dialplan says it."""
ENDS_AT_ONCE = ("machine", "phone_menu", "no_human", "wrong_person", "later", "declined", "do_not_call", "person")
DUE_AFTER = timedelta(hours=24)


class Killed(BaseException):
    """kill -9: no except clause of the killed program sees it."""


@dataclass
class Up:
    """A call that is up: what is still to happen in it."""

    order: Order
    story: Iterator[float]
    next_at: datetime
    answered: bool = False


@dataclass(frozen=True)
class Rung:
    """Once that a customer's phone rang."""

    contact: str
    attempt: int
    number: str
    at: datetime


class World:
    """One hotline's telephone system, its clock, its journal, and the customers' phones.

    `fates`: by number, what becomes of each call in turn; the last one again and again. Also `never_ends`.
    """

    def __init__(self, paths: StatePaths, store: Store, hotline: Hotline, now: datetime) -> None:
        paths.create()
        self.paths, self.store, self.hotline, self.now = paths, store, hotline, now
        self.calls: dict[str, Up] = {}
        self.dialled: dict[str, int] = {}
        """What Asterisk's own database remembers of each contact: the last attempt; it outlives a crash."""
        self.fates: dict[str, list[str]] = {}
        self.rung: list[Rung] = []
        self.orders: list[Order] = []
        self.hung_up: list[str] = []
        self.callers = 0
        self.kill: Callable[[str], None] = lambda point: None
        self.unreachable = self.uncertain = False
        self.journal = _Journal(self)
        self.start_programs()
        self.restarted()

    def start_programs(self) -> None:
        """Ingestion and the dialler as they are after a start: with nothing in memory."""
        self.ingestor = Ingestor(self.paths, self.store, lambda: self.now, followers=[apply])
        clock: dict[str, Any] = {"now": lambda: self.now, "sleep": self.sleep}
        self.dialler = Dialler(self.paths, self.store, self, lambda: self.hotline, self.journal, **clock)

    # ---- the business ----------------------------------------------------------------------------------------

    def visit(self, name: str, number: str, *, due: datetime | None = None, kind: str = "保养", **customer: Any) -> str:
        """A customer's visit, such that the survey about it is due now; returns the contact's id."""
        with self.store.write() as session:
            owner = session.get(CustomerNumber, number)
            known: dict[str, Any] = {"name": "王建国", "title": "先生", "numbers": (number,), **customer}
            entry = check(Entry(**known), agents=(), year=2026)
            customer_id = owner.customer_id if owner else keep(self.store, session, entry, self.now)
            at = (due or self.now) - DUE_AFTER
            session.add(Visit(external_id=name, customer_id=customer_id, kind=kind, at=at, number=number))
        return contact_id(SURVEY, name)

    def start(self) -> None:
        """Visits are planned, and the campaign is started."""
        plan(self.store, FactFinder(self.hotline), self.now)
        campaigns.start(self.store, self.journal, self.hotline, SURVEY, by="boss")

    def change(self, part: str, **values: Any) -> None:
        """Change the business file: outbound, or the survey."""
        if part == "outbound":
            update: dict[str, Any] = {part: self.hotline.outbound.model_copy(update=values)}
        else:
            update = {"surveys": {SURVEY: self.hotline.surveys[SURVEY].model_copy(update=values)}}
        self.hotline = self.hotline.model_copy(update=update)

    def contact(self, contact: str) -> Contact:
        with self.store.read() as session:
            found = session.get(Contact, contact)
        assert found is not None
        return found

    def results(self, contact: str) -> list[str | None]:
        chosen = select(ContactAttempt).where(ContactAttempt.contact_id == contact).order_by(ContactAttempt.attempt)
        with self.store.read() as session:
            return [row.result for row in session.scalars(chosen)]

    # ---- time and programs -----------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Time goes by, and the calls that are up with it."""
        until = self.now + timedelta(seconds=seconds)
        while True:
            due = min(self.calls.items(), key=lambda one: one[1].next_at, default=None)
            if due is None or due[1].next_at > until:
                break
            self.now = max(self.now, due[1].next_at)
            self._go_on(*due)
        self.now = until

    def sleep(self, seconds: float) -> None:
        """The dialler sleeps."""
        self.kill("asleep")
        self.pass_time(seconds)

    def tick(self, *, ingest: bool = True) -> None:
        """A second of everybody's work."""
        until = self.now + timedelta(seconds=1)
        if ingest:
            self.ingestor.once()
        self.dialler.tick()
        if self.now < until:
            self.pass_time((until - self.now).total_seconds())
        if ingest:
            self.ingestor.once()

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    def wait(self, seconds: float) -> None:
        """A second of work, a time of calls that go on, and a few seconds of work."""
        self.tick()
        self.pass_time(seconds)
        self.ticks(3)

    def tick_and_die(self, point: str) -> bool:
        """The dialler is killed when it gets to `point`, and started again; whether it got there."""
        died = False

        def kill(reached: str) -> None:
            nonlocal died
            if reached == point:
                died = True
                raise Killed

        self.kill = kill
        with contextlib.suppress(Killed):
            self.tick()
        self.kill = lambda reached: None
        self.start_programs()
        return died

    # ---- what the dialler asks of Asterisk -------------------------------------------------------------------

    def ring(self, order: Order) -> None:
        self.kill("before it rings")
        if self.unreachable:
            raise AsteriskUnreachable("Asterisk does not answer.")
        self.orders.append(order)
        call_id = attempt_call_id(order.contact_id, order.attempt)
        busy = any(up.order.contact_id == order.contact_id for up in self.calls.values())
        seen = self.dialled.get(order.contact_id, 0) >= order.attempt
        if busy or seen or self.paths.outbound_stopped.exists():
            if call_id not in self.calls:
                self._cel("SURVEY_RESULT", call_id, f"{order.contact_id}/{order.attempt}/REFUSED/0")
                self._cel("LINKEDID_END", call_id)
            return
        self.dialled[order.contact_id] = order.attempt
        self._cel("CHAN_START", call_id)
        self._cel("SURVEY_DIALLED", call_id, f"{order.contact_id}/{order.attempt}/{order.number}/")
        self.rung.append(Rung(order.contact_id, order.attempt, order.number, self.now))
        self.calls[call_id] = Up(order, iter(()), self.now)
        self.calls[call_id].story = self._story(call_id, self.calls[call_id], self._fate(order.number))
        self._go_on(call_id, self.calls[call_id])
        self.kill("after it rings")
        if self.uncertain:
            raise CommandUncertain("Asterisk got it and never answered.")

    def up(self) -> set[str]:
        self.kill("asking what is up")
        if self.unreachable:
            raise AsteriskUnreachable("Asterisk does not answer.")
        return set(self.calls)

    def waiting_callers(self) -> int:
        self.kill("asking who waits")
        return self.callers

    def hang_up(self, call_id: str) -> None:
        up = self.calls.pop(call_id, None)
        if up is not None:
            self.hung_up.append(call_id)
            if not up.answered:
                self._cel("SURVEY_RESULT", call_id, f"{up.order.contact_id}/{up.order.attempt}/CANCEL/0")
            self._cel("LINKEDID_END", call_id)

    # ---- what happens in it ----------------------------------------------------------------------------------

    def crash(self) -> None:
        """Asterisk dies and starts again."""
        self.calls.clear()
        self.pass_time(1)
        self.restarted()

    def restarted(self) -> None:
        self._append("queue_log", f"{int(self.now.timestamp())}|NONE|NONE|NONE|QUEUESTART|\n")

    def caller(self, call_id: str, number: str) -> None:
        """Somebody calls the hotline."""
        self._cel("CHAN_START", call_id, number=number, channel="PJSIP/trunk-sample-1")
        self._cel("ANSWER", call_id, number=number, channel="PJSIP/trunk-sample-1")

    def caller_ends(self, call_id: str) -> None:
        self._cel("HANGUP", call_id, channel="PJSIP/trunk-sample-1")
        self._cel("LINKEDID_END", call_id)

    def _fate(self, number: str) -> str:
        fates = self.fates.get(number, ["completed"])
        return fates.pop(0) if len(fates) > 1 else fates[0]

    def _go_on(self, call_id: str, up: Up) -> None:
        try:
            pause = next(up.story)
        except StopIteration:
            self._cel("LINKEDID_END", call_id)
            self.calls.pop(call_id, None)
        else:
            up.next_at = self.now + timedelta(seconds=pause)

    def _story(self, call_id: str, up: Up, fate: str) -> Iterator[float]:
        """A call as it goes on, with the seconds between."""
        told = f"{up.order.contact_id}/{up.order.attempt}"
        if fate == "never_ends":
            while True:
                yield 3600
        if fate in NOT_ANSWERED:
            seconds, said = NOT_ANSWERED[fate]
            yield seconds
            self._cel("SURVEY_RESULT", call_id, f"{told}/{said}")
            return
        yield 6
        up.answered = True
        self._cel("SURVEY_ANSWERED", call_id, told)
        yield 4
        if fate not in ("machine", "phone_menu", "no_human", "wrong_person"):
            self.journal.write(call_id, "survey.confirmed")
        if fate in ENDS_AT_ONCE:
            yield from self._ends(call_id, up, fate)
            return
        given = dict(up.order.answers)
        left = [one.id for one in self.hotline.surveys[SURVEY].due_questions(given)]
        for count, question in enumerate(left):
            self.journal.write(call_id, "survey.asking", question=question)
            yield 5
            if fate == "broken_off" and count == len(left) - 1:
                return
            if not (question == "reason" and given.get("overall") == "5"):
                given[question] = "5" if question != "solved" else "1"
                self.journal.write(call_id, "survey.answer", question=question, value=given[question])
        self.journal.write(call_id, "survey.ended", result="completed")

    def _ends(self, call_id: str, up: Up, fate: str) -> Iterator[float]:
        agreed = {"agreed": (self.now + timedelta(hours=2)).isoformat()} if fate == "later" else {}
        if fate == "do_not_call":
            self.journal.write(call_id, "number.do_not_call", number=up.order.number, reason="key", by="customer")
        self.journal.write(call_id, "survey.ended", result=fate, **agreed)
        yield 2

    def _cel(self, kind: str, call_id: str, told: str = "", *, number: str = "", channel: str = "Local/s@x;1") -> None:
        extra = json.dumps({"extra": told}).replace('"', '""') if told else ""
        fields = (kind, f"{self.now.timestamp():.6f}", call_id, call_id, channel, number, "s", "x", "", "", extra)
        self._append("cel-custom/cel.csv", ",".join(f'"{field}"' for field in fields) + "\n")

    def _append(self, name: str, text: str) -> None:
        file: Path = self.paths.journal / name
        with file.open("a") as out:
            out.write(text)


class _Journal(Journal):
    """The journal, with a moment to die in before and after a line."""

    def __init__(self, world: World) -> None:
        super().__init__(world.paths.journal / "flow.jsonl", now=lambda: world.now)
        self._world = world

    def write(self, call: str, event: str, **facts: Any) -> datetime:
        self._world.kill("before it writes")
        at = super().write(call, event, **facts)
        self._world.kill("after it wrote")
        return at
