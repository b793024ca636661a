"""The journal on disk becomes rows: every line once, whatever is killed, locked, rotated or cut short."""

import logging
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ivr.calls.ingest import Ingestor
from ivr.calls.journal import Journal
from ivr.settings import ROOT, StatePaths
from ivr.store.migrate import migrate
from ivr.store.models import Call, JournalEvent, Leg, Transcript
from ivr.store.session import Store, open_store
from ivr.store.surveys import comment_leg
from tests.stores import dump, engine_url, store

__all__ = ["engine_url", "store"]
REAL = Path(__file__).parent / "journal"
LINES = sum((REAL / name).read_bytes().count(b"\n") for name in ("queue_log", "cel-custom/cel.csv"))
KILLED = "ivr-88b511-1795372996.46"
"""The call during which Asterisk was killed with SIGKILL."""
ANSWERED = "ivr-88b511-1795372300.0"
PROJECTED = ("call", "leg", "journal_event")


def later() -> datetime:
    return datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def ingestor(paths: StatePaths, store: Store) -> Ingestor:
    return Ingestor(paths, store, later)


def real_journal(paths: StatePaths) -> None:
    shutil.copytree(REAL, paths.journal, dirs_exist_ok=True)


def record(paths: StatePaths, call_id: str, seconds: float, day: str = "2026/11/22") -> list[Path]:
    files = [paths.recordings / day / f"{call_id}-{role}.wav" for role in ("caller", "agent")]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(2 * int(8000 * seconds)))
    return files


def crash(path: Path) -> None:
    """Put the header back to what Asterisk writes first: no length at all."""
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = bytes(4)
    path.write_bytes(data)


def outcomes(store: Store) -> dict[str, str | None]:
    with store.read() as session:
        return {call.id: call.outcome for call in session.scalars(select(Call))}


def test_a_real_journal_is_taken_once(paths: StatePaths, store: Store, ingestor: Ingestor) -> None:
    real_journal(paths)
    assert ingestor.once() == LINES
    assert len(outcomes(store)) == 16
    before = dump(store)
    assert ingestor.once() == 0
    assert Ingestor(paths, store, later).once() == 0
    assert dump(store) == before


def test_rebuilding_gives_identical_rows_and_keeps_words(paths: StatePaths, store: Store, ingestor: Ingestor) -> None:
    real_journal(paths)
    record(paths, ANSWERED, 8.5)
    ingestor.once()
    with store.write() as session:
        row = session.get_one(Transcript, f"{ANSWERED}-caller")
        row.words, row.state = [{"word": "您好", "start": 0.0, "end": 0.4, "confidence": 0.9}], "done"
    before = dump(store)
    with store.write() as session:  # what somebody spoilt, and a call that the journal knows nothing of
        session.get_one(Call, ANSWERED).agent = "9999"
        session.add(Call(id="made-up", direction="inbound", started_at=later(), menu_path=[]))
    assert ingestor.rebuild() == LINES
    assert dump(store) == before


def test_rebuilding_from_nothing_gives_identical_rows(paths: StatePaths, store: Store, tmp_path: Path) -> None:
    real_journal(paths)
    record(paths, ANSWERED, 8.5)
    Ingestor(paths, store, later).once()
    migrate(f"sqlite:///{tmp_path / 'other.db'}")
    other = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    Ingestor(paths, other, later).rebuild()
    assert dump(other, *PROJECTED) == dump(store, *PROJECTED)


@pytest.mark.parametrize("step", [97, 1009, 20011])
def test_a_journal_that_grows_bit_by_bit_ends_in_the_same_rows(paths: StatePaths, tmp_path: Path, step: int) -> None:
    real_journal(paths)
    url = f"sqlite:///{tmp_path / 'whole.db'}"
    migrate(url)
    whole = open_store(url)
    Ingestor(paths, whole, later).once()
    url = f"sqlite:///{tmp_path / 'bits.db'}"
    migrate(url)
    bits = open_store(url)
    ingestor = Ingestor(paths, bits, later)
    for name in ("cel-custom/cel.csv", "queue_log"):
        target, data = paths.journal / name, (REAL / name).read_bytes()
        target.write_bytes(b"")
        for start in range(0, len(data), step * 10):
            with target.open("ab") as file:
                file.write(data[start : start + step * 10])
            ingestor.once()
    assert dump(bits, *PROJECTED) == dump(whole, *PROJECTED)


