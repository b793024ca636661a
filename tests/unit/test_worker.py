"""Finished recordings become words and scores, whatever dies on the way."""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.settings import ROOT, Settings
from ivr.speech import claims
from ivr.speech.models import DEMONSTRATION_PATH, ModelFolderError, SpeechModel
from ivr.speech.transcriber import (
    ModelDoesNotLoad,
    RecordingUnusable,
    Transcription,
    TranscriptionCrashed,
    Windows,
)
from ivr.speech.words import Word
from ivr.speech.worker import NothingToTranscribe, Worker, again
from ivr.store.models import Call, JournalEvent, Leg, LegRole, Score, Transcript, leg_id
from ivr.store.session import Store, open_store
from ivr.store.tables import Base

START = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
NOW = START + dt.timedelta(hours=1)
SPOKEN = ("您好", "请问", "有", "什么", "可以", "帮", "您", "这", "不", "关", "我", "事", "谢谢", "再见")


def said(words: tuple[str, ...] = SPOKEN, start: float = 12.0) -> tuple[Word, ...]:
    return tuple(Word(word, start + index * 0.5, start + index * 0.5 + 0.5, 1.0) for index, word in enumerate(words))


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> dt.datetime:
        # Every look at the clock is a little later than the one before, as in life.
        self.at += dt.timedelta(microseconds=1)
        return self.at

    def later(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)


class Ear:
    """A transcriber that hears SPOKEN, or has the next trouble of its list first."""

    def __init__(self, troubles: list[Exception] | None = None) -> None:
        self.troubles = troubles or []
        self.heard: list[tuple[str, Windows | None]] = []
        self.models: list[str] = []
        self.words = said()
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, model: SpeechModel) -> "Ear":
        self.model = model
        self.models.append(model.name)
        return self

    def transcribe(self, wav: Path, windows: Windows | None = None) -> Transcription:
        self.heard.append((wav.name, windows))
        self.meanwhile()
        if self.troubles:
            raise self.troubles.pop(0)
        return Transcription(self.words, 30.0, 30.0)

    def interrupt(self) -> None:
        self.troubles.insert(0, TranscriptionCrashed("The transcriber died (signal 9)."))

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    settings.paths.create()
    opened = open_store(settings.store_url)
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def add_call(
    store: Store, call_id: str = "c1", *, answered: float | None = 10.0, ended: float = 30.0, ago: float = 0.0
) -> str:
    """A recorded call; `answered` and `ended` in seconds after its start."""
    start = START - dt.timedelta(seconds=ago)
    with store.write() as session:
        session.add(
            Call(
                id=call_id,
                direction="inbound",
                started_at=start,
                recorded_at=start,
                answered_at=None if answered is None else start + dt.timedelta(seconds=answered),
                ended_at=start + dt.timedelta(seconds=ended),
                outcome="abandoned" if answered is None else "answered",
                agent=None if answered is None else "1001",
                hung_up_by="caller",
                language="zh-CN",
            )
        )
        session.flush()
        roles: tuple[LegRole, ...] = ("caller", "agent")
        for role in roles:
            leg = leg_id(call_id, role)
            session.add(Leg(id=leg, call_id=call_id, role=role, recording=f"2026/{leg}.wav", seconds=ended))
            session.add(Transcript(leg_id=leg, state="pending", words=[]))
        session.add(
            JournalEvent(
                source="flow",
                position=f"{call_id}:0",
                call_id=call_id,
                at=start,
                kind="prompt.played",
                data={"prompt": "greeting"},
            )
        )
        session.add(
            JournalEvent(
                source="cel",
                position=f"{call_id}:1",
                call_id=call_id,
                at=start,
                kind="WORK_NUMBER",
                data={"extra": {"extra": "1001"}},
            )
        )
    return call_id


def transcript(store: Store, leg: str = "c1-agent") -> Transcript:
    with store.read() as session:
        return session.get_one(Transcript, leg)


def states(store: Store) -> dict[str, str]:
    with store.read() as session:
        return {row.leg_id: row.state for row in session.scalars(select(Transcript))}


def score_of(store: Store, call_id: str = "c1") -> Score | None:
    with store.read() as session:
        return session.get(Score, call_id)


def drain(worker: Worker) -> None:
    while worker.once():
        continue


def test_message_is_heard_from_its_beginning_though_no_agent_answered(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store, answered=None)
    with store.write() as session:
        session.add(Leg(id="c1-message", call_id="c1", role="message", recording="2026/m.wav", seconds=9.0))
        session.add(Transcript(leg_id="c1-message", state="pending", words=[]))
    ear = Ear()
    drain(Worker(settings, store, hears=ear, now=clock))
    assert states(store)["c1-message"] == "done"
    assert transcript(store, "c1-message").text.startswith("您好")
    score = score_of(store)
    assert score is not None and "message" not in str(score.items)


