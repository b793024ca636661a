"""Foreign programs we run (Asterisk, test phones, voice, browser, database): where they are, how they start.

A program that the machine has, new enough, is used as it is; otherwise the one unpacked into the
runtime folder by `fetch`. Standard library only: the bootstrap runs this before any venv exists.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ivr.errors import IvrError

Version = tuple[int, ...]

_CHECKOUT = Path(__file__).resolve().parent.parent
_LOADERS = {
    "x86_64": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


class ToolMissing(IvrError):
    """A program is neither installed nor unpacked."""


@dataclass(frozen=True)
class Program:
    """What we know about a program before looking for it.

    `inside` is its place in an unpacked folder (a glob), `data` what it loads at run time (a glob too),
    `minimum` the oldest installed version that is used as it is.
    """

    package: str
    folder: str
    inside: str
    minimum: Version
    version_flag: str
    data: str = ""
    own_loader: bool = True
    elsewhere: tuple[str, ...] = ()


PROGRAMS: dict[str, Program] = {
    "asterisk": Program("asterisk", "telephony", "usr/sbin/asterisk", (20,), "-V", "usr/lib/*/asterisk/modules"),
    "sipp": Program("sip-tester", "telephony", "usr/bin/sipp", (3, 6), "-v"),
    "baresip": Program("baresip-core", "telephony", "usr/bin/baresip", (1, 0), "-h", "usr/lib/baresip/modules"),
    # The demonstration model knows the voices of this version.
    "espeak-ng": Program(
        "espeak-ng", "telephony", "usr/bin/espeak-ng", (1, 52), "--version", "usr/lib/*/espeak-ng-data"
    ),
    "chromium": Program(
        "chromium", "browser", "usr/bin/chromium-unpacked", (100,), "--version", "usr/share/fonts", False
    ),
    **{
        name: Program(
            "postgresql",
            "postgres",
            f"usr/lib/postgresql/*/bin/{name}",
            (13,),
            "--version",
            "usr/share/postgresql/*",
            False,
            (f"/usr/lib/postgresql/*/bin/{name}",),
        )
        for name in ("postgres", "initdb", "pg_ctl", "psql")
    },
}


@dataclass(frozen=True)
class Tool:
    """A program that is there: how to start it, with what environment, and where its data lie.

    `root` is the folder it was unpacked into, None when the machine has it installed. `data` are the
    modules (asterisk, baresip), voices (espeak-ng) or fonts (chromium) belonging to it.
    """

    name: str
    program: Path
    prefix: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None
    data: Path | None = None

    def argv(self, *args: str | os.PathLike[str]) -> list[str]:
        """The command line, loader included."""
        return [*self.prefix, str(self.program), *(os.fspath(a) for a in args)]

    def environ(self, **more: str) -> dict[str, str]:
        """This process's environment with what the program needs on top."""
        return {**os.environ, **self.env, **more}


def default_runtime_dir() -> Path:
    """Where programs are unpacked: IVR_RUNTIME_DIR, else `.runtime` in the checkout."""
    return Path(os.environ.get("IVR_RUNTIME_DIR") or _CHECKOUT / ".runtime")


def tool(name: str, runtime_dir: Path | None = None, *, use_installed: bool = True) -> Tool:
    """Find a program of PROGRAMS; raises ToolMissing with what to do about it."""
    known = PROGRAMS[name]
    folder = (runtime_dir or default_runtime_dir()).resolve() / known.folder
    found = installed(name) if use_installed else None
    if found is None:
        found = unpacked(name, folder)
    if found is None:
        test = "" if known.folder == "telephony" else " --test"
        raise ToolMissing(
            f"{name} is neither installed (version {_dotted(known.minimum)} or newer) nor unpacked.",
            f"run `python3 tools/bootstrap.py{test}`",
        )
    return replace(found, env={**found.env, **_font_env(name, folder)})


def installed(name: str) -> Tool | None:
    """The machine's own program, when it is new enough."""
    known = PROGRAMS[name]
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    on_path = shutil.which(name, path=search)
    candidates = [Path(on_path)] if on_path else []
    candidates += newest_first(p for pattern in known.elsewhere for p in Path("/").glob(pattern.lstrip("/")))
    for program in candidates:
        if program_version(program, known.version_flag) >= known.minimum:
            return Tool(name, program)
    return None


def unpacked(name: str, folder: Path) -> Tool | None:
    """The program in a folder of unpacked packages, with loader, libraries and data paths set."""
    known = PROGRAMS[name]
    program = _newest(folder, known.inside)
    if program is None:
        return None
    data = _newest(folder, known.data) if known.data else None
    env: dict[str, str] = {}
    if name == "espeak-ng" and data is not None:
        env["ESPEAK_DATA_PATH"] = str(data.parent)
    prefix = loader_prefix(folder) if known.own_loader else ()
    if name != "chromium" and not known.own_loader:
        # The folder is of the machine's own release: its loader fits, and children inherit the variable.
        # Chromium's starting script sets the same.
        env["LD_LIBRARY_PATH"] = os.pathsep.join(str(p) for p in library_dirs(folder))
    return Tool(name, program, prefix, env, folder, data)


def loader_prefix(folder: Path) -> tuple[str, ...]:
    """The folder's own dynamic loader and its arguments: the packages need a newer libc than the machine's.

    Raises ToolMissing when the folder has none for this processor.
    """
    triplet, name = _machine()
    for loader in (folder / "usr/lib" / triplet / name, folder / "lib" / triplet / name):
        if loader.exists():
            return (str(loader), "--library-path", os.pathsep.join(str(p) for p in library_dirs(folder)))
    raise ToolMissing(
        f"{folder} has no program loader {name}.", f"remove {folder} and run `python3 tools/bootstrap.py`"
    )


def library_dirs(folder: Path) -> list[Path]:
    """The folders with shared libraries, private ones of some packages (PulseAudio, BLAS) included."""
    triplet, _ = _machine()
    bases = [folder / "usr/lib" / triplet, folder / "lib" / triplet]
    dirs = [d for base in bases for d in (base, base / "pulseaudio", base / "blas", base / "lapack")]
    return [d for d in dirs if d.is_dir()]


@lru_cache
def program_version(program: Path, flag: str) -> Version:
    """The first version number that the program prints; () when it does not start."""
    try:
        run = subprocess.run([program, flag], capture_output=True, text=True, timeout=20, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_version(run.stdout + run.stderr)


def parse_version(text: str) -> Version:
    """First dotted number in a text, as a comparable tuple: "Asterisk 22.10.1~dfsg" is (22, 10, 1)."""
    match = re.search(r"\d+(?:\.\d+)+", text) or re.search(r"\d+", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """Paths such as /usr/lib/postgresql/15/bin, ordered by the numbers in them."""
    return sorted(paths, key=lambda p: [int(n) for n in re.findall(r"\d+", str(p))], reverse=True)


def _newest(folder: Path, pattern: str) -> Path | None:
    return next(iter(newest_first(folder.glob(pattern))), None)


def _machine() -> tuple[str, str]:
    machine = platform.machine()
    if machine not in _LOADERS:
        raise ToolMissing(
            f"No packages are known for the processor {machine}.", "install Asterisk 20 or newer yourself"
        )
    return _LOADERS[machine]


def _font_env(name: str, folder: Path) -> dict[str, str]:
    config = folder / "fonts.conf"
    return {"FONTCONFIG_FILE": str(config)} if name == "chromium" and config.exists() else {}


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)


def end_program(process: "subprocess.Popen[bytes]", seconds: float = 5.0) -> None:
    """End a program that we started: politely, then, after `seconds`, for good."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
