"""Transfers, callbacks, messages, ratings, notes in the tables: on both databases, and the same again from nothing."""

import shutil
import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.callbacks.projection import apply as follow_callbacks
from ivr.calls.events import Event
from ivr.calls.ingest import Ingestor
from ivr.calls.projection import Projection, events_after
from ivr.calls.record import get_call, list_calls
from ivr.calls.story import story
from ivr.cases.acts import apply as follow_cases
from ivr.settings import StatePaths
from ivr.store.followup import Callback, Message, Rating, WrapUpNote
from ivr.store.models import Call, JournalEvent, Leg, Transcript
from ivr.store.session import Store
from tests.stores import dump, engine_url, store
from tests.unit.test_inbound_scenarios import CALLED_BACK, CONNECTED, GOES_IN_LINE, JOINS, LEAVES_MESSAGE, LET_GO, PLACE
from tests.unit.test_projection_scenarios import CALL, RINGS_IN, TALKS_TO_1001, ZERO, events

__all__ = ["engine_url", "store"]
MOVES = Path(__file__).parent / "journal_moves"
TABLES = ("call", "leg", "rating", "message", "wrap_up_note", "callback", "callback_attempt", "journal_event")
ASKED = "ivr-first-1.0"
NOTED = 'flow 70 wrap_up.noted {"agent": "1001", "disposition": "solved", "text": "好"}\n'
RATED = 'flow 41 rating.given {"score": 4}\n'


def later() -> datetime:
    return datetime(2026, 12, 1, tzinfo=UTC)


def keep(store: Store, told: list[Event]) -> None:
    """Put events where ingestion puts them, and project what they touch."""
    with store.write() as session:
        known = len(session.scalars(select(JournalEvent.position)).all())
        for number, event in enumerate(told, known):
            row = JournalEvent(source=event.source, position=f"test:{number:06}", kind=event.kind, data=event.data)
            row.call_id, row.channel_id, row.at = event.call_id, event.channel_id, event.at
            session.add(row)
        session.flush()
        Projection(Path("/nonexistent"), later).update(session, told)


def of_call(call_id: str, table: str) -> list[Event]:
    """The events of a table as another call's."""
    found = []
    for event in events(table):
        channel = (event.channel_id or "").replace(CALL, call_id)
        found.append(replace(event, call_id=call_id, channel_id=channel or None))
    return found


def test_what_a_caller_and_an_agent_left_stands_beside_the_call(store: Store) -> None:
    keep(store, events(RINGS_IN + TALKS_TO_1001 + CONNECTED + GOES_IN_LINE + RATED + NOTED))
    with store.read() as session:
        call = get_call(session, CALL)
        rating = session.get_one(Rating, CALL)
    assert (call.rating, call.offered, rating.agent) == (4, True, "1001")
    assert [(note.agent, note.disposition, note.text) for note in call.notes] == [("1001", "solved", "好")]
    assert call.to_json()["notes"][0]["disposition"] == "solved"


def test_a_note_that_is_written_again_replaces_the_first(store: Store) -> None:
    keep(store, events(RINGS_IN + TALKS_TO_1001 + CONNECTED + GOES_IN_LINE + NOTED))
    again = NOTED.replace("solved", "complaint").replace("flow 70", "flow 90")
    keep(store, events(RINGS_IN + again)[-1:])
    with store.read() as session:
        assert [note.disposition for note in session.scalars(select(WrapUpNote))] == ["complaint"]


def test_a_message_is_a_leg_of_its_own_that_waits_to_be_written_down(paths: StatePaths, store: Store) -> None:
    file = paths.recordings / "m.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(2 * 8000))
    told = events(RINGS_IN + JOINS + LEAVES_MESSAGE + LET_GO)
    keep(store, told)
    with store.write() as session:
        Projection(paths.recordings, later).project(session, [CALL])
    with store.read() as session:
        message = session.get_one(Message, CALL)
        leg = session.get_one(Leg, f"{CALL}-message")
        due = session.get_one(Transcript, f"{CALL}-message")
        call = get_call(session, CALL)
    assert (message.number, message.queue, message.seconds) == ("13900000000", "service", 9.5)
    assert (leg.role, leg.recording, leg.seconds, due.state) == ("message", "m.wav", 1.0, "pending")
    assert call.message is not None and call.outcome == "message"


