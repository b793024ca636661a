"""A call in the words of a receptionist: what the flows of agi_scripts/ speak."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr.calls.journal import Journal
from ivr.calls.waiting import Outlook, expected_wait
from ivr.hotline import Hotline, Language
from ivr.speech import numbers
from ivr.telephony.agi import CallerHungUp, Channel
from ivr.telephony.sounds import Sound, Sounds

__all__ = ["Call", "CallerHungUp", "Desk"]

logger = logging.getLogger(__name__)

_HEARD = 0.3
"""Seconds of a prompt's end that carry no word any more."""

_OUTLOOK = "${{QUEUE_WAITING_COUNT({0})}},${{QUEUE_MEMBER({0},ready)}},${{QUEUE_MEMBER({0},logged)}}"


@dataclass(frozen=True)
class Desk:
    """What every call is given: the business, its sounds, its journal, the clocks, and how long talks last.

    `talk_seconds(queue)`: mean length of a talk, None when unknown.
    """

    hotline: Hotline
    sounds: Sounds
    journal: Journal
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    talk_seconds: Callable[[str], float | None] = lambda queue: None


class Call:
    """One caller on the line. Every method raises CallerHungUp when the caller has gone."""

    def __init__(self, channel: Channel, desk: Desk) -> None:
        self._channel = channel
        self._desk = desk
        self._language: Language = desk.hotline.languages[0]
        self._heard: set[str] = set()

    @property
    def hotline(self) -> Hotline:
        return self._desk.hotline

    @property
    def language(self) -> Language:
        return self._language

    @property
    def id(self) -> str:
        """Asterisk's uniqueid of the caller's channel, which is the linkedid of the whole call."""
        return self._channel.env.get("agi_uniqueid", "")

    @property
    def caller(self) -> str:
        """The caller's number in digits, empty when withheld."""
        number = self._channel.env.get("agi_callerid", "")
        return number if number != "unknown" else ""

    @property
    def called(self) -> str:
        return self._channel.env.get("agi_extension", "")

    def begin(self) -> None:
        """Write down who called and where the recordings lie."""
        self.journal("call.started", caller=self.caller, called=self.called, language=self._language)
        caller, agent = (self._channel.env.get(f"agi_arg_{n}", "") for n in (1, 2))
        if caller and agent:
            self.journal("recording.started", caller=caller, agent=agent)

    def play(self, *prompts: str) -> None:
        """Say prompts to the end, whatever keys are pressed."""
        sounds = self._sounds(prompts)
        if sounds:
            seconds = sum(sound.seconds for _, sound in sounds)
            with self._listening(sounds):
                self._channel.play_files([sound.file for _, sound in sounds], seconds)

    def ask(self, *prompts: str, seconds: float = 4.0) -> str | None:
        """Say prompts and take one key, during them or up to `seconds` after; None when the caller is silent."""
        sounds = self._sounds(prompts)
        spoken = sum(sound.seconds for _, sound in sounds)
        with self._listening(sounds):
            return self._channel.key_during([sound.file for _, sound in sounds], seconds, spoken)

    def heard(self, prompt: str) -> bool:
        """Whether the caller has heard a prompt to its end (a key stops prompts that are asked with)."""
        return prompt in self._heard

    def say_number(self, number: int) -> None:
        self.play(*numbers.say_number(number, self._language))

    def say_duration(self, seconds: float) -> None:
        self.play(*numbers.say_duration(seconds, self._language))

    def switch_language(self, language: Language) -> None:
        """Speak another language from here to the end of the call, in the dialplan too."""
        self._language = language
        self._channel.set(**{"CHANNEL(language)": language})
        self.play("language_changed")

    def open_queue(self, queue: str) -> str | None:
        """The queue that takes callers now: this one, its overflow, or None when all are closed."""
        return self.hotline.open_queue(queue, self._desk.now())

    def queue_outlook(self, queue: str) -> Outlook:
        """What a caller who joins `queue` now can expect."""
        figures = self._channel.evaluate(_OUTLOOK.format(queue)).split(",")
        waiting, free, present = (int(figure) if figure.isdigit() else 0 for figure in (*figures, "", "", "")[:3])
        busy = max(0, present - free)
        seconds = expected_wait(waiting, free, busy, self._desk.talk_seconds(queue))
        return Outlook(ahead=waiting, free_now=free > waiting, seconds=seconds)

    def tell_wait(self, queue: str) -> None:
        """Say that an agent comes at once, or how many are ahead and how long it may take (S7)."""
        outlook = self.queue_outlook(queue)
        if outlook.free_now:
            self.play("connecting")  # nothing longer: the agent's phone does not ring before it is said
            return
        self.journal("wait.told", position=outlook.ahead + 1, seconds=outlook.seconds)
        said = ["all_busy", *numbers.say_position(outlook.ahead, self._language)]
        if outlook.seconds is not None:
            said += numbers.say_wait(outlook.seconds, self._language)
        self.play(*said)

    def enqueue(self, queue: str, reason: str) -> None:
        """Hand the caller over to the dialplan's queue; the flow ends after it."""
        self.journal("queue.joined", queue=queue, reason=reason)
        if reason:
            self._channel.set(IVR_REASON=reason)
        self._decide("queue", queue)

    def hang_up(self, prompt: str, outcome: str) -> None:
        """Say goodbye and have the dialplan hang up; `outcome` as in the record (closed, silent, …)."""
        self.play(prompt)
        self.journal("call.closed", outcome=outcome)
        self._decide("hangup", "")

    def note(self, **facts: Any) -> None:
        """Write facts of this call into the journal; never the caller's personal data."""
        self.journal("note", **facts)

    def journal(self, event: str, **facts: Any) -> None:
        """Write an event; a full disk costs the fact, never the call."""
        try:
            self._desk.journal.write(self.id, event, **facts)
        except OSError as error:
            logger.error("flow journal: %s not written: %s", event, error.strerror)

    def _decide(self, what: str, queue: str) -> None:
        self._channel.set_plain(["IVR_QUEUE", "IVR_NEXT"], [queue, what])

    def _sounds(self, prompts: tuple[str, ...]) -> list[tuple[str, Sound]]:
        found = [(prompt, self._desk.sounds.find(prompt, self._language)) for prompt in prompts]
        for prompt, sound in found:
            if sound is None:
                logger.error("prompt %s has no sound in %s: run `ivr prompts build`", prompt, self._language)
        return [(prompt, sound) for prompt, sound in found if sound is not None]

    @contextmanager
    def _listening(self, sounds: list[tuple[str, Sound]]) -> Iterator[None]:
        """Journal the prompts that were begun, also by a caller who hung up; remember those heard to the end."""
        began, started = self._desk.now(), self._desk.monotonic()
        try:
            yield
        finally:
            self._played(sounds, began, self._desk.monotonic() - started)

    def _played(self, sounds: list[tuple[str, Sound]], began: datetime, elapsed: float) -> None:
        offset = 0.0
        for prompt, sound in sounds:
            if offset > elapsed:
                return
            heard = offset + sound.seconds <= elapsed + _HEARD
            facts: dict[str, Any] = {"began": (began + timedelta(seconds=offset)).isoformat()}
            if heard:
                self._heard.add(prompt)
            else:
                facts["cut"] = True
            self.journal("prompt.played", prompt=prompt, language=self._language, **facts)
            offset += sound.seconds