def test_finished_call_is_written_down_on_both_legs_and_scored(settings: Settings, store: Store, clock: Clock) -> None:
    add_call(store)
    ear = Ear()
    drain(Worker(settings, store, hears=ear, now=clock))
    assert states(store) == {"c1-agent": "done", "c1-caller": "done"}
    row = transcript(store)
    assert (row.model, row.demonstration, row.attempts, row.error) == ("demo-zh", True, 1, None)
    assert row.words[0] == {"word": "您好", "start": 12.0, "end": 12.5, "confidence": 1.0}
    assert row.text.startswith("您好请问有什么可以帮您")
    score = score_of(store)
    assert score is not None
    assert (score.total, score.model, score.demonstration) == (0.0, "demo-zh", True)
    verdicts = {item["rule"]: item["verdict"] for item in score.items}
    assert verdicts["greeting"] == "met"
    assert verdicts["forbidden_words"] == "not_met"
    assert next(item for item in score.items if item["auto_fail"])["evidence"][0]["text"] == "不关我事"


def test_agent_is_heard_from_the_answer_on_because_before_it_the_hotline_speaks(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store, answered=10.0)
    ear = Ear()
    drain(Worker(settings, store, hears=ear, now=clock))
    heard = dict(ear.heard)
    assert heard["c1-caller.wav"] is None
    windows = heard["c1-agent.wav"]
    assert windows is not None
    assert windows[0][0] == 10.0
    assert windows[0][1] > 24 * 3600


def test_call_that_no_agent_answered_has_no_agents_words_and_no_total(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store, answered=None)
    ear = Ear()
    drain(Worker(settings, store, hears=ear, now=clock))
    assert [name for name, _ in ear.heard] == ["c1-caller.wav"]
    assert transcript(store, "c1-agent").words == []
    score = score_of(store)
    assert score is not None
    assert score.total is None
    assert {item["verdict"] for item in score.items} == {"not_assessable"}


def test_call_that_runs_or_has_only_just_ended_is_left_alone(settings: Settings, store: Store, clock: Clock) -> None:
    add_call(store, ended=3599.0)
    with store.write() as session:
        session.add(Call(id="c2", direction="inbound", started_at=START))
        session.flush()
        session.add(Leg(id="c2-caller", call_id="c2", role="caller", recording="x.wav"))
        session.add(Transcript(leg_id="c2-caller", words=[]))
    worker = Worker(settings, store, hears=Ear(), now=clock)
    assert not worker.once()
    clock.later(1)
    assert worker.once()
    assert states(store)["c2-caller"] == "pending"


def test_crash_is_tried_once_more_and_the_words_are_there(settings: Settings, store: Store, clock: Clock) -> None:
    add_call(store)
    ear = Ear([TranscriptionCrashed("The transcriber died (signal 6).")])
    drain(Worker(settings, store, hears=ear, now=clock))
    assert states(store) == {"c1-agent": "done", "c1-caller": "done"}
    assert len(ear.heard) == 3
    assert {transcript(store, leg).error for leg in states(store)} == {None}


def test_recording_that_crashes_twice_is_failed_with_its_reason_and_the_rest_is_scored(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store)
    ear = Ear()
    worker = Worker(settings, store, hears=ear, now=clock)

    def crash_on_the_agents_leg() -> None:
        if ear.heard[-1][0] == "c1-agent.wav":
            ear.troubles = [TranscriptionCrashed("The transcriber died (signal 6).")]

    ear.meanwhile = crash_on_the_agents_leg
    drain(worker)
    assert states(store) == {"c1-agent": "failed", "c1-caller": "done"}
    assert transcript(store).error == "The transcriber died (signal 6)."
    assert transcript(store).attempts == 2
    score = score_of(store)
    assert score is not None
    greeting = next(item for item in score.items if item["rule"] == "greeting")
    assert greeting["verdict"] == "not_assessable"
    assert "signal 6" in greeting["reason"]["en"]


def test_recording_that_cannot_be_heard_is_failed_at_once(settings: Settings, store: Store, clock: Clock) -> None:
    add_call(store)
    ear = Ear([RecordingUnusable("The recording c1-agent.wav cannot be transcribed: it is empty.")])
    drain(Worker(settings, store, hears=ear, now=clock))
    assert sorted(states(store).values()) == ["done", "failed"]
    assert len(ear.heard) == 2


