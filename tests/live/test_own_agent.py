"""Whom a caller spoke with last, or a key customer's own agent, is rung first if free; nobody waits for it (S22)."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest

from ivr.calls.caller_book import CallerBook
from ivr.calls.live_board import last_board
from ivr.calls.talk import work_number
from ivr.demo.phone import Phone
from ivr.demo.watch import JournalWatch
from ivr.reports.check import check
from ivr.store.session import open_store
from tests.live.conftest import Running, ivr, listen, until
from tests.live.talks import rings

FRIEND = "13500000901"
"""Has spoken with 1001 last."""
KEY_CUSTOMER = "13500000906"
"""Has 1002 as agent of their own, and hears no menu."""


@dataclass
class Line:
    """Callers who ask for a person, each with the phone in hand."""

    live: Running
    watch: JournalWatch
    stack: ExitStack

    def agent(self, work_number: str) -> Phone:
        return self.stack.enter_context(self.live.agent_phone(work_number))

    def dial(self, number: str) -> tuple[str, Phone]:
        """The call's id and the caller's phone."""
        phone = self.stack.enter_context(self.live.caller_phone(number))
        phone.dial(self.live.number)
        phone.wait_for("CALL_ESTABLISHED")
        return self.watch.call_from(number), phone

    def ask(self, call_id: str, phone: Phone) -> None:
        """Ask for a person; comes back once the caller is in line."""
        phone.press("0")
        self.watch.wait_in(call_id, "ENTERQUEUE", seconds=60)

    def join(self, number: str) -> tuple[str, Phone]:
        call_id, phone = self.dial(number)
        self.ask(call_id, phone)
        return call_id, phone

    def rung(self, call_id: str) -> list[str]:
        """The agents' phones that were rung for a call, in order."""
        legs = [e for e in self.watch.events() if e.call_id == call_id and e.kind == "CHAN_START"]
        return [str(work_number(e.data["channel"])) for e in legs if e.channel_id != call_id]

    def talks(self, call_id: str, agent: Phone, since: int = 0) -> None:
        rings(agent, since=since, seconds=60)
        agent.answer()
        self.watch.wait_in(call_id, "BRIDGE_ENTER", count=2)

    def asterisk_says(self, call_id: str) -> list[tuple[str, str]]:
        """(queue, event) of Asterisk's own log: the queues by the names that Asterisk gives them."""
        lines = (self.live.settings.paths.journal / "queue_log").read_text().splitlines()
        parts = [line.split("|") for line in lines]
        return [(part[2], part[4]) for part in parts if part[1] == call_id]


@contextmanager
def in_line(live: Running) -> Iterator[Line]:
    with ExitStack() as stack:
        yield Line(live, live.watch(), stack)


def over(caller: Phone) -> None:
    before = len(caller.events)
    caller.hang_up()
    caller.wait_for("CALL_CLOSED", since=before)


@pytest.fixture(scope="module")
def known(live: Running) -> None:
    """A caller who spoke with 1001 a moment ago, and a key customer; the callers' book knows both."""
    state = ("--state", str(live.settings.state_dir))
    new = ("customers", "add", "赵敏", "--number", KEY_CUSTOMER, "--key", "--agent", "1002")
    added = ivr(live.environment, *new, *state)
    assert added.returncode == 0, added.stderr
    with in_line(live) as line:
        agent = line.agent("1001")
        call_id, caller = line.join(FRIEND)
        line.talks(call_id, agent)
        listen(1.0)  # what is over at once was no talk
        over(caller)
    book = CallerBook(live.settings.paths.state / "callers.db")
    until(lambda: book.look_up(FRIEND).last_agent == "1001", "the book knows whom they spoke with", seconds=120)
    until(lambda: book.look_up(KEY_CUSTOMER).agent == "1002", "the book knows the key customer", seconds=120)


