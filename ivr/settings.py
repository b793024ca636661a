"""Where things are: environment, `.env`, and the folders of one instance."""

import errno
import hashlib
import ipaddress
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ivr.errors import IvrError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: code, prompts, templates and the sample business lie below it."""

OWN_BUSINESS = "business.yaml"
"""In a state folder: the business of that instance alone."""

_SOCKET_PATH_LIMIT = 80
"""A Unix socket's path holds at most 107 bytes; the rest is for the socket's own name."""


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "three-rings"


class SettingsUnusable(IvrError):
    """A variable of the environment or of `.env` holds what it cannot: which one, and what is allowed."""


@dataclass(frozen=True)
class StatePaths:
    """The folders and files of one instance, all below its state folder."""

    state: Path

    @property
    def instance_file(self) -> Path:
        return self.state / "instance.json"

    @property
    def asterisk(self) -> Path:
        return self.state / "asterisk"

    @property
    def asterisk_conf(self) -> Path:
        return self.asterisk / "etc" / "asterisk.conf"

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def journal(self) -> Path:
        """Asterisk's astlogdir: queue_log, cel-custom/cel.csv, and our own flow.jsonl beside them."""
        return self.state / "journal"

    @property
    def recordings(self) -> Path:
        return self.state / "recordings"

    @property
    def prompts(self) -> Path:
        return self.state / "prompts"

    @property
    def hotline_in_force(self) -> Path:
        """The copy of the business file that passed every check last; processes read this one."""
        return self.state / "hotline.yaml"

    @property
    def outbound_stopped(self) -> Path:
        """While this file is there, no customer is rung (the emergency stop); the dialplan looks at it too."""
        return self.state / "outbound-stopped"

    @property
    def uploads(self) -> Path:
        """Tables that somebody has uploaded and not yet taken (ivr.visits.uploads)."""
        return self.state / "uploads"

    @property
    def run(self) -> Path:
        """Sockets and pid files; elsewhere when the state folder's path is too long for a socket."""
        own = self.state / "run"
        if len(str(own)) <= _SOCKET_PATH_LIMIT:
            return own
        digest = hashlib.sha256(str(self.state).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"ivr-{os.getuid()}-{digest}"

    def create(self) -> None:
        """Make the folders, readable by the owner alone (S24)."""
        for folder in (
            self.state,
            self.asterisk,
            self.log,
            self.journal,
            self.journal / "cel-custom",
            self.recordings,
            self.prompts,
            self.run,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            info = folder.lstat()
            # In a folder that others share, somebody may have been there first.
            if info.st_uid != os.getuid() or not stat.S_ISDIR(info.st_mode):
                raise PermissionError(errno.EACCES, "is not a folder of one's own", str(folder))
            folder.chmod(0o700)
        # A state folder inside a checkout holds passwords and callers' voices: git must not see it.
        (self.state / ".gitignore").write_text("*\n")

    def forget_run(self) -> None:
        """Remove the sockets' folder where it lies outside the state folder."""
        if not self.run.is_relative_to(self.state):
            shutil.rmtree(self.run, ignore_errors=True)


class Settings(BaseSettings):
    """What differs between machines; the business itself is in hotline.yaml."""

    model_config = SettingsConfigDict(env_prefix="IVR_", env_file=".env", extra="ignore")

    state_dir: Path = ROOT / "var"
    hotline_file: Path = ROOT / "hotline.yaml"
    """Unless it is set: the state folder's own business.yaml where there is one."""
    database_url: str | None = None
    vosk_model: Path | None = None
    runtime_dir: Path = ROOT / ".runtime"
    cache_dir: Path = _user_cache()
    bind_host: str = "127.0.0.1"
    """Where SIP and sound come in; FastAGI and AMI listen on loopback whatever stands here."""
    web_host: str = "127.0.0.1"
    web_proxies: str = ""
    """Addresses or networks, with commas between them, of the TLS proxies in front of the page: what they say of the
    reader's address is believed, and cookies are for TLS alone."""
    voice_engine: Literal["auto", "edge", "espeak"] = "auto"

    @field_validator("web_proxies")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for one in filter(None, map(str.strip, value.split(","))):
            ipaddress.ip_network(one)  # says what is wrong with it
        return value

    @model_validator(mode="after")
    def _own_business(self) -> "Settings":
        # Whoever starts an instance again need not remember which business it was.
        own = self.state_dir / OWN_BUSINESS
        if "hotline_file" not in self.model_fields_set and own.exists():
            self.hotline_file = own
        return self

    @property
    def paths(self) -> StatePaths:
        return StatePaths(self.state_dir.resolve())

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL; SQLite in the state folder unless set."""
        return self.database_url or f"sqlite:///{self.paths.state / 'ivr.db'}"

    @property
    def checked_hotline_file(self) -> Path:
        """The business file that running processes obey: the checked copy where there is one."""
        in_force = self.paths.hotline_in_force
        return in_force if in_force.exists() else self.hotline_file


def read_settings(**given: object) -> Settings:
    """The settings of this process, what is `given` before what the environment says; raises SettingsUnusable."""
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsUnusable(
            f"IVR_{name}: {first['msg'].removeprefix('Value error, ')}.", "correct the environment or `.env`"
        ) from error
