"""Leaving a message from the waiting line (S4, S12): four callers at once, nobody there to answer them."""

import wave
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from ivr.calls.events import Event
from ivr.demo.phone import Phone
from ivr.demo.voices import CALLER, speak
from tests.live.asked import Asked
from tests.live.conftest import Running, listen

WORDS = "您好，我姓王，我想问一下我的车修好了没有，请给我回电话，谢谢。"


class Talker:
    """A caller who has come as far as the message; the choice comes by itself, as nobody is on duty."""

    def __init__(self, live: Running, phone: Phone, asked: Asked, words: Path) -> None:
        self.phone, self.watch, self.words, self.asked = phone, live.watch(), words, asked
        phone.dial(live.number)
        phone.wait_for("CALL_ESTABLISHED")
        self.call_id = self.watch.call_from(phone.user)
        self.press("0", "menu_main")
        self.press("3", "choice_message")
        self.asked.recording(self.call_id)

    def press(self, keys: str, prompt: str) -> None:
        """Press keys as soon as this is asked; the question is stopped by the first."""
        self.asked.question(self.call_id, prompt)
        self.phone.press(keys)

    def speak(self) -> None:
        listen(self.phone.say(self.words))

    def event(self, kind: str) -> Event:
        return self.watch.wait_in(self.call_id, kind, seconds=60)

    @property
    def said(self) -> list[str]:
        events = [event for event in self.watch.events() if event.call_id == self.call_id]
        return [str(event.data["prompt"]) for event in events if event.kind == "prompt.played"]


def leaves_a_message(talker: Talker) -> None:
    talker.speak()
    talker.phone.press("#")
    talker.press("1", "message_confirm")
    # The number is listened to, and silence is content with it.
    talker.phone.wait_for("CALL_CLOSED", seconds=60)


def speaks_and_hangs_up(talker: Talker) -> None:
    talker.speak()
    talker.phone.hang_up()
    talker.event("message.left")


def changes_the_number(talker: Talker) -> None:
    talker.speak()
    talker.phone.press("#")
    talker.press("1", "message_confirm")
    talker.press("2", "message_number")
    talker.press("02162000000#", "message_number_ask")
    talker.press("1", "message_number")
    talker.event("message.left")
    talker.phone.hang_up()


def says_nothing_audible(talker: Talker) -> None:
    for time in (1, 2, 3):
        talker.asked.recording(talker.call_id)
        listen(3)
        talker.phone.press("#")
        talker.watch.wait_in(talker.call_id, "message.discarded", count=time, seconds=60)
    talker.watch.wait_in(talker.call_id, "ENTERQUEUE", seconds=60)
    talker.phone.hang_up()


Story = Callable[[Talker], None]
Told = Callable[[Story], Talker]
STORIES: dict[str, Story] = {
    "13400000001": leaves_a_message,
    "13400000002": speaks_and_hangs_up,
    "13400000003": changes_the_number,
    "13400000004": says_nothing_audible,
}


@pytest.fixture(scope="module")
def told(live: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The callers of all stories, at once; gives the caller of one when it is over."""
    words = speak(WORDS, CALLER, tmp_path_factory.mktemp("spoken") / "message.wav")

    def tell(number: str, story: Story) -> Talker:
        with live.caller_phone(number) as phone, Asked(live) as asked:
            talker = Talker(live, phone, asked, words)
            story(talker)
            return talker

    with ThreadPoolExecutor(len(STORIES)) as pool:
        telling: dict[Story, Future[Talker]] = {
            story: pool.submit(tell, number, story) for number, story in STORIES.items()
        }
        yield lambda story: telling[story].result(timeout=180)


@pytest.mark.standards("S12")
def test_s12_a_message_is_spoken_read_back_confirmed_and_kept(live: Running, told: Told) -> None:
    talker = told(leaves_a_message)
    left = talker.event("message.left").data
    assert (left["number"], left["queue"]) == (talker.phone.user, live.hotline.default_queue)
    assert talker.event("call.closed").data["outcome"] == "message"
    with wave.open(str(live.settings.paths.recordings / str(left["recording"]))) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(left["seconds"], abs=1)
    read_back = "".join(prompt[-1] for prompt in talker.said if prompt.startswith("digit_"))
    assert read_back == talker.phone.user
    assert "message_why" in talker.said and talker.said[-1] == "message_thanks", "why nobody can talk; and a goodbye"
    assert live.record(talker.call_id).outcome == "message"


@pytest.mark.standards("S12")
def test_s12_whoever_speaks_and_hangs_up_has_left_a_message_too(live: Running, told: Told) -> None:
    talker = told(speaks_and_hangs_up)
    left = talker.event("message.left").data
    assert left["number"] == talker.phone.user and float(left["seconds"]) > 3
    assert live.record(talker.call_id).outcome == "message"


@pytest.mark.standards("S12")
def test_s12_the_number_can_be_changed_and_is_read_back_again(told: Told) -> None:
    talker = told(changes_the_number)
    assert talker.event("message.left").data["number"] == "02162000000"
    assert talker.said.count("message_number") == 2


@pytest.mark.standards("S4")
def test_s4_a_message_nobody_can_hear_is_asked_for_twice_more_then_the_caller_is_asked_to_call_again(
    told: Told,
) -> None:
    """Never a bare hang-up: whoever stays on the line keeps the place in it."""
    talker = told(says_nothing_audible)
    asked = [prompt for prompt in talker.said if prompt in ("message_speak", "bad_line", "message_bad_line")]
    again = ["bad_line", "message_speak"]
    assert asked == ["message_speak", *again, *again, "message_bad_line"]
    assert talker.said[-1] == "choice_kept"
