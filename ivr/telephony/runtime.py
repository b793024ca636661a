"""Asterisk as a program: which one, how it is started, asked over its control socket, and waited for."""

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.tools import Tool, Version, program_version, tool

_INSTALLED_CONF = Path("/etc/asterisk/asterisk.conf")
_POLL_SECONDS = 0.1
_RX_SECONDS = 15.0


class AsteriskNotAnswering(IvrError):
    """Asterisk's control socket does not answer, or a command was refused by it."""


@dataclass(frozen=True)
class RuntimeFolders:
    """Where the Asterisk package's own files lie: `astmoddir` and `astdatadir` of asterisk.conf."""

    modules: Path
    data: Path


def asterisk_tool(runtime_dir: Path | None = None) -> Tool:
    """The installed Asterisk ≥ 20, else the unpacked one; raises ToolMissing."""
    return tool("asterisk", runtime_dir)


def asterisk_version(runtime_dir: Path | None = None) -> Version:
    """The version as numbers, e.g. (22, 10, 1); raises ToolMissing."""
    found = asterisk_tool(runtime_dir)
    if found.root is None:
        return program_version(found.program, "-V")
    run = subprocess.run(found.argv("-V"), capture_output=True, text=True, env=found.environ(), timeout=20)
    match = re.search(r"\d+(\.\d+)+", run.stdout)
    if match is None:
        raise AsteriskNotAnswering(
            f"{found.program} does not start: {run.stderr.strip()[-200:]}",
            f"remove {found.root} and run `python3 tools/bootstrap.py`",
        )
    return tuple(int(part) for part in match.group().split("."))


def runtime_folders(runtime_dir: Path | None = None) -> RuntimeFolders:
    """Modules and data of the Asterisk that `asterisk_argv` starts; raises ToolMissing."""
    found = asterisk_tool(runtime_dir)
    if found.root is not None and found.data is not None:
        return RuntimeFolders(found.data, found.root / "usr/share/asterisk")
    return installed_folders(_INSTALLED_CONF)


def installed_folders(conf: Path) -> RuntimeFolders:
    """The folders of an installed Asterisk: what its asterisk.conf says, else the usual places."""
    said = _directories(conf)
    usual_modules = [
        *sorted(Path("/usr/lib").glob("*-linux-gnu/asterisk/modules")),
        Path("/usr/lib/asterisk/modules"),
        Path("/usr/lib64/asterisk/modules"),
        Path("/usr/local/lib/asterisk/modules"),
    ]
    usual_data = [Path("/usr/share/asterisk"), Path("/var/lib/asterisk")]
    return RuntimeFolders(
        _first_there([said.get("astmoddir"), *usual_modules], "modules"),
        _first_there([said.get("astdatadir"), said.get("astvarlibdir"), *usual_data], "data"),
    )


def asterisk_argv(conf_path: Path, runtime_dir: Path | None = None) -> list[str]:
    """The command line that starts Asterisk with this asterisk.conf, in the foreground."""
    return asterisk_tool(runtime_dir).argv("-C", conf_path, "-f")


def rx(conf_path: Path, command: str, seconds: float = _RX_SECONDS, runtime_dir: Path | None = None) -> str:
    """Ask the running Asterisk one CLI command over its control socket and return what it printed.

    Raises AsteriskNotAnswering when nothing listens there or no answer comes within `seconds`.
    """
    found = asterisk_tool(runtime_dir)
    argv = found.argv("-C", conf_path, "-n", "-rx", command)
    remedy = "see `ivr status`, and log/asterisk in the state folder"
    try:
        run = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=found.environ(),
        )
    except subprocess.TimeoutExpired as late:
        raise AsteriskNotAnswering(f"Asterisk gave no answer in {seconds:g} s.", remedy) from late
    if run.returncode != 0:
        said = (run.stderr or run.stdout).strip().splitlines()
        raise AsteriskNotAnswering(
            f"Asterisk does not answer: {said[-1] if said else f'exit code {run.returncode}'}", remedy
        )
    if run.stdout.startswith("No such command"):
        raise AsteriskNotAnswering(f"Asterisk does not know the command {command!r}.", "use Asterisk 20 or newer")
    return run.stdout


def wait_until_booted(
    conf_path: Path,
    seconds: float = 30.0,
    still_running: Callable[[], bool] = lambda: True,
    runtime_dir: Path | None = None,
) -> None:
    """Return once every module is up ("core waitfullybooted").

    Raises AsteriskNotAnswering after `seconds`, or at once when `still_running` says that it ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            if "fully booted" in rx(conf_path, "core waitfullybooted", max(left, 1.0), runtime_dir):
                return
            last = "it is still loading"
        except AsteriskNotAnswering as error:
            last = error.message
        if not still_running():
            raise AsteriskNotAnswering(
                "Asterisk ended while starting.", "read the last lines of log/asterisk in the state folder"
            )
        if left <= 0:
            raise AsteriskNotAnswering(
                f"Asterisk was not ready after {seconds:g} s ({last})",
                "read the last lines of log/asterisk in the state folder",
            )
        time.sleep(_POLL_SECONDS)


def _directories(conf: Path) -> dict[str, Path]:
    if not conf.is_file():
        return {}
    lines = conf.read_text(errors="replace").splitlines()
    pairs = (re.match(r"\s*(ast\w+dir)\s*=>?\s*([^;\s]+)", line) for line in lines)
    return {m.group(1): Path(m.group(2)) for m in pairs if m}


def _first_there(places: list[Path | None], what: str) -> Path:
    for place in places:
        if place is not None and place.is_dir():
            return place
    raise AsteriskNotAnswering(
        f"The installed Asterisk's {what} folder was not found.", "say it in /etc/asterisk/asterisk.conf"
    )
