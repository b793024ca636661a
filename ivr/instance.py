"""One instance of the service: its ports and secrets, generated once and kept from others' eyes."""

import os
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ivr.errors import IvrError
from ivr.settings import StatePaths

LOOPBACK = "127.0.0.1"
"""FastAGI and AMI know no strangers: they listen here only."""

_PHONE_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_PIN_DIGITS = 6

_RTP_PORTS = 400
"""Two ports a call leg: about 100 simultaneous two-legged calls."""


class InstanceError(IvrError):
    """The instance's own file is missing or damaged."""


class PortTaken(IvrError):
    """Another program listens on a port of this instance."""


class Instance(BaseModel):
    """Ports and secrets of one instance; the file is readable by its owner alone (0600)."""

    name: str
    host: str = LOOPBACK
    web_host: str = LOOPBACK
    sip: int
    agi: int
    ami: int
    web: int
    rtp_start: int
    rtp_end: int
    ami_secret: str
    web_secret: str
    agent_secrets: dict[str, str]
    agent_pins: dict[str, str] = {}
    first_login_password: str

    @property
    def system_name(self) -> str:
        """Asterisk's systemname: makes a call's id unique across instances."""
        return f"ivr-{self.name}"

    @property
    def web_url(self) -> str:
        """The page's address."""
        return f"http://{self.web_host}:{self.web}/"

    @classmethod
    def load(cls, paths: StatePaths) -> "Instance":
        """Read the instance's file; raises InstanceError when there is none or it is damaged."""
        try:
            return cls.model_validate_json(paths.instance_file.read_text())
        except FileNotFoundError as error:
            raise InstanceError(
                f"No instance in {paths.state}.", "start one with `ivr up`; --state DIR names the folder of another"
            ) from error
        except (ValidationError, OSError) as error:
            raise InstanceError(
                f"{paths.instance_file} cannot be read as an instance.", "move it away and run `ivr up` again"
            ) from error

    @classmethod
    def create(
        cls, paths: StatePaths, work_numbers: Iterable[str], host: str = LOOPBACK, web_host: str = LOOPBACK
    ) -> "Instance":
        """Choose free ports, make secrets, and write the file.

        `host` is where SIP and sound come in, `web_host` where the page is served. Raises PortTaken when
        one of them is no address of this machine.
        """
        sip, agi, ami, web = _free_ports([LOOPBACK, host, web_host], 4)
        rtp_start = _free_rtp_start()
        instance = cls(
            name=secrets.token_hex(3),
            host=host,
            web_host=web_host,
            sip=sip,
            agi=agi,
            ami=ami,
            web=web,
            rtp_start=rtp_start,
            rtp_end=rtp_start + _RTP_PORTS - 1,
            ami_secret=secrets.token_urlsafe(24),
            web_secret=secrets.token_urlsafe(32),
            agent_secrets={},
            first_login_password=secrets.token_urlsafe(9),
        )
        return instance.with_agents(paths, work_numbers)

    def with_agents(self, paths: StatePaths, work_numbers: Iterable[str]) -> "Instance":
        """The instance with a SIP password and a PIN for every agent; new ones are generated, old ones kept."""
        numbers = list(work_numbers)
        kept = {
            "agent_secrets": {number: self.agent_secrets.get(number) or _phone_password() for number in numbers},
            "agent_pins": {number: self.agent_pins.get(number) or _pin() for number in numbers},
        }
        instance = self.model_copy(update=kept)
        if not paths.instance_file.exists() or instance != self:
            instance._write(paths.instance_file)
        return instance

    def with_new_pin(self, paths: StatePaths, work_number: str) -> "Instance":
        """The instance with another PIN for an agent; raises InstanceError when there is no such agent."""
        if work_number not in self.agent_pins:
            raise InstanceError(f"There is no agent {work_number}.", "see `ivr agents`")
        instance = self.model_copy(update={"agent_pins": self.agent_pins | {work_number: _pin()}})
        instance._write(paths.instance_file)
        return instance

    def require_free_ports(self) -> None:
        """Raise PortTaken naming the first port that another program holds."""
        for field, host, port, kind in (
            ("sip", self.host, self.sip, socket.SOCK_DGRAM),
            ("sip", self.host, self.sip, socket.SOCK_STREAM),
            ("agi", LOOPBACK, self.agi, socket.SOCK_STREAM),
            ("ami", LOOPBACK, self.ami, socket.SOCK_STREAM),
            ("web", self.web_host, self.web, socket.SOCK_STREAM),
        ):
            if not _is_free(host, port, kind):
                raise PortTaken(
                    f"Port {port} ({field}) on {host} is taken by another program.",
                    f"end that program, or change {field} in the state folder's instance.json",
                )

    def _write(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(self.model_dump_json(indent=1))
        draft.replace(path)


def _phone_password() -> str:
    """A password that people type into a phone: 80 bits, no letter that looks like another.

    SIPp reads a password that begins with 0x as hexadecimal, and some phones refuse - and _.
    """
    return "".join(secrets.choice(_PHONE_LETTERS) for _ in range(16))


def _pin() -> str:
    return f"{secrets.randbelow(10**_PIN_DIGITS):0{_PIN_DIGITS}d}"


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _free_ports(hosts: list[str], count: int) -> list[int]:
    """Ports below the system's ephemeral range, so that no client socket can take them between two starts."""
    for host in hosts:
        if not _is_free(host, 0, socket.SOCK_STREAM):
            raise PortTaken(f"{host} is no address of this machine.", "correct IVR_BIND_HOST or IVR_WEB_HOST")
    found: list[int] = []
    while len(found) < count:
        port = 20000 + secrets.randbelow(12000)
        kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        free = all(_is_free(host, port, kind) for host in hosts for kind in kinds)
        if free and port not in found:
            found.append(port)
    return found


def _free_rtp_start() -> int:
    """An even start of a run of UDP ports, the first and last of which are free now."""
    while True:
        start = 10000 + 2 * secrets.randbelow(4800)
        ports = (start, start + _RTP_PORTS - 1)
        if all(_is_free("127.0.0.1", port, socket.SOCK_DGRAM) for port in ports):
            return start
