"""Reading queue_log and the flows' journal, whatever stands in them."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.events import UNREADABLE
from ivr.calls.flow_log import parse_flow_line, read_flow
from ivr.calls.journal import Journal
from ivr.calls.queue_log import parse_queue_line, read_queue_log

REAL = (Path(__file__).parent / "journal" / "queue_log").read_bytes()
MORNING = datetime(2026, 5, 1, 8, 30, 0, 250000, UTC)


def test_what_asterisk_22_wrote_is_read_to_the_last_line() -> None:
    found, taken = read_queue_log(REAL)
    assert taken == len(REAL)
    assert UNREADABLE not in {event.kind for _, event in found}
    assert {"QUEUESTART", "ENTERQUEUE", "CONNECT", "COMPLETECALLER", "RINGNOANSWER"} <= {e.kind for _, e in found}


def test_a_line_tells_queue_agent_and_numbers() -> None:
    event = parse_queue_line(b"1795372330|ivr-88b511-1795372316.4|service|1002|COMPLETECALLER|6|8|1")
    assert event.at == datetime(2026, 11, 22, 18, 32, 10, tzinfo=UTC)
    assert event.call_id == "ivr-88b511-1795372316.4"
    assert event.data == {"queue": "service", "agent": "1002", "args": ["6", "8", "1"]}


def test_a_caller_whose_own_agent_is_rung_first_is_in_the_queue_itself() -> None:
    event = parse_queue_line(b"1795372330|ivr-88b511-1795372316.4|service-1002|1002|RINGNOANSWER|15000")
    assert event.data == {"queue": "service", "agent": "1002", "args": ["15000"], "own": True}
    assert parse_queue_line(b"1795372330|MANAGER|on-duty|1002|ADDMEMBER|").data["queue"] == "on-duty"


def test_a_line_of_no_call_belongs_to_no_call() -> None:
    event = parse_queue_line(b"1795372165|NONE|NONE|NONE|QUEUESTART|")
    assert (event.kind, event.call_id, event.data["queue"]) == ("QUEUESTART", None, None)


@pytest.mark.parametrize("who", ["MANAGER", "REALTIME"])
def test_who_changed_a_queues_members_is_no_call(who: str) -> None:
    event = parse_queue_line(f"1795372165|{who}|service|1001|ADDMEMBER|".encode())
    assert (event.kind, event.call_id, event.channel_id, event.data["agent"]) == ("ADDMEMBER", None, None, "1001")


def test_pipes_in_a_callers_name_stay_in_the_data() -> None:
    event = parse_queue_line(b"1795372165|u.1|service|NONE|ENTERQUEUE||13|8|1")
    assert (event.kind, event.data["args"]) == ("ENTERQUEUE", ["", "13", "8", "1"])


@pytest.mark.parametrize("line", [b"", b"|||||", b"soon|u.1|q|a|CONNECT|1", b"1795372165|u.1|q", b"\xff\xfe"])
def test_what_is_no_event_is_kept_aside(line: bytes) -> None:
    assert parse_queue_line(line).kind == UNREADABLE


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_reading(noise: bytes) -> None:
    good = b"1795372165|NONE|NONE|NONE|QUEUESTART|\n"
    for read in (read_queue_log, read_flow):
        found, taken = read(noise + b"\n" + good)
        assert taken == len(noise) + 1 + len(good)
        assert found[-1][1].kind == ("QUEUESTART" if read is read_queue_log else UNREADABLE)
        json.dumps([event.data for _, event in found], ensure_ascii=False, allow_nan=False).encode()


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(
            lambda key: key not in ("at", "call", "event", "self")
        ),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")) | st.integers() | st.none(),
        max_size=4,
    )
)
def test_what_a_flow_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, facts: dict[str, object]) -> None:
    path = tmp_path_factory.mktemp("flow") / "flow.jsonl"
    Journal(path, now=lambda: MORNING).write("u.0", "note", **facts)
    ((start, event),), taken = read_flow(path.read_bytes())
    assert (start, taken) == (0, path.stat().st_size)
    assert (event.kind, event.call_id, event.at, event.data) == ("note", "u.0", MORNING, facts)


def test_what_became_known_together_is_read_back_in_its_order_with_one_moment(tmp_path: Path) -> None:
    path, moments = tmp_path / "flow.jsonl", itertools.count()
    journal = Journal(path, now=lambda: MORNING + timedelta(seconds=next(moments)))
    journal.write_together("u.0", [("call.started", {"caller": "138"}), ("recording.started", {})])
    journal.write("u.0", "note")
    events = [event for _, event in read_flow(path.read_bytes())[0]]
    assert [event.kind for event in events] == ["call.started", "recording.started", "note"]
    assert [event.at - MORNING for event in events] == [timedelta(0), timedelta(0), timedelta(seconds=1)]


def test_a_torn_flow_line_waits_for_its_end() -> None:
    line = b'{"at": "2026-05-01T08:30:00+00:00", "call": "u.0", "event": "note"}\n'
    assert read_flow(line + line[:30])[1] == len(line)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"3",
        b"{}",
        b'{"at": "2026-05-01T08:30:00", "call": "u", "event": "e"}',
        b'{"at": "0001-01-01T00:00:00+14:00", "call": "u", "event": "e"}',
        b'{"at": 5, "call": "u", "event": "e"}',
        b'{"at": "2026-05-01T08:30:00+00:00", "call": null, "event": "e"}',
        b"[" * 5000,
    ],
)
def test_a_flow_line_without_moment_call_or_event_is_kept_aside(line: bytes) -> None:
    assert parse_flow_line(line).kind == UNREADABLE


def test_numbers_that_no_database_takes_are_kept_as_text() -> None:
    event = parse_flow_line(b'{"at": "2026-05-01T08:30:00+00:00", "call": "u", "event": "e", "x": [NaN, Infinity]}')
    assert event.data == {"x": ["NaN", "Infinity"]}
