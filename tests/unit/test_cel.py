"""Reading Asterisk's channel event log, whatever callers and full disks put into it."""

import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.cel import read_cel
from ivr.calls.events import UNREADABLE

REAL = (Path(__file__).parent / "journal" / "cel-custom" / "cel.csv").read_bytes()
FIELDS = ["channel", "number", "exten", "context", "app", "peer"]


def record(kind: str = "HANGUP", epoch: str = "1795372309.410440", extra: str = "", **fields: str) -> bytes:
    """A record as Asterisk writes it: every field quoted, quotes doubled."""
    columns = [kind, epoch, "u.1", "u.0", *(fields.get(name, "") for name in FIELDS), extra]
    return ",".join('"' + column.replace('"', '""') + '"' for column in columns).encode() + b"\n"


def test_what_asterisk_22_wrote_is_read_to_the_last_line() -> None:
    found, taken = read_cel(REAL)
    assert taken == len(REAL)
    assert len(found) == REAL.count(b"\n")
    assert UNREADABLE not in {event.kind for _, event in found}
    first = found[0][1]
    assert (first.kind, first.call_id) == ("CHAN_START", first.channel_id)
    assert first.at == datetime(2026, 11, 22, 18, 31, 40, 402074, UTC)
    assert first.data["channel"] == "PJSIP/trunk-sample-00000000"


def test_a_torn_last_line_waits_for_its_end() -> None:
    whole, torn = record(), record(kind="CHAN_END")[:-20]
    found, taken = read_cel(whole + torn)
    assert [event.kind for _, event in found] == ["HANGUP"]
    assert taken == len(whole)


def test_a_record_cut_by_a_full_disk_does_not_take_the_next_one_along() -> None:
    found, _ = read_cel(b'"CHAN_START","17953723' + record() + record(kind="CHAN_END"))
    assert [event.kind for _, event in found] == [UNREADABLE, "HANGUP", "CHAN_END"]
    assert found[1][0] == len(b'"CHAN_START","17953723')


def test_a_line_of_something_else_is_kept_aside() -> None:
    found, taken = read_cel(b"what is this\n" + record())
    assert [event.kind for _, event in found] == [UNREADABLE, "HANGUP"]
    assert found[0][1].data == {"text": "what is this"}
    assert taken == len(b"what is this\n" + record())


def test_a_caller_cannot_write_events_of_their_own() -> None:
    forged = '1"\n"LINKEDID_END","1795372309.0","u.9","u.9","","","","","","","'
    found, _ = read_cel(record(number=forged) + record(kind="CHAN_END"))
    assert [event.kind for _, event in found] == ["HANGUP", "CHAN_END"]
    assert found[0][1].data["number"] == forged


printable = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=40)


@given(st.lists(st.tuples(printable, printable), min_size=1, max_size=5))
def test_any_number_and_name_comes_back_as_it_was(callers: list[tuple[str, str]]) -> None:
    written = [record(number=number, peer=name, extra=json.dumps({"extra": name})) for number, name in callers]
    found, taken = read_cel(b"".join(written))
    assert taken == sum(map(len, written))
    assert [(e.data["number"], e.data["extra"]["extra"]) for _, e in found] == callers


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_stop_the_reading_and_a_later_record_is_found(noise: bytes, cut: int) -> None:
    data = noise.replace(b'"', b"") + b"\n" + record()
    found, taken = read_cel(data)
    assert taken == len(data)
    assert found[-1][1].kind == "HANGUP"
    read_cel(noise[:cut])


@given(st.integers(0, len(REAL)))
def test_reading_in_two_pieces_gives_the_same_as_reading_at_once(cut: int) -> None:
    first, taken = read_cel(REAL[:cut])
    second, _ = read_cel(REAL[taken:])
    assert first + [(start + taken, event) for start, event in second] == read_cel(REAL)[0]


@given(st.binary(max_size=200))
def test_everything_read_can_be_stored(noise: bytes) -> None:
    for _, event in read_cel(record(extra='{"a": "\\u0000\\ud800"}') + noise + b"\n")[0]:
        json.dumps(event.data, ensure_ascii=False, allow_nan=False).encode()
        assert "\x00" not in str(event.data)
