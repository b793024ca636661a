"""Finding and showing the record of a call; recordings that were cut short or lie elsewhere."""

import json
import struct
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.calls.record import CallNotFound, get_call, list_calls
from ivr.calls.recordings import (
    RecordingMissing,
    RecordingUnreadable,
    find_recordings,
    mend,
    resolve,
    wav_facts,
)
from ivr.store.models import Call, Leg, Score, Transcript
from ivr.store.session import Store
from tests.stores import engine_url, store

__all__ = ["engine_url", "store"]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEYS = ["id", "direction", "caller", "started_at", "answered_at", "ended_at", "outcome", "queue", "agent"]
KEYS += ["wait_seconds", "talk_seconds", "menu_path", "legs", "score", "offered", "callback_of"]
KEYS += ["contact_id", "hold_seconds"]
KEYS += ["transfers", "message", "rating", "notes", "callback"]


def add(store: Store, call_id: str, minutes: int = 0, said: list[str] | None = None, **values: Any) -> None:
    with store.write() as session:
        session.add(
            Call(
                id=call_id,
                direction="inbound",
                started_at=NOON + timedelta(minutes=minutes),
                **{"menu_path": [], "outcome": "answered", **values},
            )
        )
        session.flush()
        if said is not None:
            words = [{"word": w, "start": i, "end": i + 0.5, "confidence": 0.9} for i, w in enumerate(said)]
            for role in ("agent", "caller"):
                session.add(Leg(id=f"{call_id}-{role}", call_id=call_id, role=role, recording=f"{role}.wav"))
            session.add(
                Transcript(leg_id=f"{call_id}-caller", state="done", words=words, demonstration=True, model="demo")
            )


def found(store: Store, **filters: Any) -> list[str]:
    with store.read() as session:
        return [call.id for call in list_calls(session, **filters).items]


def test_a_call_with_words_and_score_as_json(store: Store) -> None:
    add(store, "a", said=["您好"], caller="138", answered_at=NOON + timedelta(seconds=5), wait_seconds=4.0)
    with store.write() as session:
        session.add(Score(call_id="a", total=None, items=[{"rule": "greeting"}], made_at=NOON))
    with store.read() as session:
        record = get_call(session, "a")
    told = json.loads(json.dumps(record.to_json()))
    assert list(told) == KEYS
    assert told["answered_at"] == "2026-05-01T12:00:05+00:00"
    assert [leg["role"] for leg in told["legs"]] == ["caller", "agent"]
    assert told["legs"][0]["words"] == [{"word": "您好", "start": 0, "end": 0.5, "confidence": 0.9}]
    assert told["legs"][1] == {"role": "agent", "recording": "agent.wav", "words": []}
    assert told["score"] == {"total": None, "items": [{"rule": "greeting"}]}
    assert record.demonstration


def test_a_call_that_is_not_judged_yet_has_no_score(store: Store) -> None:
    add(store, "a")
    with store.read() as session:
        assert get_call(session, "a").to_json()["score"] is None


@pytest.mark.parametrize("call_id", ["nobody", "", "a\x00b", "'; DROP TABLE call; --"])
def test_an_unknown_call_is_said_so(store: Store, call_id: str) -> None:
    with pytest.raises(CallNotFound), store.read() as session:
        get_call(session, call_id)


def test_newest_first_and_calls_of_the_same_moment_keep_their_order(store: Store) -> None:
    for name, minute in (("a", 0), ("c", 5), ("b", 5), ("d", 3)):
        add(store, name, minute)
    assert found(store) == ["c", "b", "d", "a"]
    assert found(store, per_page=2) + found(store, per_page=2, page=2) == ["c", "b", "d", "a"]


def test_a_page_knows_how_many_there_are(store: Store) -> None:
    for n in range(5):
        add(store, f"c{n}", n)
    with store.read() as session:
        page = list_calls(session, page=3, per_page=2)
        assert ([call.id for call in page.items], page.total, page.pages) == (["c0"], 5, 3)
        assert list_calls(session, page=99).items == []
        assert list_calls(session, page=-1, per_page=0).per_page == 1


def test_filters(store: Store) -> None:
    add(store, "a", 0, caller="+8613812345678", agent="1001", queue="service")
    add(store, "b", 1, caller="1001", agent="1002", queue="booking", outcome="abandoned")
    add(store, "c", 2, caller=None, outcome=None)
    assert found(store, caller="1381234") == ["a"]
    assert found(store, caller="%") == []
    assert found(store, agent="1002") == ["b"]
    assert found(store, queue="service") == ["a"]
    assert found(store, outcome="abandoned") == ["b"]
    assert found(store, outcome="running") == ["c"]
    assert found(store, outcome="nonsense\x00") == []
    assert found(store, since=NOON + timedelta(minutes=1)) == ["c", "b"]
    assert found(store, until=NOON + timedelta(minutes=1)) == ["a"]
    assert found(store, agent="1001", queue="booking") == []


def test_what_was_said_is_found_across_word_boundaries(store: Store) -> None:
    add(store, "a", said=["我", "要", "预约", "保养"])
    add(store, "b", 1, said=["Hello", "there"])
    assert found(store, text="预约保养") == ["a"]
    assert found(store, text="hello THERE") == ["b"]
    assert found(store, text="_") == []


# ---- recordings ----------------------------------------------------------------------------------------------


def wav(path: Path, samples: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(2 * samples))
    return path


@pytest.mark.parametrize(
    "relative", ["../secret.wav", "/etc/passwd", "2026/../../secret.wav", "link.wav", "", ".", "a\x00b", "x" * 5000]
)
def test_nothing_outside_the_recordings_folder_is_found(tmp_path: Path, relative: str) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    wav(tmp_path / "secret.wav")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    with pytest.raises(RecordingMissing):
        resolve(folder, relative)


def test_recordings_are_found_without_being_told_whatever_day_asterisk_thinks_it_is(tmp_path: Path) -> None:
    wav(tmp_path / "2026/05/02/u.0-caller.wav")
    assert find_recordings(tmp_path, "u.0", {}, NOON) == {"caller": "2026/05/02/u.0-caller.wav"}
    assert find_recordings(tmp_path, "u.0", {"caller": "gone.wav"}, NOON) == {}


def test_a_whole_recording_tells_its_length(tmp_path: Path) -> None:
    facts = wav_facts(wav(tmp_path / "a.wav", 12_000))
    assert (facts.seconds, facts.sample_rate, facts.complete) == (1.5, 8000, True)


@pytest.mark.parametrize("told", [0, 10**6, 0xFFFFFFFF])
def test_a_recording_cut_short_is_as_long_as_its_sound_and_can_be_mended(tmp_path: Path, told: int) -> None:
    path = wav(tmp_path / "a.wav", 4000)
    data = bytearray(path.read_bytes()) + b"\x01"  # half a sample: the crash came in the middle of a write
    data[40:44] = struct.pack("<I", told)
    path.write_bytes(data)
    facts = wav_facts(path)
    assert (facts.samples, facts.complete) == (4000, False)
    mend(facts)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 4000
    assert wav_facts(path).complete


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a wav at all, really", b"RIFF\0\0\0\0WAVEdata\0\0\0\0"])
def test_what_is_no_recording_is_said_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(RecordingUnreadable):
        wav_facts(tmp_path / "a.wav")