def test_a_running_call_is_there_without_an_outcome(paths: StatePaths, store: Store, ingestor: Ingestor) -> None:
    lines = (REAL / "cel-custom" / "cel.csv").read_bytes().splitlines(keepends=True)
    (paths.journal / "cel-custom" / "cel.csv").write_bytes(b"".join(lines[:6]))
    ingestor.once()
    assert outcomes(store) == {ANSWERED: None}
    (paths.journal / "cel-custom" / "cel.csv").write_bytes(b"".join(lines[:20]))
    ingestor.once()
    assert outcomes(store)[ANSWERED] == "answered"


def test_killed_again_and_again_it_takes_every_line_once(paths: StatePaths, tmp_path: Path) -> None:
    for name in ("queue_log", "cel-custom/cel.csv"):
        text = (REAL / name).read_text()
        copies = "".join(text.replace("ivr-88b511", f"ivr-copy{n:02}") for n in range(20))
        (paths.journal / name).write_text(copies)
    url = f"sqlite:///{tmp_path / 'killed.db'}"
    migrate(url)
    program = (
        "import sys, pathlib; from ivr.calls.ingest import *; from ivr.store.session import open_store\n"
        "Ingestor(StatePaths(pathlib.Path(sys.argv[1])), open_store(sys.argv[2])).once(); print('all')"
    )
    cut_short = 0
    for life in (0.2, 0.4, 0.1, 0.3, None):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(paths.state), url], stdout=subprocess.PIPE, cwd=ROOT
        )
        until_first_rows(url)
        if life is not None:
            time.sleep(life)  # any moment will do
            child.kill()
        said, _ = child.communicate()
        cut_short += not said
    assert said.strip() == b"all"
    assert cut_short, "every process was done before it was killed"
    migrate(f"sqlite:///{tmp_path / 'clean.db'}")
    clean = open_store(f"sqlite:///{tmp_path / 'clean.db'}")
    assert Ingestor(paths, clean).once() == 20 * LINES
    assert dump(open_store(url), *PROJECTED) == dump(clean, *PROJECTED)


def until_first_rows(url: str) -> None:
    store, deadline = open_store(url), time.monotonic() + 60
    while time.monotonic() < deadline:
        with store.read() as session:
            if session.scalar(select(func.count()).select_from(JournalEvent)):
                return
        time.sleep(0.02)


def test_two_at_once_take_each_line_once(paths: StatePaths, store: Store) -> None:
    real_journal(paths)
    taken: list[int] = []

    def run() -> None:
        taken.append(Ingestor(paths, store, later).once())

    both = [threading.Thread(target=run) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sum(taken) == LINES
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(JournalEvent)) == LINES


# ---- rotation -----------------------------------------------------------------------------------------------


def halves(name: str) -> tuple[bytes, bytes]:
    lines = (REAL / name).read_bytes().splitlines(keepends=True)
    return b"".join(lines[:100]), b"".join(lines[100:])


@pytest.mark.parametrize("way", ["renamed", "copied and emptied"])
def test_rotated_in_between_nothing_is_lost_or_taken_twice(
    paths: StatePaths, store: Store, ingestor: Ingestor, way: str
) -> None:
    first, second = halves("cel-custom/cel.csv")
    shutil.copy(REAL / "queue_log", paths.journal / "queue_log")
    path = paths.journal / "cel-custom" / "cel.csv"
    path.write_bytes(first[:-500])
    ingestor.once()
    with path.open("ab") as file:  # not yet read when it is rotated
        file.write(first[-500:])
    if way == "renamed":
        path.rename(path.with_name("cel.csv.1"))
    else:
        shutil.copy(path, path.with_name("cel.csv-20261122"))
    path.write_bytes(second)
    ingestor.once()
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(JournalEvent)) == LINES
    assert None not in outcomes(store).values()


def test_rebuilding_keeps_what_stood_in_files_that_are_gone(
    paths: StatePaths, store: Store, ingestor: Ingestor
) -> None:
    first, second = halves("cel-custom/cel.csv")
    shutil.copy(REAL / "queue_log", paths.journal / "queue_log")
    path = paths.journal / "cel-custom" / "cel.csv"
    path.with_name("cel.csv.1").write_bytes(first)
    path.write_bytes(second)
    ingestor.once()
    before = dump(store, *PROJECTED)
    path.with_name("cel.csv.1").unlink()
    ingestor.rebuild()
    assert dump(store, *PROJECTED) == before