def test_recording_cut_short_is_done_and_says_so(settings: Settings, store: Store, clock: Clock) -> None:
    class CutShort(Ear):
        def transcribe(self, wav: Path, windows: Windows | None = None) -> Transcription:
            return Transcription(self.words, 12.0, 30.0)

    add_call(store)
    drain(Worker(settings, store, hears=CutShort(), now=clock))
    assert transcript(store).state == "done"
    assert transcript(store).error == "the recording is cut short: 12.0 of 30.0 s are there"


def test_model_that_does_not_load_costs_no_recording_its_attempts(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store)
    ear = Ear([ModelDoesNotLoad("The speech model does not load.")])
    worker = Worker(settings, store, hears=ear, now=clock)
    with pytest.raises(ModelDoesNotLoad):
        worker.once()
    assert set(states(store).values()) == {"pending"}
    drain(worker)
    assert set(states(store).values()) == {"done"}


def test_folder_that_is_no_model_leaves_every_recording_waiting(
    settings: Settings, store: Store, clock: Clock, tmp_path: Path
) -> None:
    add_call(store)
    wrong = settings.model_copy(update={"vosk_model": tmp_path})
    with pytest.raises(ModelFolderError):
        Worker(wrong, store, hears=Ear(), now=clock).once()
    assert set(states(store).values()) == {"pending"}


def test_work_of_a_killed_worker_is_taken_up_again_once_its_claim_has_run_out(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store)
    with store.write() as session:
        dead = claims.take(session, clock())
    assert dead is not None
    worker = Worker(settings, store, hears=Ear(), now=clock)
    drain(worker)
    assert sorted(states(store).values()) == ["done", "running"]
    clock.later(21)
    drain(worker)
    assert set(states(store).values()) == {"done"}
    assert score_of(store) is not None


def test_worker_that_comes_back_late_does_not_overwrite_what_another_has_done(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store)
    slow, quick = Ear(), Ear()
    slow.words = said(("旧",))

    def another_takes_over() -> None:
        slow.meanwhile = lambda: None
        clock.later(21)
        drain(Worker(settings, store, hears=quick, now=clock))

    slow.meanwhile = another_takes_over
    Worker(settings, store, hears=slow, now=clock, beat_seconds=3600).once()
    assert {transcript(store, leg).text for leg in states(store)} == {"".join(SPOKEN)}


def test_worker_that_is_slow_but_alive_keeps_its_claim(settings: Settings, store: Store, clock: Clock) -> None:
    add_call(store)
    with store.write() as session:
        claim = claims.take(session, clock())
    assert claim is not None
    for _ in range(5):
        clock.later(15)
        with store.write() as session:
            now = clock()
            assert claims.renew(session, claim, now)
        claim.renewed_at = now
        with store.write() as session:
            taken = claims.take(session, clock())
            assert taken is None or taken.leg_id != claim.leg_id


def test_heartbeat_runs_while_the_child_hears(settings: Settings, store: Store, clock: Clock) -> None:
    add_call(store)
    ear = Ear()
    seen = threading.Event()

    def wait_for_a_beat() -> None:
        first = running_since(store)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if running_since(store) != first:
                seen.set()
                return
            time.sleep(0.01)

    ear.meanwhile = wait_for_a_beat
    assert Worker(settings, store, hears=ear, now=clock, beat_seconds=0.01).once()
    assert seen.is_set()
    assert "done" in states(store).values()


def running_since(store: Store) -> dt.datetime | None:
    with store.read() as session:
        return session.scalars(select(Transcript.made_at).where(Transcript.state == "running")).one()


def test_recording_that_takes_the_whole_worker_along_is_given_up_in_the_end(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store)
    for _ in range(20):
        with store.write() as session:
            claims.take(session, clock())
        clock.later(21)
    assert set(states(store).values()) == {"failed"}
    assert "died 5 times" in str(transcript(store).error)


def test_several_workers_share_the_calls_and_no_leg_is_heard_twice(
    settings: Settings, store: Store, clock: Clock
) -> None:
    for number in range(6):
        add_call(store, f"c{number}", ago=number)
    ears = [Ear() for _ in range(3)]
    threads = [threading.Thread(target=drain, args=(Worker(settings, store, hears=ear, now=clock),)) for ear in ears]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [name for ear in ears for name, _ in ear.heard]
    assert len(names) == len(set(names)) == 12
    Worker(settings, store, hears=Ear(), now=clock).sweep()
    assert all(score_of(store, f"c{number}") is not None for number in range(6))