def test_what_is_said_in_a_message_stands_in_the_story_when_it_was_said(store: Store) -> None:
    keep(store, events(RINGS_IN + JOINS + LEAVES_MESSAGE + LET_GO))
    with store.write() as session:
        session.add(Leg(id=f"{CALL}-message", call_id=CALL, role="message", recording="m.wav", seconds=9.5))
        session.add(Transcript(leg_id=f"{CALL}-message", words=[{"word": "请回电", "start": 1.0, "end": 2.0}]))
    with store.read() as session:
        lines = story(session, CALL, "en")
    said = next(line for line in lines if "请回电" in line.what)
    assert (said.who, said.at) == ("caller", ZERO + timedelta(seconds=52 - 9.5 + 1))
    assert "leaves a message of 9.5 s" in [line.what for line in lines]


def test_a_callback_is_found_by_the_customers_number_and_belongs_to_the_first_call(store: Store) -> None:
    asked = RINGS_IN + JOINS + 'flow 35 callback.requested {"number": "13700000000", "queue": "service"}' + GOES_IN_LINE
    keep(store, of_call(ASKED, asked))
    keep(store, of_call(f"{ASKED}-cb1", CALLED_BACK))
    with store.read() as session:
        back = get_call(session, f"{ASKED}-cb1")
        assert [call.id for call in list_calls(session, caller="13700000000").items] == [f"{ASKED}-cb1"]
        told = [line.what for line in story(session, f"{ASKED}-cb1", "en")]
    assert (back.callback_of, back.number, back.direction, back.offered) == (ASKED, "13700000000", "outbound", False)
    assert "calls 13700000000 back" in told and "the customer answers" in told


def test_a_place_in_line_is_no_call_also_when_queue_log_is_read_first(store: Store) -> None:
    place = of_call(f"{ASKED}-cb1", PLACE + "queue 1 ENTERQUEUE service - - 13812345678 1")
    half = f"{ASKED}-cb1-place"
    queue = [replace(e, call_id=half, channel_id=half) for e in place if e.source == "queue_log"]
    cel = [replace(e, channel_id=half) if e.kind == "CALLBACK_PLACE" else e for e in place if e.source == "cel"]
    starts = [replace(cel[0], channel_id=half, data=cel[0].data | {"channel": "Local/s@callback-place-0;2"})]
    keep(store, queue)
    keep(store, cel + starts)
    with store.read() as session:
        assert session.scalars(select(Call.id)).all() == []


def test_a_listening_supervisor_leaves_the_list_as_soon_as_that_is_known(store: Store) -> None:
    keep(store, events("cel 0.00 CHAN_START 9 exten=1001"))
    keep(store, events("cel 0.00 CHAN_START 9 exten=1001\ncel 1.00 SUPERVISE 9 extra=listen/1003/1001")[1:])
    with store.read() as session:
        assert session.scalars(select(Call.id)).all() == []


def test_an_agent_sees_the_calls_that_were_handed_over_too(store: Store) -> None:
    moved = RINGS_IN + TALKS_TO_1001 + CONNECTED + "cel 20 BLINDTRANSFER 1 bridge_id=b extension=1002" + GOES_IN_LINE
    keep(store, events(moved))
    with store.read() as session:
        found = [list_calls(session, agent=agent).total for agent in ("1001", "1002", "100", "1003")]
        assert get_call(session, CALL).agents == ["1001", "1002"]
    assert found == [1, 1, 0, 0]


def test_the_journal_is_read_through_in_portions_without_a_gap(store: Store) -> None:
    keep(store, events(RINGS_IN + TALKS_TO_1001 + CONNECTED + GOES_IN_LINE + RATED + NOTED))
    seen: list[Any] = []
    place = None
    with store.read() as session:
        while rows := events_after(session, place, 3):
            seen += rows
            place = rows[-1][0]
        total = len(session.scalars(select(JournalEvent.position)).all())
    assert len(seen) == len({place for place, _ in seen}) == total
    assert [place for place, _ in seen] == sorted(place for place, _ in seen)


