"""`ivr up` says nothing to worry about."""

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from ivr.settings import Settings
from ivr.supervise import Supervisor
from tests.live.conftest import Running, until

_WORRYING = re.compile(r"\b(NOTICE|WARNING|WARN|ERROR|CRITICAL|Traceback)\b")


def test_a_clean_start_logs_no_warning(live: Running) -> None:
    assert live.clean_start, "there are logs to look at"
    assert [line for line in live.clean_start if _WORRYING.search(line)] == []


def test_status_names_the_hotline_and_every_process_is_up(live: Running) -> None:
    status = live.ivr("status")
    assert (status["sip_host"], status["sip_port"]) == live.server
    assert status["hotline_number"] == live.number
    assert status["state_dir"] == str(live.settings.paths.state)
    assert {process["name"] for process in status["processes"] if process["up"]} == {
        "asterisk",
        "agi",
        "ingest",
        "scheduler",
        "worker",
        "web",
    }


def test_ctrl_c_while_it_starts_leaves_nothing_running(live: Running) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ivr-live-"))
    supervisor = Supervisor(Settings(state_dir=folder))
    argv = [sys.executable, "-m", "ivr", "up", "--detach", "--state", str(folder)]
    starting = subprocess.Popen(argv, env=live.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(supervisor.is_up, "the processes are being started")
        starting.send_signal(signal.SIGINT)
        assert starting.wait(90) == 130
        assert not supervisor.is_up()
        assert supervisor.end_orphans() == []
    finally:
        if starting.poll() is None:
            starting.kill()
            starting.wait()
        supervisor.end_orphans()
        shutil.rmtree(folder)
