"""A line's ear: what is sound for it, and where its own sound goes to."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.demo.rtp import FRAME, RtpLine, RtpLines

SILENCE = b"\xff" * FRAME
HOTLINE, NEIGHBOURS_RTCP = ("127.0.0.1", 30000), ("127.0.0.1", 30003)


@pytest.fixture(scope="module")
def sock() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
        yield made


def rtp(second: int) -> bytes:
    return struct.pack("!BBHII", 0x80, second, 1, 160, 7) + b"\xff" * FRAME


@given(second=st.sampled_from([0, 0x80, 101, 0x80 | 101]))
def test_a_lines_sound_goes_where_the_sound_it_hears_comes_from(sock: socket.socket, second: int) -> None:
    line = RtpLine(sock)
    line.hear(rtp(second), HOTLINE)
    assert line.remote == HOTLINE


@given(kind=st.integers(200, 204), body=st.binary(min_size=8, max_size=60))
def test_reports_about_a_neighbours_sound_lead_no_line_astray(sock: socket.socket, kind: int, body: bytes) -> None:
    """Reports go to the port after a line's own, and that may be the next line's."""
    line = RtpLine(sock)
    line.hear(rtp(0), HOTLINE)
    line.hear(struct.pack("!BBH", 0x81, kind, 6) + body, NEIGHBOURS_RTCP)
    assert (line.remote, line.heard_frames) == (HOTLINE, 1)


def test_a_phone_that_was_put_down_is_not_heard_in_the_next_call_on_that_port() -> None:
    """Asterisk counts every stray packet as time in which nobody spoke (app_amd), and takes a machine for a person."""
    with RtpLines(1) as lines, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asterisk:
        asterisk.bind(("127.0.0.1", 0))
        asterisk.settimeout(5)
        line = lines.lines[0]
        line.remote = asterisk.getsockname()
        line.press("123")
        line.hum(60)
        asterisk.recv(2048)
        line.fall_silent()
        line.remote = asterisk.getsockname()
        sound = [packet for packet in (asterisk.recv(2048) for _ in range(20)) if packet[1] & 0x7F == 0]
        assert all(packet[12:] == SILENCE for packet in sound[2:]) and len(sound) > 10
