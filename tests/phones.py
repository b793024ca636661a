"""Callers and agents for tests: SIPp does the signalling, RtpLine presses the keys."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.demo.ports import free_port
from ivr.demo.rtp import RtpLine
from ivr.demo.sipp import SippRun, run_sipp

SCENARIOS = Path(__file__).parent / "live" / "scenarios"
Server = tuple[str, int]


@contextlib.contextmanager
def many_agents(
    server: Server, secrets: Mapping[str, str], calls: int = 1000, scenario: str = "agents.xml"
) -> Iterator[SippRun]:
    """Agents' phones on one port: registered, answering at once, echoing the sound; logged out at the end."""
    port = free_port(server[0])
    _register(server, secrets, port, expires=3600)
    more = ["-rtp_echo", "-mp", str(free_port(server[0]))]
    try:
        with SippRun(
            SCENARIOS / scenario, server, "agents", calls=calls, listen=port, limit_seconds=600, more=more
        ) as run:
            yield run
    finally:
        _register(server, secrets, port, expires=0)


def _register(server: Server, secrets: Mapping[str, str], port: int, expires: int) -> None:
    rows: list[list[str | int]] = [
        [number, f"[authentication username={number} password={secret}]", expires] for number, secret in secrets.items()
    ]
    with SippRun(SCENARIOS / "register.xml", server, "agents", rows, listen=port, limit_seconds=20, rate=50) as run:
        result = run.result()
    assert result.failed == 0, result.errors


@dataclass(frozen=True)
class Caller:
    """One call to come: the number it shows, its end of the sound, and the display name on the wire."""

    number: str
    line: RtpLine
    display_name: str = ""

    def row(self) -> list[str | int]:
        return [self.number, self.line.port, f"{self.display_name} " if self.display_name else ""]


def calling(server: Server, number: str, callers: Sequence[Caller], *, rate: float = 10.0) -> SippRun:
    """Callers dial the hotline, one after the other at `rate` a second; `SippRun.hang_up` puts their phones down."""
    return SippRun(SCENARIOS / "caller.xml", server, number, [caller.row() for caller in callers], rate=rate)


def is_refused(server: Server, number: str, caller: Caller) -> bool:
    """Whether a call to `number` is turned away with 404 Not Found."""
    result = run_sipp(SCENARIOS / "refused.xml", server, number, [caller.row()], limit_seconds=15)
    return (result.succeeded, result.failed) == (1, 0)