@pytest.mark.standards("S22")
def test_s22_own_agents_and_agents_spoken_with_last_are_rung_although_another_is_idle_longer(
    live: Running, known: None
) -> None:
    with in_line(live) as line:
        last, own, idle = (line.agent(number) for number in ("1001", "1002", "1003"))
        friend, friends_phone = line.dial(FRIEND)
        customer, customers_phone = line.dial(KEY_CUSTOMER)
        line.ask(friend, friends_phone)
        rings(last, seconds=60)
        rings(own, seconds=60)
        until(lambda: waiting(live).get(friend) == "service", lambda: f"the board shows the queue: {waiting(live)}")
        line.talks(friend, last)
        line.talks(customer, own)
        listen(0.5)
        over(friends_phone)
        over(customers_phone)
        assert (line.rung(friend), line.rung(customer)) == (["1001"], ["1002"])
        assert not any(event.kind == "CALL_INCOMING" for event in idle.events)
        assert line.asterisk_says(friend)[0] == ("service-1001", "ENTERQUEUE")
        assert line.asterisk_says(customer)[0] == ("service-1002", "ENTERQUEUE")
    for call_id, agent in ((friend, "1001"), (customer, "1002")):
        record = live.record(call_id)
        assert (record.outcome, record.queue, record.agent, record.offered) == ("answered", "service", agent, True)
        assert record.wait_seconds is not None and record.talk_seconds is not None


def waiting(live: Running) -> dict[str, str]:
    """Call → queue, of everybody the live board shows in line."""
    with closing(open_store(live.settings.store_url)) as store, store.read() as session:
        return {each["call"]: each["queue"] for each in last_board(session).get("waiting", [])}


@pytest.mark.standards("S22")
def test_s22_who_is_not_answered_by_the_own_agent_goes_on_in_line(live: Running, known: None) -> None:
    with in_line(live) as line:
        last, other = line.agent("1001"), line.agent("1002")
        call_id, caller = line.join(FRIEND)
        rings(last, seconds=60)
        last.hang_up()
        rings(other, seconds=60)
        over(caller)
        assert line.rung(call_id) == ["1001", "1002"]
        refused = line.watch.wait_in(call_id, "RINGNOANSWER")
        assert (refused.data["queue"], refused.data["agent"]) == ("service", "1001"), "counted like any other ring"
        joined = [name for name, event in line.asterisk_says(call_id) if event == "ENTERQUEUE"]
        assert joined == ["service-1001", "service"]
    record = live.record(call_id)
    assert (record.outcome, record.queue, record.agent) == ("abandoned", "service", None)


@pytest.mark.standards("S22")
def test_s22_a_free_agent_whom_the_line_needs_is_not_taken_out_of_it(live: Running, known: None) -> None:
    """Somebody is in line, so the only free agent serves the line: the friend is in it like anybody else."""
    with in_line(live) as line:
        friend, friends_phone = line.dial(FRIEND)
        line.watch.wait_in(friend, "menu.entered")
        other = line.agent("1002")
        stranger, strangers_phone = line.join("13500000907")
        rings(other, seconds=60)
        last = line.agent("1001")
        line.ask(friend, friends_phone)
        line.talks(friend, last)
        assert line.asterisk_says(friend)[:3] == [
            ("service-1001", "ENTERQUEUE"),
            ("service-1001", "EXITWITHTIMEOUT"),
            ("service", "ENTERQUEUE"),
        ]
        line.talks(stranger, other)
        listen(0.5)
        over(friends_phone)
        over(strangers_phone)


@pytest.mark.standards("S22")
def test_s22_while_the_own_agent_is_busy_another_is_rung_at_once_and_nobody_is_overtaken(
    live: Running, known: None
) -> None:
    with in_line(live) as line:
        own = line.agent("1002")
        first, first_caller = line.join("13500000902")
        line.talks(first, own)
        last = line.agent("1001")
        customer, customers_phone = line.dial(KEY_CUSTOMER)
        line.talks(customer, last)
        listen(1.0)
        assert line.rung(customer) == ["1001"]
        joined = [name for name, event in line.asterisk_says(customer) if event.startswith(("ENTER", "EXIT"))]
        assert joined == ["service"], "not asked where nobody can answer"
        # Both talk. Who waits already is served before the friend of that agent who comes later.
        calls = [line.dial("13500000904"), line.dial(FRIEND)]
        for call in calls:
            line.ask(*call)
        (stranger, strangers_phone), (friend, friends_phone) = calls
        since = len(last.events)
        over(customers_phone)
        line.talks(stranger, last, since)
        listen(1.0)
        assert line.rung(friend) == []
        since = len(last.events)
        over(strangers_phone)
        line.talks(friend, last, since)
        listen(1.0)
        over(friends_phone)
        over(first_caller)
    mine = {first, customer, stranger, friend}
    assert {live.record(call_id).queue for call_id in mine} == {"service"}
    with closing(open_store(live.settings.store_url)) as store, store.read() as session:
        counted = check(session, live.settings.paths.journal)
    assert not [one for one in counted.differences if one.call_id in mine]
