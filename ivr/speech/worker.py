"""The process `ivr worker`: finished recordings into words, words into scores; killed, its work is taken up again."""

import datetime as dt
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ivr.errors import IvrError
from ivr.hotline import HotlineFileError, HotlineInForce
from ivr.quality.assemble import read_talk
from ivr.quality.rules import default_rules
from ivr.quality.scorecard import score
from ivr.settings import Settings
from ivr.speech import claims
from ivr.speech.claims import Claim
from ivr.speech.models import ModelFolderError, SpeechModel, find_model
from ivr.speech.transcriber import (
    ModelDoesNotLoad,
    RecordingUnusable,
    Transcriber,
    Transcription,
    TranscriptionCrashed,
    Windows,
)
from ivr.store.models import Call, Score
from ivr.store.session import Store, StoreUnavailable, open_store

POLL_SECONDS = 0.5
SWEEP_SECONDS = 60.0
"""How often calls are looked for whose words are there and whose score is not (a worker died in between)."""

NICENESS = 10
"""Calls go first."""

_REST_SECONDS = 5.0
_END = 1e9

log = logging.getLogger("ivr.worker")
Clock = Callable[[], dt.datetime]


class Hears(Protocol):
    """What the worker needs of a Transcriber."""

    model: SpeechModel

    def transcribe(self, wav: Path, windows: Windows | None = None) -> Transcription: ...

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Worker:
    """Takes one leg after another. `hears` makes the transcriber for a model; the clock is an argument."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        hears: Callable[[SpeechModel], Hears] = Transcriber,
        now: Clock = _utc_now,
        beat_seconds: float = claims.LEASE.total_seconds() / 5,
    ) -> None:
        self._settings = settings
        self._hotline = HotlineInForce(settings)
        self._store = store
        self._make = hears
        self._now = now
        self._beat_seconds = beat_seconds
        self._transcriber: Hears | None = None
        self._stopping = threading.Event()

    def once(self) -> bool:
        """Take one leg if one waits, and score its call when that was the last one; False when none waits.

        Raises ModelFolderError, ModelDoesNotLoad and StoreUnavailable; the leg then waits on.
        """
        model = find_model(self._settings)
        with self._store.read() as session:
            if not claims.waiting(session, self._now()):
                return False
        with self._store.write() as session:
            claim = claims.take(session, self._now())
        if claim is None:
            return False
        with self._holding(claim):
            self._transcribe(claim, model)
        return True

    def sweep(self) -> int:
        """Score every call whose legs are all transcribed and whose score is missing or older; returns how many."""
        with self._store.read() as session:
            waiting = claims.unscored_calls(session)
        for call_id in waiting:
            self.score_call(call_id)
        return len(waiting)

    def score_call(self, call_id: str) -> None:
        """Judge a call by what the store knows of it now."""
        with self._store.read() as session:
            call = session.get(Call, call_id)
            if call is None:
                return
            talk = read_talk(session, call, self._company())
            model, demonstration = claims.heard_by(session, call_id)
        card = score(talk, default_rules())
        with self._store.write() as session:
            session.merge(
                Score(
                    call_id=call_id,
                    total=card.total,
                    items=card.items_json(),
                    made_at=self._now(),
                    model=model,
                    demonstration=demonstration,
                )
            )

    def run_forever(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Trouble with model or store is logged, and work waits, nothing is lost."""
        last_sweep: dt.datetime | None = None
        trouble = ""
        while not stop.is_set():
            try:
                if last_sweep is None or (self._now() - last_sweep).total_seconds() >= SWEEP_SECONDS:
                    self.sweep()
                    last_sweep = self._now()
                busy, trouble = self.once(), ""
            except (ModelFolderError, ModelDoesNotLoad, StoreUnavailable) as error:
                if str(error) != trouble:
                    trouble = str(error)
                    log.error("%s", trouble)
                stop.wait(_REST_SECONDS)
                continue
            if not busy:
                stop.wait(POLL_SECONDS)
        self.close()

    def stop_hearing(self) -> None:
        """Break off the recording under way; it goes back to those that wait."""
        self._stopping.set()
        if self._transcriber is not None:
            self._transcriber.interrupt()

    def close(self) -> None:
        """End the transcriber's child."""
        if self._transcriber is not None:
            self._transcriber.close()
            self._transcriber = None

    def _transcribe(self, claim: Claim, model: SpeechModel) -> None:
        try:
            heard = self._hear(claim, model)
        except TranscriptionCrashed as error:
            if self._stopping.is_set():
                self._give_back(claim)
            elif isinstance(error, ModelDoesNotLoad):
                self._give_back(claim)
                raise
            elif claim.attempts >= claims.CRASHES:
                self._finish(claim, model, None, error.message)
            else:
                log.warning("%s The recording is tried once more.", error.message)
                self._give_back(claim, count=True, error=error.message)
        except RecordingUnusable as error:
            self._finish(claim, model, None, error.message)
        else:
            cut = f"the recording is cut short: {heard.seconds:.1f} of {heard.declared:.1f} s are there"
            self._finish(claim, model, heard, cut if heard.cut_short else None)

    def _hear(self, claim: Claim, model: SpeechModel) -> Transcription:
        wav = self._settings.paths.recordings / claim.recording
        windows = _windows(claim)
        if windows == []:
            return Transcription((), 0.0, 0.0)
        if self._transcriber is None or self._transcriber.model != model:
            self.close()
            self._transcriber = self._make(model)
        if self._stopping.is_set():
            raise TranscriptionCrashed("The worker is being stopped.")
        return self._transcriber.transcribe(wav, windows)

    def _finish(self, claim: Claim, model: SpeechModel, heard: Transcription | None, error: str | None) -> None:
        """Write what came out; when it was the call's last leg, score the call."""
        with claim.guard, self._store.write() as session:
            kept = claims.finish(session, claim, model, heard.words if heard else None, error, self._now())
            if kept:
                self._store.lock(session, f"score {claim.call_id}")
            last = kept and claims.all_finished(session, claim.call_id)
        if last:
            self.score_call(claim.call_id)

    def _give_back(self, claim: Claim, *, count: bool = False, error: str | None = None) -> None:
        with claim.guard, self._store.write() as session:
            claims.give_back(session, claim, count=count, error=error)

    @contextmanager
    def _holding(self, claim: Claim) -> Iterator[None]:
        """Renew the claim while the child hears, so that no other worker takes it for abandoned."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self._beat_seconds):
                try:
                    self._renew(claim)
                except StoreUnavailable:
                    log.warning("A claim could not be renewed; the database is busy.")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, claim: Claim) -> None:
        now = self._now()
        with claim.guard:
            with self._store.write() as session:
                renewed = claims.renew(session, claim, now)
            if renewed:
                claim.renewed_at = now

    def _company(self) -> list[str]:
        try:
            return list(self._hotline().company.name.values())
        except HotlineFileError as error:
            log.error("%s", error)
            return []


def _windows(claim: Claim) -> list[tuple[float, float]] | None:
    """What to hear of a leg: the caller's and a message all; the agent's from the answer on (before it the hotline
    speaks)."""
    if claim.role != "agent":
        return None
    if claim.answered_offset is None:
        return []
    return [(claim.answered_offset, _END)]


class NothingToTranscribe(IvrError):
    """No transcript is known under this call's id."""


def again(store: Store, which: str) -> int:
    """Have transcripts and scores made again (a better model has come); returns how many legs wait now.

    `which` is "all" or a call's id; raises NothingToTranscribe. The old words stay until the new ones are there.
    """
    with store.write() as session:
        count = claims.reset(session, None if which == "all" else which)
    if not count and which != "all":
        raise NothingToTranscribe(f"No recording of a call {which} is known.", "see `ivr calls`")
    return count


def run(settings: Settings) -> None:
    """The process itself: works with low priority until SIGTERM or SIGINT."""
    os.nice(max(0, NICENESS - os.nice(0)))
    worker = Worker(settings, open_store(settings.store_url))
    stop = threading.Event()

    def leave(_number: int, _frame: object) -> None:
        stop.set()
        worker.stop_hearing()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    worker.run_forever(stop)
