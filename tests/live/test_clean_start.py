"""`ivr up` says nothing to worry about."""

import re

from tests.live.conftest import Running

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
