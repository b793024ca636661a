"""The record of real calls: every offered call once, with one outcome, and a count that does not believe it."""

import pytest

from ivr.calls.journal import Journal
from ivr.demo.rtp import RtpLine
from tests.live.conftest import Running, listen
from tests.phones import Caller, calling


def answered(live: Running, line: RtpLine, number: str) -> str:
    """A caller who presses 0, talks to agent 1001 for a moment and hangs up; gives the call's id."""
    watch = live.watch()
    with live.agent_phone() as agent:
        with calling(live.server, live.number, [Caller(number, line)]) as run:
            run.wait_for("answered")
            line.press("0")
            agent.wait_for("CALL_INCOMING", seconds=60)
            agent.answer()
            call_id = watch.call_from(number)
            watch.wait_in(call_id, "BRIDGE_ENTER", count=2, seconds=60)
            listen(2.0)
            run.hang_up()
            run.result()
        agent.wait_for("CALL_CLOSED")
    return call_id


def given_up(live: Running, number: str) -> str:
    """A caller who hangs up in line."""
    watch = live.watch()
    with live.caller_phone(number) as caller:
        caller.dial(live.number)
        caller.wait_for("CALL_ESTABLISHED")
        call_id = watch.call_from(number)
        caller.press("0")
        watch.wait_in(call_id, "queue.joined", seconds=60)
        listen(1.0)
        caller.hang_up()
    return call_id


@pytest.mark.standards("S32", "S33")
def test_s32_s33_sums_of_real_calls_agree_with_a_count_from_the_journals_own_files(
    live: Running, line: RtpLine
) -> None:
    before = live.ivr("calls", "sums")["total"]
    talked, gone = answered(live, line, "13700000401"), given_up(live, "13700000402")
    assert [live.record(call_id).outcome for call_id in (talked, gone)] == ["answered", "abandoned"]
    after = live.ivr("calls", "sums")["total"]
    assert after["adds_up"] and after["offered"] == before["offered"] + 2
    for outcome in ("answered", "abandoned"):
        assert after["outcomes"][outcome] == before["outcomes"][outcome] + 1
    assert after["connection_rate"]["count"] == before["connection_rate"]["count"] + 1
    assert after["connection_rate"]["of"] == before["connection_rate"]["of"] + 2
    assert after["service_level"]["count"] == before["service_level"]["count"] + 1
    checked = live.ivr("calls", "check")
    assert checked["agrees"], checked["differences"]
    assert checked["offered"]["journal"] == after["offered"]


@pytest.mark.standards("S14")
def test_s14_note_stands_in_the_record_of_the_call_as_soon_as_the_journal_has_it(live: Running, line: RtpLine) -> None:
    call_id = answered(live, line, "13700000403")
    live.record(call_id)
    note = {"agent": "1001", "disposition": "to_follow", "text": "等配件"}
    Journal(live.settings.paths.journal / "flow.jsonl").write(call_id, "wrap_up.noted", **note)
    noted = live.record(call_id, lambda record: bool(record.notes))
    assert [(one.agent, one.disposition, one.text) for one in noted.notes] == [("1001", "to_follow", "等配件")]
