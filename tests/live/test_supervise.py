"""A supervisor listens, whispers or joins: the own team only, and it leaves a trace (S24)."""

import math
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.demo.phone import Phone
from tests.live.conftest import Running, listen
from tests.live.talks import Talk, a_talk_each, dials, loud_seconds, put_down, said

pytestmark = pytest.mark.standards("S24")


@pytest.fixture(scope="module")
def talks(request: pytest.FixtureRequest, live: Running) -> Iterator[Iterator[Talk]]:
    with a_talk_each(request, live, 13770000001) as talks:
        yield talks


@pytest.fixture
def talk(talks: Iterator[Talk]) -> Iterator[Talk]:
    talk = next(talks)
    yield talk
    talk.over()


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the supervisor says: two seconds that cannot be overheard."""
    file = tmp_path_factory.mktemp("tone") / "tone.wav"
    samples = [int(9000 * math.sin(2 * math.pi * 700 * n / 8000)) for n in range(2 * 8000)]
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file


def heard_by(phone: Phone, where: Path) -> float:
    """Seconds of something to hear in the last four seconds of a phone's call."""
    sound = phone.keep_heard(where)
    with wave.open(str(sound), "rb") as source:
        length = source.getnframes() / 8000
    return loud_seconds(sound, since=max(0.0, length - 4.0))


@pytest.mark.parametrize(
    ("code", "mode", "agent_hears", "caller_hears"),
    [("*57", "listen", False, False), ("*58", "whisper", True, False), ("*59", "join", True, True)],
)
def test_s24_supervisor_and_who_hears_them(
    talk: Talk, tone: Path, tmp_path: Path, code: str, mode: str, agent_hears: bool, caller_hears: bool
) -> None:
    supervisor = talk.phone("1003")
    dials(supervisor, f"{code}{talk.work_number}")
    traced(talk, mode)
    listen(0.5)
    supervisor.say(tone)
    listen(2.5)
    talk.caller.hang_up()
    talk.agent.wait_for("CALL_CLOSED")
    supervisor.wait_for("CALL_CLOSED")
    assert (heard_by(talk.agent, tmp_path / "agent.wav") > 1.5) is agent_hears
    assert (heard_by(talk.caller, tmp_path / "caller.wav") > 1.5) is caller_hears


def traced(talk: Talk, mode: str) -> None:
    trace = f"{mode}/1003/{talk.work_number}"
    talk.watch.wait("the trace", lambda e: e.kind == "SUPERVISE" and said(e) == trace)


def test_s24_supervisor_hears_both_sides(talk: Talk, tone: Path, tmp_path: Path) -> None:
    supervisor = talk.phone("1003")
    dials(supervisor, f"*57{talk.work_number}")
    traced(talk, "listen")
    listen(0.5)
    talk.caller.say(tone)
    listen(2.5)
    talk.agent.say(tone)
    listen(2.5)
    put_down(supervisor)
    assert loud_seconds(supervisor.keep_heard(tmp_path / "supervisor.wav")) > 3.5


def test_s24_nobody_listens_to_another_team_or_without_being_a_supervisor(talk: Talk) -> None:
    curious = talk.phone("1001")
    before = dials(curious, f"*57{talk.work_number}")
    curious.wait_for("CALL_CLOSED", since=before)
    assert f"1001/{talk.work_number}" not in " ".join(said(e) for e in talk.watch.events() if e.kind == "SUPERVISE")


def test_s24_listening_to_nobody_ends_by_itself(live: Running) -> None:
    with live.agent_phone("1003") as supervisor:
        before = dials(supervisor, "*571002")
        supervisor.wait_for("CALL_CLOSED", since=before, seconds=15)
