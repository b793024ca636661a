"""A caller who does nothing but listen: how long after the answer the first sound comes."""

import re
import secrets
import socket
import struct
import time


def seconds_to_first_sound(server: tuple[str, int], service: str) -> tuple[float, float]:
    """Place one call and hang up at the first RTP packet; seconds to it from the INVITE and from the 200 OK.

    Raises TimeoutError.
    """
    host = server[0]
    with socket.socket(type=socket.SOCK_DGRAM) as sip, socket.socket(type=socket.SOCK_DGRAM) as rtp:
        for sock in (sip, rtp):
            sock.bind((host, 0))
            sock.settimeout(5)
        sip.connect(server)
        us = f"{host}:{sip.getsockname()[1]}"
        call, tag = secrets.token_hex(8), secrets.token_hex(4)
        uri = f"sip:{service}@{host}:{server[1]}"

        def send(method: str, number: int, to: str, body: str = "") -> None:
            kind = "Content-Type: application/sdp\r\n" if body else ""
            sip.send(
                f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{secrets.token_hex(6)}\r\n"
                f"From: <sip:listener@{us}>;tag={tag}\r\n{to}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n"
                f"Contact: <sip:listener@{us}>\r\nMax-Forwards: 70\r\n{kind}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )

        sdp = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        called = time.monotonic()
        send("INVITE", 1, f"To: <{uri}>", f"{sdp}m=audio {rtp.getsockname()[1]} RTP/AVP 0\r\n")
        while not (answer := sip.recv(4096).decode()).startswith("SIP/2.0 200"):
            pass
        answered = time.monotonic()
        found = re.search(r"^To:.*$", answer, re.MULTILINE)
        assert found is not None
        to = found.group().strip()
        send("ACK", 1, to)
        media = re.search(r"^m=audio (\d+)", answer, re.MULTILINE)
        assert media is not None
        # A phone speaks at once; Answer() waits up to half a second for that.
        for number in range(3):
            rtp.sendto(struct.pack("!BBHII", 0x80, 0, number, number * 160, 1) + b"\xff" * 160, (host, int(media[1])))
        rtp.recv(2048)
        heard = time.monotonic()
        send("BYE", 2, to)
        sip.recv(4096)
        return heard - called, heard - answered