# ---- a journal that Asterisk, the flows and agents' phones wrote ----------------------------------------------


@pytest.fixture
def moves(paths: StatePaths) -> StatePaths:
    shutil.copytree(MOVES, paths.journal, dirs_exist_ok=True)
    return paths


def ingestor(paths: StatePaths, store: Store) -> Ingestor:
    return Ingestor(paths, store, later, followers=(follow_callbacks, follow_cases))


def test_rebuilding_gives_identical_rows(moves: StatePaths, store: Store) -> None:
    ingestor(moves, store).once()
    before = dump(store, *TABLES)
    assert before["rating"] and before["message"] and before["callback"] and before["callback_attempt"]
    with store.write() as session:  # what somebody spoilt
        session.query(Rating).delete()
        session.query(Message).delete()
        session.add(Rating(call_id="made-up", score=1, given_at=later()))
        session.add(Call(id="made-up", direction="inbound", started_at=later(), menu_path=[]))
    ingestor(moves, store).rebuild()
    assert dump(store, *TABLES) == before


def test_a_follower_that_fails_keeps_no_call_out_of_the_record(
    moves: StatePaths, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(session: Session, told: list[Event]) -> None:
        session.add(Rating(call_id="half done", score=1, given_at=later()))
        session.flush()
        raise KeyError("13800000000")

    Ingestor(moves, store, later, followers=(fails, follow_callbacks)).once()
    with store.read() as session:
        assert session.get(Rating, "half done") is None
        assert session.scalars(select(Call.id)).all() and session.scalars(select(Callback.id)).all()
    assert "KeyError" in caplog.text and "138" not in caplog.text


@pytest.mark.parametrize("step", [500, 7001])
def test_read_bit_by_bit_it_ends_in_the_same_rows(moves: StatePaths, store: Store, step: int) -> None:
    names = ("cel-custom/cel.csv", "queue_log", "flow.jsonl")
    whole = {name: (MOVES / name).read_bytes() for name in names}
    for name in names:
        (moves.journal / name).write_bytes(b"")
    bits = ingestor(moves, store)
    for start in range(0, max(map(len, whole.values())), step * 10):
        for name in names:
            with (moves.journal / name).open("ab") as file:
                file.write(whole[name][start : start + step * 10])
            bits.once()
    before = dump(store, "call", "rating", "message", "callback", "callback_attempt")
    bits.rebuild()
    assert dump(store, "call", "rating", "message", "callback", "callback_attempt") == before


def test_calls_that_real_phones_made(moves: StatePaths, store: Store) -> None:
    ingestor(moves, store).once()
    with store.read() as session:
        calls = list_calls(session, per_page=100).items
        callbacks = {row.number: row for row in session.scalars(select(Callback))}
    told = {call.number: call for call in calls if not call.callback_of}
    back = next(call for call in calls if call.callback_of)
    assert {number: call.outcome for number, call in told.items()} == {
        **{f"1361234000{last}": "answered" for last in range(1, 9)},
        "13612340009": "message",
        "13612340010": "callback",
        "13612340011": "callback",
        "13612340012": "callback",
    }
    moved = {number: [(t["by"], t["to"], t["kind"], t["returned"]) for t in c.transfers] for number, c in told.items()}
    assert moved["13612340001"] == [("1001", "1002", "warm", False)]
    assert moved["13612340002"] == []
    assert moved["13612340003"] == [("1001", "1002", "blind", False)]
    assert moved["13612340004"] == [("1001", "1002", "blind", True)]
    assert moved["13612340008"] == [("1001", "booking", "blind", False)]
    assert told["13612340005"].hold_seconds > 2 and told["13612340006"].hold_seconds > 2
    assert told["13612340007"].rating == 2
    assert {number: row.state for number, row in callbacks.items()} == {
        "13612340010": "cancelled",
        "13612340011": "cancelled",
        "13612340012": "answered",
    }
    assert (back.callback_of, back.number, back.outcome) == (callbacks["13612340012"].id, "13612340012", "answered")
    assert {call.hung_up_by for call in calls if call.number in ("13612340006", "13612340004")} == {"caller"}
