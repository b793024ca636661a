"""A supervisor listens, whispers or joins: the own team only, and it leaves a trace (S24)."""

import math
import struct
import wave
from pathlib import Path

import pytest

from ivr.demo.phone import Phone
from tests.live.conftest import Running, listen
from tests.live.talks import dials, loud_seconds, put_down, said, talking

pytestmark = pytest.mark.standards("S24")


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the supervisor says: three seconds that cannot be overheard."""
    file = tmp_path_factory.mktemp("tone") / "tone.wav"
    samples = [int(9000 * math.sin(2 * math.pi * 700 * n / 8000)) for n in range(3 * 8000)]
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file


def heard_by(phone: Phone, where: Path) -> float:
    """Seconds of something to hear in the last five seconds of a phone's call."""
    sound = phone.keep_heard(where)
    with wave.open(str(sound), "rb") as source:
        length = source.getnframes() / 8000
    return loud_seconds(sound, since=max(0.0, length - 5.0))


@pytest.mark.parametrize(
    ("code", "mode", "agent_hears", "caller_hears"),
    [("*57", "listen", False, False), ("*58", "whisper", True, False), ("*59", "join", True, True)],
)
def test_s24_supervisor_and_who_hears_them(
    live: Running, tone: Path, tmp_path: Path, code: str, mode: str, agent_hears: bool, caller_hears: bool
) -> None:
    with talking(live, "13770000001", agent="1002") as talk:
        supervisor = talk.phone("1003")
        dials(supervisor, f"{code}1002")
        talk.watch.wait("the trace", lambda e: e.kind == "SUPERVISE" and said(e) == f"{mode}/1003/1002")
        listen(0.5)
        supervisor.say(tone)
        listen(4.0)
        talk.caller.hang_up()
        talk.agent.wait_for("CALL_CLOSED")
        supervisor.wait_for("CALL_CLOSED")
        assert (heard_by(talk.agent, tmp_path / "agent.wav") > 1.5) is agent_hears
        assert (heard_by(talk.caller, tmp_path / "caller.wav") > 1.5) is caller_hears


def test_s24_supervisor_hears_both_sides(live: Running, tone: Path, tmp_path: Path) -> None:
    with talking(live, "13770000002", agent="1002") as talk:
        supervisor = talk.phone("1003")
        dials(supervisor, "*571002")
        listen(0.5)
        talk.caller.say(tone)
        listen(3.5)
        talk.agent.say(tone)
        listen(3.5)
        put_down(supervisor)
        assert loud_seconds(supervisor.keep_heard(tmp_path / "supervisor.wav")) > 5.0


def test_s24_nobody_listens_to_another_team_or_without_being_a_supervisor(live: Running) -> None:
    with talking(live, "13770000003", agent="1002") as talk:
        curious = talk.phone("1001")
        before = dials(curious, "*571002")
        curious.wait_for("CALL_CLOSED", since=before)
        assert not [event for event in talk.watch.events() if event.kind == "SUPERVISE"]


def test_s24_listening_to_nobody_ends_by_itself(live: Running) -> None:
    with live.agent_phone("1003") as supervisor:
        before = dials(supervisor, "*571002")
        supervisor.wait_for("CALL_CLOSED", since=before, seconds=15)
