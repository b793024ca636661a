"""A call in the words of a receptionist: what the flows of agi_scripts/ speak."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from ivr.calls.caller_book import STRANGER, CallerFacts
from ivr.calls.journal import Journal
from ivr.calls.line_sound import LineSound
from ivr.calls.message_sound import Spoken, judge_message
from ivr.calls.notice import NO_NOTICE, PROMPT, Notice
from ivr.calls.waiting import Outlook, expected_wait
from ivr.hotline import Hotline, Language
from ivr.hotline.kinds import SHORT
from ivr.speech import moments, numbers
from ivr.speech.surnames import surname_prompt
from ivr.telephony.agi import CallerHungUp, Channel, plain
from ivr.telephony.line import LINE_FACTS, Line, read_line
from ivr.telephony.sounds import Sound, Sounds, begun

__all__ = ["Call", "CallerHungUp", "Desk"]

logger = logging.getLogger(__name__)

CALLER_SIDE = "-caller.wav"
"""How the recording of a caller's side ends; the first flow of a call is given it."""

_ENDLESS = 1e6
"""Seconds of patience where nobody gives up."""

_OUTLOOK = "${{QUEUE_WAITING_COUNT({0})}},${{QUEUE_MEMBER({0},ready)}},${{QUEUE_MEMBER({0},logged)}}"


@dataclass(frozen=True)
class Desk:
    """What every call is given: the business, its sounds, its journal, the clocks, and how long talks last.

    `talk_seconds(queue)`: how long a caller keeps an agent, `patience(queue)`: waits before giving up; None: unknown.
    `who_calls(number)`: what is known of a caller.
    `recordings`: the folder in which the recordings of running calls grow.
    """

    hotline: Hotline
    sounds: Sounds
    journal: Journal
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    talk_seconds: Callable[[str], float | None] = lambda queue: None
    patience: Callable[[str], float | None] = lambda queue: None
    who_calls: Callable[[str], CallerFacts] = lambda number: STRANGER
    notice: Notice = NO_NOTICE
    recordings: Path | None = None
    knows_pin: Callable[[str, str], bool] = lambda agent, pin: False


