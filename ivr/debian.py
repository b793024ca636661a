"""Debian packages unpacked into a folder of our own, without root: a private apt, then dpkg-deb.

apt itself fetches and verifies (signatures, hashes) with lists, cache and package state of its own, so the
machine's are never touched. Standard library only: the bootstrap runs this before any venv exists.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO

from ivr.apt_errors import AptMissing, DiskFull, PackageError, package_error
from ivr.apt_sources import Source, render

Progress = Callable[[str, int, int, float], None]
"""Called with the step's name, how much is done, of how much (bytes or pieces), and the seconds so far."""

STAMP = ".packages.json"
_TEMPORARY = (".making-", ".old-")
_LISTS_FRESH_SECONDS = 1800.0
_UNPACKED_RATIO = 4
"""A folder of unpacked packages is about three times their size; one more for what is being downloaded."""
_MACHINE_LIBC = frozenset({"libc6", "libc-bin"})


@dataclass(frozen=True)
class Stamp:
    """What a finished folder holds; written last, so a folder with a stamp is complete."""

    suite: str
    wanted: list[str]
    packages: dict[str, str] = field(default_factory=dict)

    def has(self, wanted: Sequence[str]) -> bool:
        return set(wanted) <= set(self.wanted)


@dataclass(frozen=True)
class Plan:
    """The packages to fetch: versions and archive file names by name, and their size in bytes."""

    versions: dict[str, str]
    files: dict[str, str]
    size: int


def no_progress(step: str, done: int, total: int, seconds: float) -> None:
    """A Progress that says nothing."""