def test_two_files_that_begin_with_the_same_line_are_two_files(
    paths: StatePaths, store: Store, ingestor: Ingestor
) -> None:
    line = b"1795372165|NONE|NONE|NONE|CONFIGRELOAD|\n"
    (paths.journal / "queue_log.0").write_bytes(line + line)
    (paths.journal / "queue_log").write_bytes(line)
    assert ingestor.once() == 3
    with (paths.journal / "queue_log").open("ab") as file:
        file.write(line)
    assert ingestor.once() == 1


def test_unreadable_lines_are_kept_aside_and_stop_nothing(paths: StatePaths, store: Store, ingestor: Ingestor) -> None:
    real_journal(paths)
    (paths.journal / "flow.jsonl").write_bytes(b"\xff\xfe rubbish\n" + b"x" * 600_000 + b"\n{}\n")
    Journal(paths.journal / "flow.jsonl", later).write(ANSWERED, "menu.key", menu="main", key="1")
    ingestor.once()
    with store.read() as session:
        assert session.get_one(Call, ANSWERED).menu_path == ["main:1"]
        kept = session.scalars(select(JournalEvent).where(JournalEvent.kind == "unreadable")).all()
    assert kept
    assert {event.source for event in kept} == {"flow"}


# ---- recordings and restarts ---------------------------------------------------------------------------------


def test_recordings_become_legs_and_due_transcripts(paths: StatePaths, store: Store, ingestor: Ingestor) -> None:
    real_journal(paths)
    abandoned = "ivr-88b511-1795372331.7"
    record(paths, ANSWERED, 8.5)
    record(paths, abandoned, 3.5)
    ingestor.once()
    with store.read() as session:
        legs = {leg.id: leg for leg in session.scalars(select(Leg))}
        due = set(session.scalars(select(Transcript.leg_id).where(Transcript.state == "pending")))
    assert legs[f"{ANSWERED}-agent"].recording == f"2026/11/22/{ANSWERED}-agent.wav"
    assert legs[f"{ANSWERED}-agent"].seconds == 8.5
    assert set(legs) == {f"{call}-{role}" for call in (ANSWERED, abandoned) for role in ("caller", "agent")}
    # Nobody answered the second call: what the caller heard is the hotline's own voice.
    assert due == {f"{ANSWERED}-caller", f"{ANSWERED}-agent", f"{abandoned}-caller"}


def test_each_spoken_answer_of_a_survey_is_a_leg_whose_words_are_due_and_the_last_one_counts(
    paths: StatePaths, store: Store, ingestor: Ingestor
) -> None:
    real_journal(paths)
    flow = Journal(paths.journal / "flow.jsonl", lambda: datetime.fromtimestamp(1795372305, UTC))
    given = [("reason", "first"), ("wish", "wish"), ("reason", "again"), ("lost", "gone")]
    for question, name in given:
        flow.write(ANSWERED, "survey.answer", question=question, value="", recording=f"{name}.wav", seconds=4.0)
    flow.write(ANSWERED, "survey.answer", question="overall", value="1")
    for name, seconds in (("first", 3.0), ("wish", 4.0), ("again", 5.0)):
        record(paths, "x", seconds)[0].rename(paths.recordings / f"{name}.wav")
    ingestor.once()
    before = dump(store, *PROJECTED)
    with store.read() as session:
        legs = session.scalars(select(Leg).where(Leg.role == "comment").order_by(Leg.id)).all()
        due = set(session.scalars(select(Transcript.leg_id).where(Transcript.state == "pending")))
    assert [(leg.id, leg.recording, leg.seconds) for leg in legs] == [
        (comment_leg(ANSWERED, "reason"), "again.wav", 5.0),
        (comment_leg(ANSWERED, "wish"), "wish.wav", 4.0),
    ]
    assert {leg.id for leg in legs} <= due
    ingestor.rebuild()
    assert dump(store, *PROJECTED) == before


