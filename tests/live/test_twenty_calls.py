"""Twenty calls are running while one process after the other is killed: none drops, all are in the record."""

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ivr.demo.rtp import RtpLines
from tests.live.conftest import CROWD, Running, listen, until
from tests.phones import Caller, calling, many_agents

CALLS = 20
IN_THE_MENU = 8
"""So many callers are still being greeted by the flows when these are killed."""
LAST_WORDS = 2.0
"""Seconds that every caller speaks before the phone is put down; nothing else is in the caller's track."""
LOUD = 0.05
"""Of full scale: a caller's voice is louder."""
RATE = 8000


@pytest.mark.standards("S20")
def test_kill_9_of_every_process_in_turn_drops_no_call_and_loses_no_fact(live: Running) -> None:
    secrets = {number: live.instance.agent_secrets[number] for number in CROWD}
    numbers = [f"1350000{place:04d}" for place in range(CALLS)]
    watch = live.watch()
    with many_agents(live.server, secrets) as agents, RtpLines(CALLS) as lines:
        callers = [Caller(number, line) for number, line in zip(numbers, lines.lines, strict=True)]
        with calling(live.server, live.number, callers) as run:
            run.wait_for("answered", CALLS)
            for caller in callers[IN_THE_MENU:]:
                caller.line.press("0")
            agents.wait_for("talks", CALLS - IN_THE_MENU)
            live.kill("agi")
            call_ids = [watch.call_from(number) for number in numbers]
            for call_id in call_ids:
                watch.wait_in(call_id, "BRIDGE_ENTER", seconds=90)
            for process in ("ingest", "web", "worker", "scheduler"):
                live.kill(process)
            for caller in callers:
                caller.line.hum(LAST_WORDS)
            listen(LAST_WORDS)
            run.hang_up()
            result = run.result()
    assert (result.succeeded, result.failed) == (CALLS, 0), result.errors
    until(lambda: all(process.up for process in live.supervisor.processes()), "all processes are up again")

    records = [live.record(call_id) for call_id in call_ids]
    assert {record.outcome for record in records} == {"answered"}
    assert {record.hung_up_by for record in records} == {"caller"}
    assert len({record.agent for record in records}) == CALLS
    assert all(record.wait_seconds is not None and (record.talk_seconds or 0) > 0 for record in records)
    for record in records:
        tracks = {leg.role: live.settings.paths.recordings / leg.recording for leg in record.legs}
        assert set(tracks) == {"caller", "agent"}
        sounds = {role: soundfile.read(track, dtype="float32")[0] for role, track in tracks.items()}
        assert has_last_words(sounds["caller"]), f"a recording that goes on to the end: {tracks}"
        assert abs(len(sounds["caller"]) - len(sounds["agent"])) < RATE / 2, "two tracks of one length"
    listed = {call["caller"] for call in live.ivr("calls", "--per-page", "100")}
    assert listed >= set(numbers)


def has_last_words(sound: npt.NDArray[np.float32]) -> bool:
    """Whether some of the last words are in a recording's last seconds: a busy machine loses some of them."""
    end = np.abs(sound[-int(RATE * (LAST_WORDS + 1)) :])
    return bool(np.sum(end > LOUD) > RATE * LAST_WORDS / 4)