def read_stamp(folder: Path) -> Stamp | None:
    """The stamp of a finished folder; None when it is absent, unfinished or damaged."""
    try:
        said = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return Stamp(str(said["suite"]), list(said["wanted"]), dict(said["packages"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Declare the folder finished, durably."""
    with (folder / STAMP).open("w", encoding="utf-8") as file:
        json.dump(asdict(stamp), file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def ensure_folder(
    target: Path,
    wanted: Sequence[str],
    sources: Sequence[Source],
    *,
    only: Sequence[str] = (),
    own_libc: bool = True,
    finish: Callable[[Path], None] | None = None,
    progress: Progress = no_progress,
) -> Stamp:
    """Make `target` hold the wanted packages and all they depend on; at once when its stamp says so.

    `only` restricts what is unpacked; `own_libc=False` leaves out the C library (for packages of the
    machine's own release, which run on the machine's). `finish` adds our own files before the folder is
    put in place. Raises a PackageError; whatever happens, `target` is the old folder or the whole new one.
    """
    there = read_stamp(target)
    if there is not None and there.has(wanted):
        return there
    target.parent.mkdir(parents=True, exist_ok=True)
    with folder_lock(target.parent, progress) as lock, _plain_errors(target.parent):
        remove_leftovers(target.parent)
        there = read_stamp(target)
        if there is not None and there.has(wanted):
            return there
        suite = sources[0].suites[0]
        archive = Archive(target.parent / ".apt" / suite, sources, lock)
        archive.update(progress)
        plan = archive.plan(wanted)
        _check_room(target.parent, plan.size * _UNPACKED_RATIO)
        archive.download(wanted, plan, progress)
        making = Path(tempfile.mkdtemp(prefix=_TEMPORARY[0], dir=target.parent))
        try:
            making.chmod(0o755)
            skip = frozenset() if own_libc else _MACHINE_LIBC
            names = [n for n in plan.files if n not in skip and (not only or n in only)]
            _unpack([archive.debs / plan.files[n] for n in names], making, lock, progress)
            if finish is not None:
                finish(making)
            stamp = Stamp(suite, sorted(wanted), {n: plan.versions[n] for n in names})
            write_stamp(making, stamp)
            put_in_place(making, target)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(archive.debs, ignore_errors=True)
        return stamp


def put_in_place(made: Path, target: Path) -> None:
    """Rename a finished folder to `target`; a folder already there is moved aside, then removed."""
    old = None
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=_TEMPORARY[1], dir=target.parent)) / target.name
        target.rename(old)
    made.rename(target)
    if old is not None:
        shutil.rmtree(old.parent, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left behind; call it with the folder's lock held."""
    for prefix in _TEMPORARY:
        for leftover in folder.glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)


@contextlib.contextmanager
def folder_lock(folder: Path, progress: Progress = no_progress, name: str = ".lock") -> Iterator[int]:
    """Hold the folder's lock, waiting for whoever has it; yields the descriptor for child processes.

    A child that outlives us keeps the lock, so nobody removes the files it is still writing.
    """
    started = time.monotonic()
    with (folder / name).open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress("waiting for another run to finish", 0, 1, time.monotonic() - started)
                time.sleep(0.5)
        yield file.fileno()


class Archive:
    """A private apt: own lists, cache and (empty) package state below `state`, the given sources only."""

    def __init__(self, state: Path, sources: Sequence[Source], lock: int) -> None:
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise AptMissing(
                    f"This machine has no {program}.",
                    "use Debian 12+ or Ubuntu 24.04+, or install Asterisk 20 or newer yourself",
                )
        self.state = state
        self.debs = state / "archives"
        self._lock = lock
        self._updated = state / "updated"
        for folder in (
            state / "lists/partial",
            self.debs / "partial",
            state / "nothing/partial",
            state / "sources.list.d",
        ):
            folder.mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        # apt does not download from file: addresses, so nothing would arrive in `debs`.
        stanzas = render([replace(s, uris=tuple(re.sub("^file:", "copy:", u) for u in s.uris)) for s in sources])
        listing = state / "sources.list.d/own.sources"
        if not listing.exists() or listing.read_text(encoding="utf-8") != stanzas:
            self._updated.unlink(missing_ok=True)
            listing.write_text(stanzas, encoding="utf-8")
        self._conf = state / "apt.conf"
        self._conf.write_text(_APT_CONF.format(state=state), encoding="utf-8")

    def update(self, progress: Progress = no_progress) -> None:
        """Fetch and verify the package lists, unless that was done within the last half hour."""
        with contextlib.suppress(OSError):
            if 0 <= time.time() - self._updated.stat().st_mtime < _LISTS_FRESH_SECONDS:
                return
        self._watch(["apt-get", "update"], "reading the package lists", 100, progress)
        self._updated.touch()

    def candidate(self, package: str) -> str | None:
        """The version the archive offers; None when it has no such package."""
        shown = self._run(["apt-cache", "policy", package])
        match = re.search(r"Candidate: (\S+)", shown)
        return None if match is None or match[1] == "(none)" else match[1]

    def plan(self, wanted: Sequence[str]) -> Plan:
        """The dependency closure, as apt resolves it for an empty machine; raises PackageUnknown."""
        # apt leaves out what it has downloaded already, so it is shown an empty cache.
        elsewhere = f"Dir::Cache::archives={self.state / 'nothing'}/"
        shown = self._run(["apt-get", "-o", elsewhere, "--print-uris", "install", *wanted])
        versions: dict[str, str] = {}
        files: dict[str, str] = {}
        size = 0
        for file, length in re.findall(r"^'[^']*' (\S+\.deb) (\d+) ", shown, re.MULTILINE):
            name, version, _ = file.split("_", 2)
            versions[name] = urllib.parse.unquote(version)
            files[name] = file
            size += int(length)
        if not versions.keys() >= set(wanted):
            raise PackageError(f"apt did not plan {', '.join(set(wanted) - versions.keys())}.")
        return Plan(versions, files, size)

    def download(self, wanted: Sequence[str], plan: Plan, progress: Progress = no_progress) -> None:
        """Fetch the packages of the plan into `debs`; what is there already is verified and kept."""
        self._watch(["apt-get", "--download-only", "install", *wanted], "downloading", plan.size, progress)

    def _run(self, argv: list[str]) -> str:
        run = subprocess.run(
            [argv[0], "-c", str(self._conf), *argv[1:]],
            capture_output=True,
            text=True,
            errors="replace",
            env=_c_locale(),
            pass_fds=(self._lock,),
        )
        if run.returncode != 0:
            raise package_error(run.stderr + run.stdout)
        return run.stdout

    def _watch(self, argv: list[str], step: str, total: int, progress: Progress) -> None:
        started = time.monotonic()
        progress(step, 0, total, 0.0)
        read, write = os.pipe()
        with (
            tempfile.TemporaryFile("w+", errors="replace") as said,
            os.fdopen(read, errors="replace") as status,
            _child(
                [argv[0], "-c", str(self._conf), "-o", f"APT::Status-Fd={write}", *argv[1:]],
                said,
                (write, self._lock),
            ) as child,
        ):
            os.close(write)
            for line in status:
                kind, _, rest = line.partition(":")
                if kind == "dlstatus":
                    percent = float(rest.split(":")[1])
                    done = min(int(total * percent / 100), total - 1)
                    progress(step, done, total, time.monotonic() - started)
            if child.wait() != 0:
                said.seek(0)
                raise package_error(said.read())
        progress(step, total, total, time.monotonic() - started)


def _unpack(debs: Sequence[Path], folder: Path, lock: int, progress: Progress) -> None:
    started = time.monotonic()

    def unpack_one(deb: Path) -> None:
        run = subprocess.run(
            ["dpkg-deb", "--extract", deb, folder],
            capture_output=True,
            text=True,
            errors="replace",
            env=_c_locale(),
            pass_fds=(lock,),
        )
        if run.returncode != 0:
            raise package_error(run.stderr)

    pool = ThreadPoolExecutor(max_workers=2)
    try:
        for done, _ in enumerate(pool.map(unpack_one, debs), start=1):
            progress("unpacking", done, len(debs), time.monotonic() - started)
    finally:
        pool.shutdown(cancel_futures=True)
    _drop_privileged_bits(folder)


def _drop_privileged_bits(folder: Path) -> None:
    # Nothing in here may raise anybody's rights: it is a pile of files, not an installation.
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                path.chmod(stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"{folder} needs {needed // 1_000_000} MB, {free // 1_000_000} MB are free.",
            "make room and run again",
        )


@contextlib.contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{error.strerror or error}: {error.filename or folder}."
        if error.errno in (28, 122):  # ENOSPC, EDQUOT
            raise DiskFull(message, "make room and run again") from error
        raise PackageError(message, f"check that {folder} may be written") from error


@contextlib.contextmanager
def _child(argv: list[str], said: IO[str], fds: tuple[int, ...]) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=_c_locale(), pass_fds=fds)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            child.wait()


def _c_locale() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "DEBIAN_FRONTEND": "noninteractive"}


_APT_CONF = """\
Dir::State "{state}/";
Dir::State::lists "{state}/lists/";
Dir::State::status "{state}/status";
Dir::State::extended_states "{state}/extended_states";
Dir::Cache "{state}/";
Dir::Cache::archives "{state}/archives/";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{state}/sources.list.d/";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Log "{state}/log";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::Assume-Yes "true";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Debug::NoLocking "true";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"""
"""The machine's own configuration (proxy, certificates) stays in force below this; its hooks do not run."""
