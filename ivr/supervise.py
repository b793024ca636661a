"""The processes of one instance: started, watched, restarted and ended by supervisord."""

import os
import pwd
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport

from ivr.errors import IvrError
from ivr.settings import Settings, StatePaths

PYTHON_PROCESSES = ("agi", "ingest", "scheduler", "worker", "web")
PROCESSES = ("asterisk", *PYTHON_PROCESSES)

_MARK = "IVR_SUPERVISED"
"""An environment variable only supervised processes carry: proof that a process is ours to end."""


class NotRunning(IvrError):
    """The instance is not up."""


class AlreadyRunning(IvrError):
    """The instance is up already."""


class StartFailed(IvrError):
    """The processes could not be brought up."""


@dataclass(frozen=True)
class ProcessState:
    """One process as an operator sees it."""

    name: str
    pid: int | None
    up: bool

    def to_json(self) -> dict[str, object]:
        return asdict(self)


class Supervisor:
    """supervisord for one state folder: its configuration, its life and its answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._paths: StatePaths = settings.paths

    @property
    def _socket(self) -> Path:
        return self._paths.run / "supervisor.sock"

    @property
    def _conf(self) -> Path:
        return self._paths.state / "supervisord.conf"

    def start(self, asterisk_argv: list[str], asterisk_env: Mapping[str, str]) -> None:
        """Start every process; raises AlreadyRunning, or StartFailed with the log's last line."""
        self.require_down()
        self._socket.unlink(missing_ok=True)
        self._write_conf(asterisk_argv, asterisk_env)
        log = self._paths.log / "supervisord.out"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._conf)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment(),
            )
        with ExitStack() as undo:
            undo.callback(process.wait)
            undo.callback(process.terminate)
            deadline = time.monotonic() + 20
            while not self._answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
                    raise StartFailed(f"supervisord did not start: {last}")
                time.sleep(0.05)
            undo.pop_all()

    def require_down(self) -> None:
        """Raise AlreadyRunning when the instance is up; end what a killed supervisord left behind."""
        if self.is_up():
            raise AlreadyRunning(
                f"The instance in {self._paths.state} is up already.",
                "`ivr status` shows it; `ivr down` ends it",
            )
        self.end_orphans()

    def stop(self, seconds: float = 30) -> None:
        """End every process, then supervisord; raises NotRunning."""
        pid = self.pid()
        if pid is None:
            orphans = self.end_orphans()
            if not orphans:
                raise NotRunning(f"No instance is up in {self._paths.state}.", "start one with `ivr up`")
            return
        _signal(pid, signal.SIGTERM)  # works without its socket too
        deadline = time.monotonic() + seconds
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.end_orphans()
        self._paths.forget_run()

    def is_up(self) -> bool:
        return self.pid() is not None

    def pid(self) -> int | None:
        """supervisord's process id, or None when it does not run; its socket may have been swept away."""
        return next((pid for pid in self._marked() if "supervisor.supervisord" in _command_of(pid)), None)

    def _answers(self) -> bool:
        try:
            self._rpc().supervisor.getPID()
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def _marked(self) -> list[int]:
        mark = f"{_MARK}={self._paths.state}"
        return [pid for pid in _other_processes() if mark in _environment_of(pid)]

    def processes(self) -> list[ProcessState]:
        """Every process of the instance, up or not."""
        try:
            infos = self._rpc().supervisor.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error):
            return [ProcessState(name, None, False) for name in PROCESSES]
        assert isinstance(infos, list)
        states = {str(i["name"]): ProcessState(str(i["name"]), i["pid"] or None, i["pid"] > 0) for i in infos}
        return [states.get(name, ProcessState(name, None, False)) for name in PROCESSES]

    def stop_process(self, name: str) -> None:
        """Stop one process and leave it stopped."""
        self._rpc().supervisor.stopProcess(name)

    def start_process(self, name: str) -> None:
        """Start one stopped process again."""
        self._rpc().supervisor.startProcess(name)

    def end_orphans(self) -> list[int]:
        """End processes that outlived a killed supervisord; returns their ids."""
        orphans = self._marked()
        for pid in orphans:
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while any(map(_alive, orphans)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in filter(_alive, orphans):
            _signal(pid, signal.SIGKILL)
        return orphans

    def _rpc(self) -> xmlrpc.client.ServerProxy:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport)

    def _environment(self) -> dict[str, str]:
        given: dict[str, object] = {
            _MARK: self._paths.state,
            "IVR_STATE_DIR": self._paths.state,
            "IVR_HOTLINE_FILE": self._settings.hotline_file.resolve(),
            "IVR_RUNTIME_DIR": self._settings.runtime_dir.resolve(),
            "IVR_CACHE_DIR": self._settings.cache_dir,
            "IVR_BIND_HOST": self._settings.bind_host,
            "IVR_WEB_HOST": self._settings.web_host,
            "IVR_VOICE_ENGINE": self._settings.voice_engine,
            "IVR_DATABASE_URL": self._settings.database_url,
            "IVR_VOSK_MODEL": self._settings.vosk_model,
        }
        return {**os.environ, **{name: str(value) for name, value in given.items() if value is not None}}

    def _write_conf(self, asterisk_argv: list[str], asterisk_env: Mapping[str, str]) -> None:
        programs = [self._program("asterisk", asterisk_argv, {**asterisk_env}, priority=1)]
        for name in PYTHON_PROCESSES:
            programs.append(self._program(name, [sys.executable, "-m", "ivr", name], {}, priority=2))
        # supervisord warns when root runs it without saying so.
        user = f"user={pwd.getpwuid(0).pw_name}\n" if os.getuid() == 0 else ""
        text = (
            f"[unix_http_server]\nfile={_plain(self._socket)}\nchmod=0700\n\n"
            f"[supervisord]\n{user}logfile={_plain(self._paths.log / 'supervisord.log')}\n"
            f"pidfile={_plain(self._paths.run / 'supervisord.pid')}\nloglevel=info\numask=077\n\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\n" + "\n".join(programs)
        )
        self._conf.touch(mode=0o600)
        self._conf.write_text(text)

    def _program(self, name: str, argv: list[str], env: dict[str, str], priority: int) -> str:
        values = {**env, "PYTHONUNBUFFERED": "1"}
        environment = ",".join(f'{key}="{_plain(value)}"' for key, value in values.items())
        # A process that dies is started again for ever: a hotline does not give up (S20). One that cannot
        # even start waits a second longer each time, so that it does not eat the machine.
        return (
            f"[program:{name}]\ncommand={_plain(shlex.join(argv))}\nenvironment={environment}\n"
            f"directory={_plain(self._paths.state)}\npriority={priority}\n"
            "autostart=true\nautorestart=true\nstartsecs=1\nstartretries=1000000\nstopwaitsecs=10\nstopasgroup=false\n"
            "killasgroup=false\nredirect_stderr=true\nstdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n"
            f"stdout_logfile={_plain(self._paths.log / (name + '.log'))}\n"
        )


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `ready`; raises StartFailed naming what did not come up."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise StartFailed(f"{what} did not come up.", "see the state folder's log, or run `ivr doctor`")
        time.sleep(0.1)


def _plain(value: object) -> str:
    """supervisord expands %(…)s in values."""
    return str(value).replace("%", "%%")


def _other_processes() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def _environment_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
