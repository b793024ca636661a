"""Leaving a message from the waiting line (S4, S12)."""

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.demo.phone import Phone
from ivr.demo.voices import CALLER, speak
from ivr.demo.watch import JournalWatch
from tests.live.conftest import Running, listen

WORDS = "您好，我姓王，我想问一下我的车修好了没有，请给我回电话，谢谢。"


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speak(WORDS, CALLER, tmp_path_factory.mktemp("spoken") / "message.wav")


class Talker:
    """A caller who has come as far as the choice of the waiting line; nobody is there to answer."""

    def __init__(self, live: Running, phone: Phone) -> None:
        self.phone, self.watch = phone, live.watch()
        phone.dial(live.number)
        phone.wait_for("CALL_ESTABLISHED")
        self.call_id = self.watch.call_from(phone.user)
        phone.press("0")

    def said(self, prompt: str, count: int = 1) -> None:
        """Wait until a prompt has been said, or stopped by a key."""

        def times(watch: JournalWatch) -> int:
            events = (e for e in watch.events() if e.call_id == self.call_id and e.kind == "prompt.played")
            return sum(event.data["prompt"] == prompt for event in events)

        self.watch.wait(f"{prompt}", lambda event: times(self.watch) >= count, seconds=60)

    def happened(self, kind: str) -> dict[str, object]:
        return self.watch.wait_in(self.call_id, kind, seconds=60).data

    def ask_for_a_message(self) -> None:
        # Nobody is on duty: the choice comes by itself.
        self.said("recording_notice")
        listen(4)
        self.phone.press("3")
        self.said("message_speak")
        listen(0.6)  # the tone


@pytest.fixture
def talker(live: Running, request: pytest.FixtureRequest) -> Iterator[Talker]:
    number = f"1340000{abs(hash(request.node.name)) % 10000:04d}"
    with live.caller_phone(number) as phone:
        yield Talker(live, phone)


@pytest.mark.standards("S12")
def test_s12_a_message_is_spoken_read_back_confirmed_and_kept(live: Running, talker: Talker, spoken: Path) -> None:
    talker.ask_for_a_message()
    listen(talker.phone.say(spoken))
    talker.phone.press("#")
    listen(1)
    talker.phone.press("1")
    talker.said("message_confirm")
    listen(1)
    talker.phone.press("1")
    talker.phone.wait_for("CALL_CLOSED", seconds=60)
    left = talker.happened("message.left")
    assert (left["number"], left["queue"]) == (talker.phone.user, live.hotline.default_queue)
    assert talker.happened("call.closed")["outcome"] == "message"
    with wave.open(str(live.settings.paths.recordings / str(left["recording"]))) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(left["seconds"], abs=1)
    read_back = [
        str(event.data["prompt"]).removeprefix("digit_")
        for event in talker.watch.events()
        if event.call_id == talker.call_id and str(event.data.get("prompt", "")).startswith("digit_")
    ]
    assert "".join(read_back) in ("", talker.phone.user), "as much of it as the caller listened to"


@pytest.mark.standards("S12")
def test_s12_whoever_speaks_and_hangs_up_has_left_a_message_too(talker: Talker, spoken: Path) -> None:
    talker.ask_for_a_message()
    listen(talker.phone.say(spoken))
    talker.phone.hang_up()
    left = talker.happened("message.left")
    assert left["number"] == talker.phone.user and float(str(left["seconds"])) > 3


@pytest.mark.standards("S12")
def test_s12_the_number_can_be_changed_and_is_read_back_again(talker: Talker, spoken: Path) -> None:
    talker.ask_for_a_message()
    listen(talker.phone.say(spoken))
    talker.phone.press("#")
    listen(1)
    talker.phone.press("1")
    talker.said("message_confirm")
    listen(1)
    talker.phone.press("2")
    talker.said("message_number")
    listen(1)
    talker.phone.press("02162000000#")
    talker.said("message_number_ask")
    listen(1)
    talker.phone.press("1")
    assert talker.happened("message.left")["number"] == "02162000000"


@pytest.mark.standards("S4")
def test_s4_a_message_nobody_can_hear_is_asked_for_twice_more_then_the_caller_is_asked_to_call_again(
    talker: Talker,
) -> None:
    talker.ask_for_a_message()
    for asked in (1, 2):
        listen(3)
        talker.phone.press("#")
        talker.said("bad_line", asked)
        talker.said("message_speak", asked + 1)
        listen(0.6)
    listen(3)
    talker.phone.press("#")
    talker.said("message_bad_line")
    # Never a bare hang-up: the place in line is kept.
    talker.watch.wait_in(talker.call_id, "ENTERQUEUE", seconds=60)
    talker.phone.hang_up()
