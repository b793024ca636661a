"""Everything a newcomer gets wrong, looked at one by one, each with its remedy."""

import datetime as dt
import os
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import text

from ivr import service
from ivr.errors import IvrError
from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import Settings
from ivr.speech.models import find_model
from ivr.speech.prompts import PromptStore
from ivr.store.session import open_store
from ivr.supervise import Supervisor
from ivr.telephony import runtime
from ivr.tools import tool

_ENOUGH_BYTES = 1_000_000_000
_OLDEST_PYTHON = (3, 11)


class Unwell(IvrError):
    """A check that found something wrong."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, what was seen, and what to do if not."""

    name: str
    ok: bool
    seen: str
    remedy: str = ""

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; never raises for what a person can put right."""
    return [_look(name, check, settings) for name, check in _CHECKS.items()]


def _look(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, True, check(settings))
    except IvrError as error:
        return Finding(name, False, error.message, error.remedy)
    except OSError as error:
        return Finding(name, False, f"{error.filename}: {error.strerror}", "grant access, or choose --state DIR")


def _python(_: Settings) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST_PYTHON:
        raise Unwell(f"Python {version} is too old.", "install Python 3.11 or newer")
    return version


def _asterisk(settings: Settings) -> str:
    version = ".".join(map(str, runtime.asterisk_version(settings.runtime_dir)))
    return f"{version}, {runtime.asterisk_tool(settings.runtime_dir).program}"


def _phones(settings: Settings) -> str:
    return ", ".join(str(tool(name, settings.runtime_dir).program.name) for name in ("sipp", "baresip", "espeak-ng"))


def _business(settings: Settings) -> str:
    hotline = load_hotline(settings.hotline_file)
    in_force = settings.paths.hotline_in_force
    if in_force.exists() and in_force.read_bytes() != settings.hotline_file.read_bytes():
        return f"{hotline.hotline.number}, changed since it was put in force"
    return f"{hotline.hotline.number}, {len(hotline.agents)} agents"


def _holidays(settings: Settings) -> str:
    """China's holidays are made known year by year; a year without its notice has ordinary weeks only."""
    hotline = load_hotline(settings.checked_hotline_file)
    today = dt.datetime.now(hotline.zone).date()
    if not hotline.calendar.days.knows(today):
        raise Unwell(
            f"The public holidays of {today.year} are not known.",
            "pip install --upgrade chinesecalendar, or write them into calendar.exceptions",
        )
    return "known" if hotline.calendar.holidays == "cn" else "none"


def _prompts(settings: Settings) -> str:
    store = PromptStore(settings.paths, load_hotline(settings.checked_hotline_file))
    missing = store.missing()
    if missing:
        raise Unwell(f"{len(missing)} prompts have no audio, {missing[0]} first.", "run `ivr prompts build`")
    return "all there"


def _model(settings: Settings) -> str:
    model = find_model(settings)
    if model.demonstration:
        return f"{model.name}: knows the demonstration only; `ivr models get` installs the real one"
    return model.name


def _disk(settings: Settings) -> str:
    free = service.free_bytes(settings)
    if free < _ENOUGH_BYTES:
        raise Unwell(f"{free // 1_000_000} MB free for recordings.", "free space, or choose --state DIR elsewhere")
    return f"{free // 1_000_000_000} GB free"


def _secrets(settings: Settings) -> str:
    path = settings.paths.instance_file
    if not path.exists():
        return "made at the first `ivr up`"
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Unwell(f"{path} can be read by others (mode {mode:o}).", f"chmod 600 {path}")
    return "readable by the owner alone"


def _ports(settings: Settings) -> str:
    if not settings.paths.instance_file.exists():
        return "chosen at the first `ivr up`"
    instance = Instance.load(settings.paths)
    if not Supervisor(settings).is_up():
        instance.require_free_ports()
    return f"SIP {instance.sip}, web {instance.web}"


def _database(settings: Settings) -> str:
    if settings.database_url is None and not (settings.paths.state / "ivr.db").exists():
        return "made at the first `ivr up`"
    with open_store(settings.store_url).read() as session:
        session.execute(text("SELECT 1"))
    return settings.store_url.split(":", 1)[0]


def _processes(settings: Settings) -> str:
    supervisor = Supervisor(settings)
    if not supervisor.is_up():
        return "not started; `ivr up` starts them"
    down = [process.name for process in supervisor.processes() if not process.up]
    if down:
        raise Unwell(f"down: {', '.join(down)}.", f"see {settings.paths.log}/{down[0]}.log")
    return "all up"


def _agents(settings: Settings) -> str:
    if not Supervisor(settings).is_up():
        return "not started"
    contacts = runtime.rx(settings.paths.asterisk_conf, "pjsip show contacts", runtime_dir=settings.runtime_dir)
    hotline = load_hotline(settings.checked_hotline_file)
    here = [number for number in hotline.agents if f" {number}/" in contacts]
    if not here:
        raise Unwell(
            "No agent's phone is registered, so callers wait.",
            "connect one as docs/phones.md says; `ivr agents` shows the accounts",
        )
    return f"registered: {', '.join(here)}"


def _home(settings: Settings) -> str:
    for folder in (settings.paths.state, settings.cache_dir):
        there = folder
        while not there.exists():
            there = there.parent
        if not os.access(there, os.W_OK):
            raise Unwell(f"{folder} cannot be written.", "choose --state DIR, or set XDG_CACHE_HOME")
    return "writable"


def _git(_: Settings) -> str:
    missing = [name for name in ("git", "make", "apt-get", "dpkg") if shutil.which(name) is None]
    if missing:
        raise Unwell(f"not installed: {', '.join(missing)}.", f"apt-get install {' '.join(missing)}")
    return "there"


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "Python": _python,
    "git, make, apt": _git,
    "folders": _home,
    "disk": _disk,
    "Asterisk": _asterisk,
    "test phones, offline voice": _phones,
    "business file": _business,
    "holidays": _holidays,
    "prompts": _prompts,
    "speech model": _model,
    "secrets": _secrets,
    "ports": _ports,
    "database": _database,
    "processes": _processes,
    "agents' phones": _agents,
}
