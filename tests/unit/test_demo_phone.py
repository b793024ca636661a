"""The phones of tests and demonstrations: one that starts beside others starts all the same."""

import random
import socket
from collections.abc import Iterator

import pytest

from ivr.demo import phone as phones
from ivr.demo import ports
from ivr.demo.callbacks.acting import AgentAtDesk
from ivr.demo.phone import Phone
from ivr.tools import ToolMissing, tool

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A SIP port that somebody else has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        yield int(other.getsockname()[1])


def needs_baresip() -> None:
    try:
        tool("baresip")
    except ToolMissing as missing:
        pytest.skip(str(missing))


def test_phone_whose_port_is_taken_before_it_starts_takes_another(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_baresip()
    choose = phones.free_port
    chosen = [taken]

    def unlucky_once(host: str, kind: socket.SocketKind) -> int:
        return chosen.pop() if kind is socket.SOCK_DGRAM and chosen else choose(host, kind)

    monkeypatch.setattr(phones, "free_port", unlucky_once)
    with Phone("1001", (HOST, choose(HOST, socket.SOCK_DGRAM))) as phone:
        assert "1001@" in phone.command("reginfo")
    assert not chosen


def test_phones_that_start_together_are_given_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that listen on one control port: one of them would be operated by the other's master."""
    few = random.Random(7)
    monkeypatch.setattr(ports.random, "randrange", lambda lowest, _: few.choice(range(lowest, lowest + 40)))
    given = [ports.free_port(HOST, socket.SOCK_STREAM) for _ in range(20)]
    assert len(set(given)) == 20


def test_an_agents_phone_that_crashes_is_started_again_and_rings_on() -> None:
    needs_baresip()
    with Phone("1001", (HOST, phones.free_port(HOST, socket.SOCK_DGRAM))) as phone:
        desk = AgentAtDesk(phone)
        desk.step()
        assert phone._process is not None and not phone.has_crashed
        phone._process.kill()
        phone._process.wait()
        assert phone.has_crashed
        desk.step()
        assert not phone.has_crashed and "1001@" in phone.command("reginfo")
