"""The AGI conversation with everything that goes wrong in one, over a real socket."""

import itertools
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.telephony.agi import HEADER_LIMIT, LINE_LIMIT, AgiError, CallerHungUp, Channel, UnsafeArgument, quote
from ivr.telephony.server import SocketStream
from tests.flows.scripted import parse_args

HEADER = b"agi_network: yes\nagi_uniqueid: ivr-1.2\nagi_callerid: 138\n\n"
printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200)


class Asterisk:
    """The other end of a channel: what it was sent, and what it says."""

    def __init__(self, header: bytes = HEADER) -> None:
        self.ours, self._theirs = socket.socketpair()
        self._theirs.sendall(header)
        self._theirs.settimeout(10)

    def says(self, reply: bytes, *, then_closes: bool = False) -> None:
        self._theirs.sendall(reply)
        if then_closes:
            self._theirs.shutdown(socket.SHUT_WR)

    def was_sent(self) -> str:
        received = b""
        while not received.endswith(b"\n"):
            received += self._theirs.recv(4096)
        return received.decode().removesuffix("\n")

    def close(self) -> None:
        self.ours.close()
        self._theirs.close()


@pytest.fixture
def asterisk() -> Iterator[Asterisk]:
    peer = Asterisk()
    yield peer
    peer.close()


@pytest.fixture
def channel(asterisk: Asterisk) -> Channel:
    return Channel(SocketStream(asterisk.ours))


def test_the_header_tells_who_calls(channel: Channel) -> None:
    assert channel.env == {"agi_network": "yes", "agi_uniqueid": "ivr-1.2", "agi_callerid": "138"}


class Drips:
    """A connection on which everything comes in the given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)

    def recv(self, limit: int) -> bytes:
        return next(self._pieces, b"")


@given(st.lists(st.integers(1, 40), max_size=20))
def test_a_conversation_is_understood_in_whatever_pieces_it_comes(sizes: list[int]) -> None:
    said = HEADER + b"100 result=0 Trying...\n200 result=1 (5)\nHANGUP\n"
    ends = list(itertools.accumulate(sizes, initial=0))
    pieces = [said[start:end] for start, end in itertools.pairwise([*ends, len(said)]) if said[start:end]]
    stream = SocketStream(Drips(pieces))  # type: ignore[arg-type]

    assert stream.read_until(b"\n\n", HEADER_LIMIT) == HEADER
    lines = list(iter(lambda: stream.read_until(b"\n", LINE_LIMIT), b""))
    assert lines == [b"100 result=0 Trying...\n", b"200 result=1 (5)\n", b"HANGUP\n"]


@given(st.lists(printable, max_size=5))
def test_what_asterisk_reads_back_is_what_was_sent(arguments: list[str]) -> None:
    line = " ".join(["SET", "VARIABLE", *(quote(argument) for argument in arguments)])

    assert parse_args(line) == ["SET", "VARIABLE", *arguments]


@given(printable, st.sampled_from([chr(code) for code in (*range(32), 127)]), printable)
def test_no_control_character_gets_into_a_command(before: str, control: str, after: str) -> None:
    with pytest.raises(UnsafeArgument):
        quote(before + control + after)


def test_a_name_with_quotes_and_backslashes_stays_one_argument(asterisk: Asterisk, channel: Channel) -> None:
    asterisk.says(b"200 result=1\n")
    channel.set(IVR_REASON='a" b\\" c')

    assert parse_args(asterisk.was_sent()) == ["SET", "VARIABLE", "IVR_REASON", 'a" b\\" c']


def test_a_line_end_in_an_argument_is_refused_before_anything_is_sent(asterisk: Asterisk, channel: Channel) -> None:
    with pytest.raises(UnsafeArgument):
        channel.set(IVR_REASON="x\nEXEC System reboot")

    asterisk.says(b"200 result=1\n")
    channel.set(IVR_REASON="x")
    assert "reboot" not in asterisk.was_sent()


def test_a_command_longer_than_asterisk_reads_is_refused(channel: Channel) -> None:
    with pytest.raises(UnsafeArgument):
        channel.set(IVR_REASON="长" * (LINE_LIMIT // 3))


@pytest.mark.parametrize(
    "reply",
    [
        b"HANGUP\n",
        b"HANGUP\n200 result=0\n",
        b"511 Command Not Permitted on a dead channel or intercept routine\n",
        b"200 result=-1\n",
        b"200 result=1 (hangup)\n",
        b"100 result=0 Trying...\nHANGUP\n",
    ],
)
def test_every_way_of_saying_that_the_caller_hung_up_is_understood(
    asterisk: Asterisk, channel: Channel, reply: bytes
) -> None:
    asterisk.says(reply)
    with pytest.raises(CallerHungUp):
        channel.play_files(["/prompts/greeting"], 1)


@pytest.mark.parametrize("rest", [b"", b"200 resu"])
def test_the_end_of_the_connection_is_a_hang_up(asterisk: Asterisk, channel: Channel, rest: bytes) -> None:
    asterisk.says(rest, then_closes=True)
    with pytest.raises(CallerHungUp):
        channel.play_files(["/prompts/greeting"], 1)


def test_a_closed_connection_is_a_hang_up_when_something_is_said(asterisk: Asterisk, channel: Channel) -> None:
    asterisk._theirs.close()
    with pytest.raises(CallerHungUp):
        for _ in range(3):
            channel.set(IVR_REASON="x")


@pytest.mark.parametrize(
    "reply",
    [
        b"510 Invalid or unknown command\n",
        b"520-Invalid command syntax.  Proper usage follows:\nusage\n520 End of proper usage.\n",
        b"nonsense\n",
        b"200 result=-1 Gosub label not found\n",
        b"x" * (LINE_LIMIT + 1),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_and_no_hang_up(
    asterisk: Asterisk, channel: Channel, reply: bytes
) -> None:
    asterisk.says(reply)
    with pytest.raises(AgiError):
        channel.ask_asterisk("NOOP")


def test_no_answer_at_all_ends_the_wait(asterisk: Asterisk, channel: Channel) -> None:
    with pytest.raises(AgiError, match="no answer"):
        channel.ask_asterisk("NOOP", seconds=0.05)


@pytest.mark.parametrize(
    ("said", "key"), [(b"OK:5", "5"), (b"OK:*", "*"), (b"OK:", "#"), (b"TIMEOUT:", None), (b"ERROR:", None)]
)
def test_keys_come_as_they_were_pressed(asterisk: Asterisk, channel: Channel, said: bytes, key: str | None) -> None:
    asterisk.says(b"100 result=0 Trying...\n200 result=0 Gosub complete\n200 result=1 (" + said + b")\n")

    assert channel.key_during(["/prompts/menu_main"], 4, 1) == key


def test_a_header_without_end_is_given_up() -> None:
    peer = Asterisk(b"agi_arg: x\n" * (HEADER_LIMIT // 10))
    with pytest.raises(AgiError):
        Channel(SocketStream(peer.ours))
    peer.close()


def test_nothing_of_the_conversation_is_echoed(
    asterisk: Asterisk, channel: Channel, capfd: pytest.CaptureFixture[str]
) -> None:
    asterisk.says(b"200 result=1\n")
    channel.set(IVR_REASON="secret")

    assert capfd.readouterr() == ("", "")


def test_a_channel_opens_in_any_thread() -> None:
    peer, opened = Asterisk(), []
    thread = threading.Thread(target=lambda: opened.append(Channel(SocketStream(peer.ours))))
    thread.start()
    thread.join(10)
    peer.close()

    assert opened[0].env["agi_callerid"] == "138"
