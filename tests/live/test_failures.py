"""The call outlives everything: with Python or the database gone, callers are greeted and reach an agent."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.calls.events import Event
from ivr.calls.record import CallRecord
from ivr.telephony import runtime
from tests.live.conftest import CROWD, Running, until
from tests.phones import many_agents

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


def test_with_the_flows_hung_the_caller_reaches_an_agent(live: Running, dial_a_person: DialAPerson) -> None:
    pid = live.pid("agi")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        call_id = dial_a_person("13600000002")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert_served(live, live.record(call_id))


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


def test_a_classic_agi_script_says_and_does_the_same_as_fastagi(live: Running) -> None:
    """The same flow, started by Asterisk as a program of its own: AGI(hotline.py)."""
    told = {}
    for name, place in (
        ("fastagi", f"agi://127.0.0.1:{live.instance.agi}/hotline"),
        ("classic", "hotline.py"),
    ):
        watch = live.watch()
        with live.agent_phone("1003") as phone:
            runtime.rx(live.settings.paths.asterisk_conf, f"channel originate PJSIP/1003 application AGI {place}")
            phone.wait_for("CALL_INCOMING")
            phone.answer()
            entered = watch.wait("the menu", lambda event: event.kind == "menu.entered")
            phone.press("1")
            watch.wait("the second menu", second_menu)
            phone.press("1")
            watch.wait_in(str(entered.call_id), "queue.joined")
            phone.wait_for("CALL_CLOSED")
        told[name] = [
            (
                event.kind,
                event.data.get("prompt"),
                event.data.get("key"),
                event.data.get("queue"),
                event.data.get("reason"),
            )
            for event in watch.events()
            if event.source == "flow" and event.call_id == entered.call_id
        ]
    assert told["classic"] == told["fastagi"]
    assert ("queue.joined", None, None, "booking", "预约 保养") in told["classic"]


def second_menu(event: Event) -> bool:
    return event.kind == "menu.entered" and event.data.get("menu") == "booking"


def test_everything_is_up_again(live: Running) -> None:
    until(lambda: all(process.up for process in live.supervisor.processes()), "all processes are up")
