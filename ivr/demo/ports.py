"""Ports for phones that start beside others."""

import contextlib
import random
import socket
from collections import deque

_LOWEST, _HIGHEST = 61000, 65500
"""Above the ports that Linux gives to whoever asks for any, where a taken one is rarer."""

_given: deque[int] = deque(maxlen=500)
"""Ports that this process gave last: two phones that start at once would both listen on one control port (baresip sets
SO_REUSEPORT), and one be operated by the other's master."""


def free_port(host: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that nobody has at this moment, and no other phone of this process will be told to take."""
    while True:
        port = random.randrange(_LOWEST, _HIGHEST + 1)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            _given.append(port)
            return port
