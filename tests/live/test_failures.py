"""The call outlives everything: with Python or the database gone, callers are greeted and reach an agent."""

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.calls.record import CallRecord
from ivr.demo.rtp import RtpLine
from ivr.telephony import runtime
from tests.live.conftest import CROWD, Running, until
from tests.phones import Caller, calling, many_agents

DialAPerson = Callable[[str], str]


@pytest.fixture(autouse=True, scope="module")
def agents(live: Running) -> object:
    """Agents who answer at once."""
    secrets = {number: live.instance.agent_secrets[number] for number in CROWD[:3]}
    with many_agents(live.server, secrets):
        yield


def assert_served(live: Running, record: CallRecord) -> None:
    assert record.outcome == "answered" and record.agent in CROWD and record.hung_up_by == "caller"
    assert record.wait_seconds is not None and (record.talk_seconds or 0) > 0
    assert [leg.role for leg in record.legs] == ["caller", "agent"]
    assert all((live.settings.paths.recordings / leg.recording).stat().st_size > 44 for leg in record.legs)


@pytest.mark.standards("S20")
def test_with_the_flows_stopped_the_caller_is_greeted_and_reaches_an_agent(
    live: Running, dial_a_person: DialAPerson
) -> None:
    live.supervisor.stop_process("agi")
    try:
        record = live.record(dial_a_person("13600000001"))
    finally:
        live.supervisor.start_process("agi")
    assert_served(live, record)
    assert record.menu_path == [] and record.queue == live.hotline.default_queue


@pytest.mark.standards("S20")
def test_with_the_flows_hung_the_caller_reaches_an_agent(live: Running, dial_a_person: DialAPerson) -> None:
    pid = live.pid("agi")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        call_id = dial_a_person("13600000002")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert_served(live, live.record(call_id))


@pytest.mark.standards("S20")
def test_a_database_locked_during_the_call_has_the_whole_call_afterwards(
    live: Running, dial_a_person: DialAPerson
) -> None:
    database = live.settings.paths.state / "ivr.db"
    with sqlite3.connect(database, isolation_level=None) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        call_id = dial_a_person("13600000003")
        lock.execute("ROLLBACK")
    record = live.record(call_id)
    assert_served(live, record)
    assert record.menu_path == ["main:0"]


@pytest.mark.standards("S20")
def test_a_database_absent_during_the_call_has_the_whole_call_afterwards(
    live: Running, dial_a_person: DialAPerson, tmp_path: Path
) -> None:
    database = live.settings.paths.state / "ivr.db"
    users = ("ingest", "worker", "scheduler", "web")
    for process in users:
        live.supervisor.stop_process(process)
    files = list(database.parent.glob("ivr.db*"))
    for file in files:
        shutil.move(file, tmp_path / file.name)
    live.supervisor.start_process("ingest")
    try:
        call_id = dial_a_person("13600000004")
    finally:
        live.supervisor.stop_process("ingest")
        for file in database.parent.glob("ivr.db*"):
            file.unlink()
        for file in files:
            shutil.move(tmp_path / file.name, file)
        for process in users:
            live.supervisor.start_process(process)
    record = live.record(call_id)
    assert_served(live, record)
    assert record.menu_path == ["main:0"]


def test_a_classic_agi_script_says_and_does_the_same_as_fastagi(live: Running, line: RtpLine) -> None:
    """The same flow, started by Asterisk as a program of its own: AGI(hotline.py)."""
    told = {"fastagi": flow_of_a_booking(live, line, "13600000005")}
    slow = ("FLOW_SECONDS = 2", "FLOW_SECONDS = 30")  # a Python that starts anew takes its time
    with dialplan(live, ("AGI(${FLOWS}/hotline,", "AGI(hotline.py,"), slow):
        told["classic"] = flow_of_a_booking(live, line, "13600000025")  # a stranger too
    assert told["classic"] == told["fastagi"]
    [joined] = [facts for kind, facts in told["classic"] if kind == "queue.joined"]
    assert joined["reason"] == "预约 保养"


def flow_of_a_booking(live: Running, line: RtpLine, number: str) -> list[tuple[str, dict[str, object]]]:
    """What the flow writes down while a caller presses 1 and 1, without what differs between any two calls."""
    watch = live.watch()
    with calling(live.server, live.number, [Caller(number, line)]) as run:
        run.wait_for("answered")
        call_id = watch.call_from(number)
        for menu in (1, 2):
            watch.wait_in(call_id, "menu.entered", count=menu)
            line.press("1")
        watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
        run.hang_up()
        run.result()
    assert live.record(call_id).menu_path == ["main:1", "booking:1"]
    return [
        (event.kind, {name: fact for name, fact in event.data.items() if name not in ("began", "agent", "caller")})
        for event in watch.events()
        if event.source == "flow" and event.call_id == call_id
    ]


@contextlib.contextmanager
def dialplan(live: Running, *changes: tuple[str, str]) -> Iterator[None]:
    """Another dialplan for a while: each (old, new)."""
    conf = live.settings.paths.asterisk_conf
    file = conf.parent / "extensions.conf"
    usual = other = file.read_text()
    for old, new in changes:
        assert old in usual
        other = other.replace(old, new)
    try:
        file.write_text(other)
        runtime.rx(conf, "dialplan reload")
        yield
    finally:
        file.write_text(usual)
        runtime.rx(conf, "dialplan reload")


def test_everything_is_up_again(live: Running) -> None:
    until(lambda: all(process.up for process in live.supervisor.processes()), "all processes are up")