class Call:
    """One caller on the line. Every method raises CallerHungUp when the caller has gone."""

    def __init__(self, channel: Channel, desk: Desk) -> None:
        self._channel = channel
        self._desk = desk
        self._language: Language = desk.hotline.languages[0]
        self._begun: set[str] = set()
        self._heard: set[str] = set()
        self._pressed = False
        self._facts: CallerFacts | None = None
        self._recordings = tuple(channel.env.get(f"agi_arg_{number}", "") for number in (1, 2))
        self._placed_as = channel.env.get("agi_arg_3", "")

    @property
    def hotline(self) -> Hotline:
        return self._desk.hotline

    @property
    def language(self) -> Language:
        return self._language

    @property
    def id(self) -> str:
        """The linkedid of the whole call: Asterisk's uniqueid of the caller's channel; of a customer whom we ring for a
        survey it is known before (dialplan/survey.j2)."""
        return self._placed_as or self._channel.env.get("agi_uniqueid", "")

    @property
    def now(self) -> datetime:
        return self._desk.now()

    @property
    def caller(self) -> str:
        """The caller's number in digits, empty when withheld."""
        number = self._channel.env.get("agi_callerid", "")
        return number if number != "unknown" else ""

    @property
    def called(self) -> str:
        return self._channel.env.get("agi_extension", "")

    @property
    def facts(self) -> CallerFacts:
        """What is known of the caller; a stranger's facts where nothing is."""
        if self._facts is None:
            self._facts = self._desk.who_calls(self.caller)
        return self._facts

    @cached_property
    def _line(self) -> LineSound | None:
        """The growing recording of the caller's side; only of whoever presses nothing it is asked for."""
        folder, own = self._desk.recordings, self._recordings[0]
        return LineSound(folder / own) if folder and own.endswith(CALLER_SIDE) else None

    def begin(self) -> None:
        """Write down who called and where the recordings lie, in the first flow of a call; later ones have no such
        arguments and speak the language the call has come to."""
        caller, agent = self._recordings
        # In line the dialplan writes zh-CN_late_service (dialplan/waiting.j2).
        spoken = self._channel.env.get("agi_language", "").partition("_")[0]
        self._language = next((known for known in self.hotline.languages if known == spoken), self._language)
        if caller.endswith(CALLER_SIDE):
            ours = self.hotline.hotline.number
            ends = (ours, self.caller) if self._placed_as else (self.caller, self.called)
            who = {"caller": ends[0], "called": ends[1], "language": self._language}
            self._journal([("call.started", who), ("recording.started", {"caller": caller, "agent": agent})])

    def recognise(self) -> CallerFacts:
        """Look the caller up, greet in their language, and leave for the dialplan whom it serves (S2, S19, S22).

        Costs one round trip, and only for callers about whom something is known.
        """
        facts = self.facts
        if facts.blocked:
            self.journal("caller.blocked", customer_id=facts.customer_id)
        if facts is STRANGER or facts.blocked:
            return facts
        agent = self._agent_first(facts)
        variables: dict[str, object] = {}
        if facts.key:
            variables["IVR_CLASS"] = 1
        if agent:
            variables["IVR_AGENT"] = agent
        if facts.shown:
            variables["__IVR_CUSTOMER"] = plain(facts.shown)
            variables["__IVR_SURNAME"] = surname_prompt(facts.surname, facts.title)
        if facts.speaks in self.hotline.languages and facts.speaks != self._language:
            assert facts.speaks is not None
            self._language = variables["CHANNEL(language)"] = facts.speaks
        known = {"customer_id": facts.customer_id, "key": facts.key, "elder": facts.elder}
        self.journal("caller.known", **known, language=self._language, agent=agent)
        if variables:
            self._channel.set_plain(list(variables), list(variables.values()))
        return facts

    def _agent_first(self, facts: CallerFacts) -> str | None:
        """A key customer's own agent (S22), else the one they spoke with last, as long as that is not long ago."""
        own = facts.agent if facts.key else None
        recent = facts.called_since(self._desk.now(), self.hotline.callers.last_agent_days)
        last = facts.last_agent if recent else None
        return next((agent for agent in (own, last) if agent in self.hotline.agents), None)

    @property
    def rang_lately(self) -> bool:
        """Whether the caller rang within the last days, so that shorter words are enough."""
        return self.facts.called_since(self._desk.now(), self.hotline.callers.returning_days)

    @property
    def has_notice(self) -> bool:
        """Whether an emergency notice is in force (S20)."""
        return self._desk.notice.in_force(self._desk.now())

    def briefly(self, prompt: str) -> str:
        """The shorter wording of a prompt where one has a sound, else the prompt."""
        short = prompt + SHORT
        return short if self.can_say(short) else prompt

    def can_say(self, prompt: str) -> bool:
        """Whether a prompt has a sound."""
        return self._desk.sounds.find(prompt, self._language) is not None

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
            key = self._channel.key_during([sound.file for _, sound in sounds], seconds, spoken)
        self._pressed |= key is not None
        return key

    def ask_digits(self, *prompts: str, most: int = 16, seconds: float = 6.0) -> str:
        """Say prompts and take digits up to the hash key, at most `most`, or `seconds` after the last; "" for none."""
        sounds = self._sounds(prompts)
        spoken = sum(sound.seconds for _, sound in sounds)
        with self._listening(sounds):
            digits = self._channel.digits_during([sound.file for _, sound in sounds], most, seconds, spoken)
        self._pressed |= bool(digits)
        return digits

    def place_in_line(self) -> tuple[datetime | None, int]:
        """When the caller joined the line (None: not yet), and their class; see dialplan/waiting.j2."""
        joined, _, rank = self._channel.evaluate("${JOINED}:${IVR_CLASS}").partition(":")
        since = datetime.fromtimestamp(int(joined), UTC) if joined.isdigit() and len(joined) < 12 else None
        return since, int(rank) if rank in ("1", "2") else 0

    def request_callback(self, number: str, queue: str, matter: str, joined: datetime | None, rank: int) -> None:
        """Keep the caller's place in line; they are called back when it is their turn (S10)."""
        since = int((joined or self._desk.now()).timestamp())
        facts = {"reason": "requested", "matter": matter, "joined_at": since, "priority": rank}
        self.journal("callback.requested", number=number, queue=queue, language=self._language, **facts)

    def line(self) -> Line:
        """Where the caller stands in line, for the flows that a waiting caller comes to."""
        return read_line(self._channel.evaluate(LINE_FACTS))

    def record_message(self) -> Spoken:
        """Take down a message (S12)."""
        limits = self.hotline.messages
        return self.record("message", limits.max_seconds, limits.min_seconds)

    def record(self, what: str, most: int, least: float, wait: Callable[[float], None] = time.sleep) -> Spoken:
        """Take down what the caller says after the tone, between `least` and `most` seconds, beside the call's own
        recording; a caller who hangs up meanwhile has spoken, too."""
        base = self._channel.evaluate("${RECORDING}")
        message = f"{base}-{what}.wav"
        folder = self._desk.recordings
        gone = False
        if folder is None or not base:
            return Spoken("", 0.0, "quiet", gone=False)
        try:
            self._channel.record(str(folder / f"{base}-{what}"), most)
        except CallerHungUp:
            gone = True
        return judge_message(folder, message, least, gone=gone, wait=wait)

    def seems_empty(self) -> bool:
        """Whether there has been no sign of life at all: no key, and no sound on the line (S3).

        A line that cannot be listened to counts as alive.
        """
        return not self._pressed and self._line is not None and self._line.heard() is False

    def begun(self, prompt: str) -> bool:
        """Whether the caller has heard a prompt at least in part."""
        return prompt in self._begun

    def heard(self, prompt: str) -> bool:
        """Whether the caller has heard a prompt to its end (a key stops prompts that are asked with)."""
        return prompt in self._heard

    def say_number(self, number: int) -> None:
        self.play(*numbers.say_number(number, self._language))

    def say_duration(self, seconds: float) -> None:
        self.play(*numbers.say_duration(seconds, self._language))

    def switch_language(self, language: Language) -> None:
        """Speak another language from here to the end of the call, in the dialplan too; the one spoken already
        leads back to the first."""
        self._language = language if language != self._language else self.hotline.languages[0]
        self._channel.set(**{"CHANNEL(language)": self._language})

    def open_queue(self, queue: str) -> str | None:
        """The queue that takes callers now: this one, its overflow, or None when all are closed."""
        return self.hotline.open_queue(queue, self._desk.now())

    def has_agents(self, queue: str) -> bool:
        """Whether anybody is on duty in a queue, whatever its hours say."""
        present = self._channel.evaluate(f"${{QUEUE_MEMBER({queue},logged)}}")
        return present.isdigit() and int(present) > 0

    def tell_opening(self, queue: str) -> None:
        """Say when somebody is there for `queue` again (S12); nothing when no day within sight is known."""
        now = self._desk.now()
        opening = self.hotline.next_opening(queue, now)
        if opening is not None and opening > now:
            zone = self.hotline.zone
            self.play(*moments.say_opening(opening.astimezone(zone), now.astimezone(zone), self._language))

    def queue_outlook(self, queue: str) -> Outlook:
        """What a caller who joins `queue` now can expect."""
        figures = self._channel.evaluate(_OUTLOOK.format(queue)).split(",")
        waiting, free, present = (int(figure) if figure.isdigit() else 0 for figure in (*figures, "", "", "")[:3])
        busy = max(0, present - free)
        pace, patience = self._desk.talk_seconds(queue), self._desk.patience(queue)
        if pace is not None:
            pace += self.hotline.queues[queue].wrap_up_seconds
            names = [f"DB(pace/{queue})", f"DB(patience/{queue})"]
            self._channel.set_plain(names, [round(pace), round(patience or _ENDLESS)])
        seconds = expected_wait(waiting, free, busy, pace, patience)
        return Outlook(ahead=waiting, free_now=free > waiting, seconds=seconds)

    def tell_wait(self, queue: str) -> None:
        """Say that an agent comes at once, or that all are busy (S7).

        How many are ahead, and the minutes, the line itself says as soon as the caller has joined, and again and
        again (say.conf); only who is next is told the minutes here, because app_queue tells them nothing but that.
        """
        outlook = self.queue_outlook(queue)
        if outlook.free_now:
            self.play("connecting")  # nothing longer: the agent's phone does not ring before it is said
            return
        self.journal("wait.told", position=outlook.ahead + 1, seconds=outlook.seconds)
        said = ["all_busy"]
        if outlook.ahead == 0 and outlook.seconds is not None:
            said += numbers.say_wait(outlook.seconds, self._language)
        self.play(*said)

    def enqueue(self, queue: str, reason: str) -> None:
        """Hand the caller over to the dialplan's queue; the flow ends after it."""
        self.journal("queue.joined", queue=queue, reason=reason)
        self._decide("queue", queue, reason)

    def hang_up(self, prompt: str, outcome: str) -> None:
        """Say goodbye and have the dialplan hang up; `outcome` as in the record (closed, silent, …)."""
        self.play(prompt)
        self.journal("call.closed", outcome=outcome)
        self._decide("hangup", "")

    def bye(self, *prompts: str) -> None:
        """Say goodbye after a talk, and have the dialplan hang up; to a machine, nothing."""
        self.play(*prompts)
        self._decide("hangup", "")

    def wait_on(self) -> None:
        """Back into the line, at the same place; the flow ends after it."""
        self._decide("queue", "")

    def read(self, variables: str) -> str:
        """What the dialplan has left for the flow: an expression of `${…}`."""
        return self._channel.evaluate(variables)

    def do(self, what: str, who: str, *arguments: str) -> None:
        """Have a subroutine of the dialplan (`what`, extension `who`) carry something out."""
        self._channel.ask_asterisk("GOSUB", what, who, "1", ",".join(plain(argument) for argument in arguments))

    def knows_pin(self, agent: str, pin: str) -> bool:
        return self._desk.knows_pin(agent, pin)

    def note(self, **facts: Any) -> None:
        """Write facts of this call into the journal; never the caller's personal data."""
        self.journal("note", **facts)

    def journal(self, event: str, **facts: Any) -> None:
        """Write an event; a full disk costs the fact, never the call."""
        self._journal([(event, facts)])

    def _journal(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        """Write what became known at one moment: one write costs as much as all."""
        try:
            self._desk.journal.write_together(self.id, events)
        except OSError as error:
            named = ", ".join(event for event, _ in events)
            logger.error("flow journal: %s not written: %s", named, error.strerror)

    def _decide(self, what: str, queue: str, reason: str = "") -> None:
        """In one round trip; IVR_NEXT last, so that half a decision is none."""
        why = {"__IVR_REASON": plain(reason)} if reason else {}
        self._channel.set_plain([*why, "IVR_QUEUE", "IVR_NEXT"], [*why.values(), queue, what])

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
        events: list[tuple[str, dict[str, Any]]] = []
        for prompt, offset, heard in begun(sounds, elapsed):
            if prompt == PROMPT and prompt not in self._begun:
                events.append(("notice.played", {"text": self._desk.notice.texts.get(self._language, "")}))
            self._begun.add(prompt)
            if heard:
                self._heard.add(prompt)
            at = (began + timedelta(seconds=offset)).isoformat()
            facts = {"prompt": prompt, "language": self._language, "began": at}
            events.append(("prompt.played", facts if heard else facts | {"cut": True}))
        if events:
            self._journal(events)