def test_a_recording_that_is_still_being_finished_is_waited_for(paths: StatePaths, store: Store) -> None:
    real_journal(paths)
    files = record(paths, ANSWERED, 8.5)
    whole = [path.read_bytes() for path in files]
    for path in files:
        crash(path)
    just_after = datetime.fromtimestamp(1795372310, UTC)
    Ingestor(paths, store, lambda: just_after).once()
    with store.read() as session:
        assert session.scalars(select(Leg).where(Leg.call_id == ANSWERED)).all() == []
    restarted = Ingestor(paths, store, lambda: just_after)
    restarted._projection.resume(store)
    for path, data in zip(files, whole, strict=True):
        path.write_bytes(data)
    restarted.once()
    with store.read() as session:
        assert [leg.seconds for leg in session.scalars(select(Leg).where(Leg.call_id == ANSWERED))] == [8.5, 8.5]


def test_a_call_that_died_with_asterisk_ends_where_its_recording_ends(
    paths: StatePaths, store: Store, ingestor: Ingestor
) -> None:
    real_journal(paths)
    files = record(paths, KILLED, 4.25)
    for path in files:
        crash(path)
    ingestor.once()
    with store.read() as session:
        call = session.get_one(Call, KILLED)
        legs = session.scalars(select(Leg).where(Leg.call_id == KILLED)).all()
    assert (call.outcome, call.hung_up_by) == ("answered", "system")
    assert call.recorded_at is not None
    assert call.ended_at == call.recorded_at + timedelta(seconds=4.25)
    assert [leg.seconds for leg in legs] == [4.25, 4.25]
    with wave.open(str(files[0])) as mended:
        assert mended.getnframes() == 34_000


def test_a_call_is_not_cut_off_while_asterisk_has_not_been_started_again(
    paths: StatePaths, store: Store, ingestor: Ingestor
) -> None:
    cel = (REAL / "cel-custom" / "cel.csv").read_bytes()
    (paths.journal / "cel-custom" / "cel.csv").write_bytes(cel[: cel.index(b'"CHAN_START","1795373007')])
    queue_log = (REAL / "queue_log").read_bytes()
    started_again = queue_log.rindex(b"QUEUESTART", 0, queue_log.index(b"ivr-88b511-1795373007.0"))
    (paths.journal / "queue_log").write_bytes(queue_log[: queue_log.rindex(b"\n", 0, started_again) + 1])
    ingestor.once()
    assert outcomes(store)[KILLED] is None


def test_queue_log_that_is_read_before_cel_ends_in_the_same_rows(paths: StatePaths, store: Store) -> None:
    ingestor = Ingestor(paths, store, later)
    shutil.copy(REAL / "queue_log", paths.journal / "queue_log")
    ingestor.once()
    real_journal(paths)
    ingestor.once()
    late = dump(store, "call")
    ingestor.rebuild()
    assert dump(store, "call") == late
    assert None not in outcomes(store).values()


# ---- the process ---------------------------------------------------------------------------------------------


def test_a_locked_database_is_waited_for_and_said_once(
    paths: StatePaths, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.store.session.BUSY_SECONDS", 0)
    monkeypatch.setattr("ivr.calls.ingest.RETRY_SECONDS", 0.01)
    database = tmp_path / "ivr.db"
    migrate(f"sqlite:///{database}")
    other = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    store, stop = open_store(f"sqlite:///{database}"), threading.Event()
    real_journal(paths)
    with caplog.at_level(logging.INFO, logger="ivr.calls.ingest"):
        running = threading.Thread(target=Ingestor(paths, store, later).run_forever, args=(stop,))
        running.start()
        until(lambda: "waits" in caplog.text)
        other.execute("COMMIT")
        until(lambda: len(outcomes(store)) == 16)
        stop.set()
        running.join()
    assert caplog.text.count("waits") == 1
    assert "goes on" in caplog.text
    assert "13812345678" not in caplog.text


def test_a_database_that_is_not_there_yet_is_made_when_it_can_be(paths: StatePaths, tmp_path: Path) -> None:
    folder, stop = tmp_path / "mounted later", threading.Event()
    store = open_store(f"sqlite:///{folder / 'ivr.db'}")
    real_journal(paths)
    running = threading.Thread(target=Ingestor(paths, store, later).run_forever, args=(stop,))
    running.start()
    folder.mkdir()
    until((folder / "ivr.db").exists)
    stop.set()
    running.join()


def until(true: object) -> None:
    deadline = time.monotonic() + 30
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen within half a minute"
        time.sleep(0.02)
