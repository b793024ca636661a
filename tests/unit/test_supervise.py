"""Processes die and come back; nothing outlives its instance, nothing of others is touched."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import Settings
from ivr.store.migrate import migrate_store
from ivr.store.session import open_store
from ivr.supervise import PROCESSES, AlreadyRunning, NotRunning, Supervisor

STANDS_IN_FOR_ASTERISK = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def supervisor(settings: Settings) -> Iterator[Supervisor]:
    settings.paths.create()
    Instance.create(settings.paths, load_hotline(settings.hotline_file).agents)
    migrate_store(open_store(settings.store_url))
    made = Supervisor(settings)
    made.start(STANDS_IN_FOR_ASTERISK, {})
    yield made
    if made.is_up():
        made.stop()


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def pids(supervisor: Supervisor) -> dict[str, int | None]:
    return {process.name: process.pid for process in supervisor.processes()}


def all_up(supervisor: Supervisor) -> bool:
    return all(process.up for process in supervisor.processes())


def test_what_is_killed_comes_back_and_down_ends_everything(supervisor: Supervisor) -> None:
    eventually(lambda: all_up(supervisor))
    before = pids(supervisor)
    assert list(before) == list(PROCESSES)
    time.sleep(1.5)  # supervisord counts an end within the first second as a failed start
    for pid in before.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: all_up(supervisor) and not set(pids(supervisor).values()) & set(before.values()))
    with pytest.raises(AlreadyRunning):
        supervisor.require_down()
    after = pids(supervisor)
    supervisor.stop()
    assert not supervisor.is_up()
    for pid in after.values():
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(NotRunning):
        supervisor.stop()


def test_after_supervisord_was_killed_a_new_start_finds_no_rivals(supervisor: Supervisor) -> None:
    eventually(lambda: all_up(supervisor))
    stranger = subprocess.Popen(STANDS_IN_FOR_ASTERISK)
    orphans = set(pids(supervisor).values())
    own = supervisor.pid()
    assert own is not None
    os.kill(own, signal.SIGKILL)
    eventually(lambda: not supervisor.is_up())
    ended = set(supervisor.end_orphans())
    assert orphans <= ended
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_with_its_socket_swept_away_it_is_still_up_and_still_ends_when_told(
    supervisor: Supervisor, settings: Settings
) -> None:
    eventually(lambda: all_up(supervisor))
    running = [pid for pid in pids(supervisor).values() if pid]
    (settings.paths.run / "supervisor.sock").unlink()
    with pytest.raises(AlreadyRunning):
        supervisor.require_down()
    supervisor.stop()
    assert not supervisor.is_up()
    for pid in running:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
