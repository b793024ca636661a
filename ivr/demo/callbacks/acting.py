"""The customers of the demonstration at their phones: what happens in their calls is the cue for what they do.

One loop moves all of them; a script (ivr.demo.callbacks.characters) says who does what.
"""

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle

from ivr.calls.events import Event
from ivr.calls.talk import work_number
from ivr.demo.callbacks.characters import PICKED_UP, TALKS, Act, Cast
from ivr.demo.callbacks.phones import CustomerPhones, Notice
from ivr.demo.phone import RATE, Phone, PhoneError
from ivr.demo.watch import JournalWatch
from ivr.surveys.events import ASKING
from ivr.surveys.ids import read_call_id

_BREATH = 0.5
"""Seconds between the last word of a comment and the key that ends it."""


class Customers:
    """Everybody of the cast; `step` is called some ten times a second. `contacts`: contact → number; `complaints`: what
    those say in turn who are not content, µ-law."""

    def __init__(
        self,
        cast: Cast,
        contacts: Mapping[str, str],
        phones: CustomerPhones,
        watch: JournalWatch,
        complaints: Sequence[bytes],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cast, self._contacts, self._phones, self._watch, self._now = cast, contacts, phones, watch, now
        self._complaints = cycle(complaints)
        self._noticed = self._read = self._order = 0
        self._calls: Counter[str] = Counter()
        self._due: list[tuple[float, int, str, Act]] = []
        self._listening: list[tuple[str, int, Act]] = []

    def step(self) -> None:
        """Notice what has happened since the last step, and do what is due."""
        notices = self._phones.notices()
        for notice in notices[self._noticed :]:
            self._notice(notice)
        self._noticed = len(notices)
        events = self._watch.events()
        for event in events[self._read :]:
            self._take(event)
        self._read = len(events)
        while self._due and self._due[0][0] <= self._now():
            *_, number, act = heapq.heappop(self._due)
            self._do(number, act)
        for waiting in list(self._listening):
            number, heard, act = waiting
            if self._phones.lines[number].has_heard_out(heard):
                self._listening.remove(waiting)
                self._do(number, act)

    def _notice(self, notice: Notice) -> None:
        match notice.what:
            case "answered":
                self._calls[notice.number] += 1
                self._phones.speak(notice.number)
                self._cue(notice.number, PICKED_UP)
            case "is-released" | "hung-up":
                self._phones.lines[notice.number].fall_silent()
                self._forget(notice.number)

    def _take(self, event: Event) -> None:
        attempt = read_call_id(event.call_id)
        number = self._contacts.get(attempt[0]) if attempt else None
        if number is None:
            return
        for cue in _cues(event):
            self._cue(number, cue)

    def _cue(self, number: str, cue: str) -> None:
        wait = 0.0
        for act in self._cast.members[number].script(self._calls[number]).get(cue, ()):
            wait += act.after
            if act.listens:
                self._listening.append((number, self._phones.lines[number].loud_frames, act))
            else:
                self._plan(wait, number, act)

    def _plan(self, wait: float, number: str, act: Act) -> None:
        self._order += 1
        heapq.heappush(self._due, (self._now() + wait, self._order, number, act))

    def _do(self, number: str, act: Act) -> None:
        line = self._phones.lines[number]
        if act.hum:
            line.hum(act.hum)
        if act.complains:
            complaint = next(self._complaints)
            line.say(complaint)
            self._plan(len(complaint) / RATE + _BREATH, number, Act(keys="#"))
        line.press(act.keys)
        if act.hangs_up:
            self._phones.hang_up(number)

    def _forget(self, number: str) -> None:
        """The call is over: nothing more is done in it."""
        self._due = [one for one in self._due if one[2] != number]
        heapq.heapify(self._due)
        self._listening = [one for one in self._listening if one[0] != number]


def _cues(event: Event) -> Iterator[str]:
    """What an event of a call means to the customer in it."""
    if event.kind == ASKING:
        yield str(event.data.get("question"))
    elif event.kind != TALKS or work_number(str(event.data.get("channel"))) is not None:
        yield event.kind


class AgentAtDesk:
    """An agent who takes every call and starts a crashed phone again; `step` is called some ten times a second."""

    def __init__(self, phone: Phone) -> None:
        self._phone, self._seen = phone, 0

    def step(self) -> None:
        """Take a call that has come since the last step. Raises PhoneError."""
        events = self._phone.events
        new, self._seen = events[self._seen :], len(events)
        try:
            for _ in (event for event in new if event.kind == "CALL_INCOMING"):
                self._phone.answer()
        except PhoneError:
            if not self._phone.has_crashed:
                raise
        if self._phone.has_crashed:
            self._phone.start_again()
