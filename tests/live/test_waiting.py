"""Waiting for a person: what a caller is told, what is offered, and who is served first (S7, S10, S18, S20, S22)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ivr.demo.phone import Phone
from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.sipp import SippRun
from ivr.demo.watch import JournalWatch
from ivr.telephony import runtime
from tests.live.conftest import Running, hotline_up, listen, sample_business
from tests.live.ears import Ears
from tests.phones import Caller, calling


@pytest.fixture(scope="module")
def small() -> Iterator[Running]:
    """A small business: one agent for service, one for booking, and little patience."""
    business = sample_business()
    business["queues"]["service"] |= {"agents": ["1001"]}
    business["queues"]["booking"] |= {"agents": ["1002"], "hours": "always", "overflow_after_seconds": 30}
    business["waiting"] = {"announce_seconds": 20, "choice_after_seconds": 30}
    business["rating"] = {"ask": False}
    with hotline_up(business) as running:
        yield running


class Queue:
    """Callers who want a person, one after the other; each is in line before the next one dials."""

    def __init__(self, hotline: Running, stack: ExitStack) -> None:
        self.hotline, self.stack = hotline, stack
        self.watch = hotline.watch()
        self.runs: dict[str, SippRun] = {}
        self.lines: dict[str, RtpLine] = {}

    def join(self, number: str, keys: str = "0") -> str:
        line = self.stack.enter_context(RtpLines(1)).lines[0]
        run = self.stack.enter_context(calling(self.hotline.server, self.hotline.number, [Caller(number, line)]))
        run.wait_for("answered")
        call_id = self.watch.call_from(number)
        for menu, key in enumerate(keys, start=1):
            self.watch.wait_in(call_id, "menu.entered", count=menu)
            line.press(key)
        self.watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
        self.runs[call_id], self.lines[call_id] = run, line
        return call_id

    def happened(self, call_id: str, *kinds: str) -> list[str]:
        return [event.kind for event in self.watch.events() if event.call_id == call_id and event.kind in kinds]


@pytest.fixture
def queue(small: Running) -> Iterator[Queue]:
    with ExitStack() as stack:
        yield Queue(small, stack)
        # SIPp ends without a word: whoever is left on the line would still wait in the next test.
        runtime.rx(small.settings.paths.asterisk_conf, "channel request hangup all")


@contextmanager
def busy_agent(queue: Queue, number: str, work_number: str = "1001") -> Iterator[Phone]:
    """An agent who is talking with somebody."""
    with queue.hotline.agent_phone(work_number) as agent:
        first = queue.join(number, "0" if work_number == "1001" else "11")
        take(agent, queue.watch, first)
        yield agent


def take(agent: Phone, watch: JournalWatch, call_id: str, since: int = 0) -> None:
    agent.wait_for("CALL_INCOMING", seconds=60, since=since)
    agent.answer()
    watch.wait_in(call_id, "BRIDGE_ENTER", seconds=60)


@pytest.mark.standards("S7", "S20")
def test_s7_place_and_minutes_are_said_again_and_again_in_line_even_without_any_python(
    small: Running, queue: Queue, tmp_path: Path
) -> None:
    """Nobody leaves the line to hear them, so nobody is overtaken; every Python process is dead meanwhile."""
    runtime.rx(small.settings.paths.asterisk_conf, "database put pace service 100")
    python = ("agi", "ingest", "scheduler", "worker", "web")
    with busy_agent(queue, "13500000001"):
        queue.join("13500000002")
        for process in python:
            small.supervisor.stop_process(process)
        try:
            with small.caller_phone("13500000003") as caller:
                caller.dial(small.number)
                caller.wait_for("CALL_ESTABLISHED")
                call_id = queue.watch.call_from("13500000003")
                queue.watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
                listen(45)
                caller.hang_up()
                caller.wait_for("CALL_CLOSED")
                ears = Ears(caller, small.settings.paths, tmp_path)
        finally:
            for process in python:
                small.supervisor.start_process(process)
    assert len(ears.times("wait_position_one")) >= 2, "one customer is before this one"
    assert len(ears.times("wait_minutes")) >= 2 and len(ears.times("wait_minutes_end")) >= 2
    assert len(ears.times("num_4")) >= 2, "two places of 100 s with one agent are four minutes"
    assert ears.times("wait_offer"), "the expected wait is long: what else there is, is said at once"
    assert 0 < ears.times("wait_offer")[0] - ears.times("wait_position_one")[0] < 10, "place, minutes, offer in one"
    assert queue.happened(call_id, "ENTERQUEUE", "EXITWITHTIMEOUT") == ["ENTERQUEUE"], "never left the line"


@pytest.mark.standards("S7", "S19")
def test_s7_who_waits_in_english_hears_english_and_after_long_is_offered_something_else(
    small: Running, queue: Queue, tmp_path: Path
) -> None:
    runtime.rx(small.settings.paths.asterisk_conf, "database del pace service")
    with busy_agent(queue, "13500000011"), small.caller_phone("13500000012") as caller:
        caller.dial(small.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = queue.watch.call_from("13500000012")
        caller.press("9")
        queue.watch.wait_in(call_id, "menu.entered", count=2)
        caller.press("0")
        queue.watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
        queue.watch.wait_in(call_id, "ENTERQUEUE", count=2, seconds=60)
        listen(12)
        caller.hang_up()
        caller.wait_for("CALL_CLOSED")
        ears = Ears(caller, small.settings.paths, tmp_path)
    assert ears.times("wait_next", "en") and ears.times("wait_key", "en")
    assert ears.times("wait_offer", "en"), "after the setting's seconds"
    assert not ears.times("wait_next", "zh-CN")


@pytest.mark.standards("S7")
def test_s7_any_key_leads_to_the_choice_and_whoever_waits_on_keeps_the_place(small: Running, queue: Queue) -> None:
    with busy_agent(queue, "13500000021") as agent:
        first, second = queue.join("13500000022"), queue.join("13500000023")
        queue.lines[first].press("5")
        queue.watch.wait_in(first, "EXITWITHKEY")
        queue.lines[first].press("1")
        queue.watch.wait_in(first, "ENTERQUEUE", count=2, seconds=60)
        assert queue.happened(first, "wait.choice") == ["wait.choice"]
        since = len(agent.events)
        agent.hang_up()
        take(agent, queue.watch, first, since)
        assert "CONNECT" not in queue.happened(second, "CONNECT"), "came later, waits on"


@pytest.mark.standards("S10")
def test_s10_whose_agents_phone_vanishes_hears_an_apology_and_is_first_in_line(
    small: Running, queue: Queue, tmp_path: Path
) -> None:
    agent = small.agent_phone()
    agent.start()
    with small.caller_phone("13500000031") as caller:
        caller.dial(small.number)
        caller.wait_for("CALL_ESTABLISHED")
        cut = queue.watch.call_from("13500000031")
        caller.press("0")
        take(agent, queue.watch, cut)
        waiting = queue.join("13500000032")
        agent.pull_the_plug()
        queue.watch.wait_in(cut, "CUT_OFF", seconds=90)
        queue.watch.wait_in(cut, "ENTERQUEUE", count=2, seconds=60)
        with small.agent_phone() as again:
            again.wait_for("CALL_INCOMING", seconds=90)
            again.answer()
            queue.watch.wait_in(cut, "CONNECT", count=2, seconds=60)
            assert "CONNECT" not in queue.happened(waiting, "CONNECT"), "was there before, but nobody cut them off"
            caller.hang_up()
            caller.wait_for("CALL_CLOSED")
        assert Ears(caller, small.settings.paths, tmp_path).times("cut_off")


@pytest.mark.standards("S7", "S18")
def test_s18_where_nobody_is_there_the_caller_hears_so_and_chooses(small: Running, queue: Queue) -> None:
    with small.caller_phone("13500000041") as caller:
        caller.dial(small.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = queue.watch.call_from("13500000041")
        caller.press("0")
        queue.watch.wait_in(call_id, "wait.choice", seconds=60)
        queue.watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
        said = [e.data["prompt"] for e in queue.watch.events() if e.call_id == call_id and e.kind == "prompt.played"]
        assert "choice_nobody" in said and "choice_message" in said
        with small.agent_phone() as agent:
            take(agent, queue.watch, call_id)
            caller.hang_up()


@pytest.mark.standards("S7")
def test_s7_after_the_settings_seconds_another_queue_takes_over_with_the_same_place(
    small: Running, queue: Queue
) -> None:
    with busy_agent(queue, "13500000051", "1002"), busy_agent(queue, "13500000052") as agent:
        moved = queue.join("13500000053", "11")
        later = queue.join("13500000054")
        entered = queue.watch.wait(
            "the other queue",
            lambda e: e.kind == "ENTERQUEUE" and e.call_id == moved and e.data["queue"] == "service",
            seconds=60,
        )
        assert entered.data["args"][2] == "1", "before whoever joined that queue later than this one joined theirs"
        since = len(agent.events)
        agent.hang_up()
        take(agent, queue.watch, moved, since)
        assert "CONNECT" not in queue.happened(later, "CONNECT")