def test_several_workers_share_the_calls_on_postgresql_too(settings: Settings, postgres_url: str, clock: Clock) -> None:
    server = open_store(postgres_url)
    Base.metadata.drop_all(server.engine)
    Base.metadata.create_all(server.engine)
    try:
        test_several_workers_share_the_calls_and_no_leg_is_heard_twice(settings, server, clock)
        again(server, "all")
        drain(Worker(settings, server, hears=Ear(), now=clock))
        assert set(states(server).values()) == {"done"}
    finally:
        Base.metadata.drop_all(server.engine)
        server.close()


def test_worker_that_died_before_scoring_leaves_the_score_to_the_next(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store)
    worker = Worker(settings, store, hears=Ear(), now=clock)
    drain(worker)
    with store.write() as session:
        session.delete(session.get_one(Score, "c1"))
    assert worker.sweep() == 1
    assert score_of(store) is not None
    assert worker.sweep() == 0


def test_better_model_arrives_and_transcripts_and_scores_are_made_again(
    settings: Settings, store: Store, clock: Clock, tmp_path: Path
) -> None:
    add_call(store)
    add_call(store, "c2", ago=60)
    ear = Ear()
    drain(Worker(settings, store, hears=ear, now=clock))
    shutil.copytree(DEMONSTRATION_PATH, tmp_path / "better")
    (tmp_path / "better/am/final.mdl").write_bytes(b"\0B better")
    better = settings.model_copy(update={"vosk_model": tmp_path / "better"})
    ear.words = said(("您好", "请问", "有", "什么", "可以", "帮", "您", "谢谢", "再见"))
    assert again(store, "c1") == 2
    assert transcript(store).text.startswith("您好")
    drain(Worker(better, store, hears=ear, now=clock))
    assert (transcript(store).model, transcript(store).demonstration) == ("better", False)
    score = score_of(store)
    assert score is not None
    assert (score.model, score.demonstration) == ("better", False)
    assert score.total is not None
    assert score.total > 0
    assert transcript(store, "c2-agent").model == "demo-zh"
    assert again(store, "all") == 4
    with pytest.raises(NothingToTranscribe):
        again(store, "nobody")


def test_worker_told_to_stop_puts_its_recording_back_without_counting_it(
    settings: Settings, store: Store, clock: Clock
) -> None:
    add_call(store)
    ear = Ear()
    worker = Worker(settings, store, hears=ear, now=clock)
    stop = threading.Event()

    def told_to_stop() -> None:
        stop.set()
        worker.stop_hearing()

    ear.meanwhile = told_to_stop
    worker.run_forever(stop)
    assert set(states(store).values()) == {"pending"}
    assert {transcript(store, leg).attempts for leg in states(store)} == {0}


def test_database_that_is_away_does_not_end_the_worker(settings: Settings, store: Store, clock: Clock) -> None:
    add_call(store)
    Base.metadata.drop_all(store.engine)
    stop = threading.Event()
    worker = Worker(settings, store, hears=Ear(), now=clock)
    thread = threading.Thread(target=worker.run_forever, args=(stop,))
    thread.start()
    Base.metadata.create_all(store.engine)
    add_call(store)
    deadline = time.monotonic() + 60
    while set(states(store).values()) != {"done"} and time.monotonic() < deadline:
        clock.later(1)
        time.sleep(0.05)
    stop.set()
    thread.join()
    assert set(states(store).values()) == {"done"}


RUN = "from ivr.settings import Settings; from ivr.speech.worker import run; run(Settings())"


def test_worker_process_killed_in_the_middle_loses_nothing_and_ends_cleanly_when_asked(
    settings: Settings, store: Store
) -> None:
    """The real process, the real Vosk: silence is heard as no words."""
    import numpy as np
    import soundfile

    add_call(store)
    folder = settings.paths.recordings / "2026"
    folder.mkdir()
    for role in ("caller", "agent"):
        soundfile.write(folder / f"c1-{role}.wav", np.zeros(8000 * 30), 8000, subtype="PCM_16")
    with store.write() as session:
        claims.take(session, dt.datetime.now(dt.UTC) - dt.timedelta(seconds=30))
    env = {**os.environ, "IVR_STATE_DIR": str(settings.state_dir), "IVR_CACHE_DIR": str(settings.cache_dir)}
    process = subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, env=env)
    try:
        deadline = time.monotonic() + 90
        while set(states(store).values()) != {"done"} and time.monotonic() < deadline:
            time.sleep(0.1)
        assert set(states(store).values()) == {"done"}
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
