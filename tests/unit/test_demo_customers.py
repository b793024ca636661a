"""The customers of the demonstration at their phones: who does what, after what."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from ivr.calls.events import Event
from ivr.demo.callbacks.acting import Customers
from ivr.demo.callbacks.business import SURVEY, visit_id
from ivr.demo.callbacks.characters import AREA, Cast
from ivr.demo.callbacks.phones import Notice
from ivr.surveys.ids import attempt_call_id, contact_id

NOW = dt.datetime(2026, 11, 28, 2, 30, tzinfo=dt.UTC)
CAST = Cast.of(5)


class Phones:
    """Customers' phones that only note what is done with them."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.pressed: list[str] = []
        self.lines = {number: Line(number, self.pressed) for number in CAST.members}

    def notices(self) -> list[Notice]:
        return self.told

    def speak(self, number: str) -> "Line":
        return self.lines[number]

    def hang_up(self, number: str) -> None:
        self.pressed.append(f"{number[-2:]} hangs up")
        self.told.append(Notice("hung-up", number))


@dataclass
class Line:
    """A customer's end of the sound, who has always heard out what is said."""

    number: str
    pressed: list[str]
    loud_frames: int = 0

    def press(self, keys: str) -> None:
        self.pressed += [f"{self.number[-2:]} presses {keys}"] if keys else []

    def hum(self, seconds: float) -> None:
        self.pressed.append(f"{self.number[-2:]} says something")

    def fall_silent(self) -> None:
        pass

    def say(self, sound: bytes) -> None:
        self.pressed.append(f"{self.number[-2:]} says {sound.decode()}")

    def has_heard_out(self, since: int) -> bool:
        return True


class Play:
    """A time in which it may be told what happens, and what customers do."""

    def __init__(self) -> None:
        self.phones, self.journal, self.time = Phones(), Journal(), 0.0
        contacts = {contact(number): number for number in CAST.members}
        self.customers = Customers(
            CAST,
            contacts,
            self.phones,
            self.journal,
            [b"slow", b"rude"],
            lambda: self.time,  # type: ignore[arg-type]
        )

    def answers(self, number: str) -> list[str]:
        """The phone is answered; what the customer does then."""
        return self.after(self.phones.told, Notice("answered", number))

    def hears(self, number: str, attempt: int, kind: str, **facts: str) -> list[str]:
        """Something happens in the call; what the customer does then."""
        return self.after(
            self.journal.told, Event("flow", kind, NOW, attempt_call_id(contact(number), attempt), data=facts)
        )

    def after(self, told: list[Any], what: object) -> list[str]:
        self.phones.pressed.clear()
        told.append(what)
        for _ in range(100):
            self.customers.step()
            self.time += 0.1
        return list(self.phones.pressed)


@dataclass
class Journal:
    told: list[Event] = field(default_factory=list)

    def events(self) -> list[Event]:
        return self.told


def contact(number: str) -> str:
    return contact_id(SURVEY, visit_id(number))


def test_a_customer_who_hangs_up_mid_way_answers_the_rest_in_the_next_call() -> None:
    play, number = Play(), f"{AREA}16"
    assert play.answers(number) == ["16 says something"]
    assert play.hears(number, 1, "survey.heard") == ["16 presses 1"]
    assert play.hears(number, 1, "survey.asking", question="overall") == ["16 presses 4"]
    assert play.hears(number, 1, "survey.asking", question="solved") == ["16 hangs up"]
    play.answers(number)
    assert play.hears(number, 2, "survey.confirmed") == [], "a key would be taken for the answer to what is asked next"
    assert play.hears(number, 2, "survey.asking", question="solved") == ["16 presses 1"]


def test_who_answers_badly_says_why_and_each_something_else() -> None:
    play = Play()
    assert play.answers(f"{AREA}01") + play.answers(f"{AREA}11") == ["01 says something", "11 says something"]
    said = [play.hears(f"{AREA}{tail}", 1, "survey.asking", question="reason") for tail in ("01", "11")]
    assert said == [["01 says slow", "01 presses #"], ["11 says rude", "11 presses #"]]


def test_who_wants_a_person_talks_with_the_agent_alone_and_hangs_up() -> None:
    play, number = Play(), f"{AREA}10"
    play.answers(number)
    assert play.hears(number, 1, "BRIDGE_ENTER", channel="PJSIP/trunk-carrier-00000001") == []
    assert play.hears(number, 1, "BRIDGE_ENTER", channel="PJSIP/1001-00000002") == ["10 says something", "10 hangs up"]
