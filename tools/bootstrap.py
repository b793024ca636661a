"""From a bare checkout to everything installed in it: `.venv` from requirements.lock, programs in `.runtime`.

Run by a bare `python3` (standard library only), as root or not; at once when all is there already.
Exit code 0 when everything is in place, 1 with one line saying what is missing and how to get it.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if sys.version_info < (3, 11):  # noqa: UP036  an older one must be told so, not crash on the imports below
    sys.exit("Python 3.11 or newer is needed. Remedy: install it, for example `apt-get install python3.11-venv`")

from ivr import toolsets  # noqa: E402
from ivr.debian import folder_lock  # noqa: E402
from ivr.errors import IvrError  # noqa: E402

TESTED_MINORS = range(11, 14)
"""Minor versions of Python 3 that the lock file was installed on."""
LOCK_FILE = "requirements.lock"
STAMP = ".three-rings"
INSTALLING = ".installing"


class BootstrapError(IvrError):
    """The virtual environment cannot be made; says the one command that helps."""


class Report:
    """A line per step: what, how far, how long; redrawn in place on a terminal, plain otherwise."""

    def __init__(self) -> None:
        self._tty = sys.stdout.isatty()
        self._last: tuple[str, float] = ("", 0.0)

    def __call__(self, step: str, done: int, total: int, seconds: float) -> None:
        finished = done >= total
        step_before, said_at = self._last
        if step != step_before:
            said_at = 0.0
        # A terminal may be redrawn often; in a log, ten seconds without a word are enough.
        if not finished and seconds - said_at < (0.1 if self._tty else 10.0) and (step == step_before or not self._tty):
            self._last = (step, said_at)
            return
        self._last = ("", 0.0) if finished else (step, seconds)
        line = f"  {step:<46} {_amount(done, total):>18} {seconds:6.1f} s"
        if self._tty:
            print(f"\r{line}\033[K", end="\n" if finished else "", flush=True)
        else:
            print(line, flush=True)

    def done(self, step: str, seconds: float = 0.0) -> None:
        self(step, 1, 1, seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the checkout up to date; the argument --test adds the browser and the database for the tests."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--test", action="store_true", help="also the browser and PostgreSQL for `make test`")
    parser.add_argument("--only-venv", action="store_true", help="the virtual environment only")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    report = Report()
    sets = [] if options.only_venv else ["telephony", *(["browser", "postgres"] if options.test else [])]
    programs = Programs(sets, report)
    try:
        programs.start()
        ensure_venv(ROOT, report)
        programs.wait()
    except IvrError as error:
        print(f"\nbootstrap: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\nbootstrap: {error.strerror}: {error.filename}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbootstrap: stopped; run it again and it goes on.", file=sys.stderr)
        return 130
    report.done("everything is installed", time.monotonic() - started)
    return 0


class Programs(threading.Thread):
    """Fetches and unpacks the sets of programs beside the libraries; says nothing before it is waited for.

    A daemon: whoever presses Ctrl-C is not kept waiting, and what lies there half is gone on with the next time.
    """

    def __init__(self, sets: Sequence[str], report: Report) -> None:
        super().__init__(daemon=True)
        self._sets, self._report = sets, report
        self._failure: Exception | None = None
        self._waited_for = threading.Event()

    def run(self) -> None:
        try:
            for name in self._sets:
                toolsets.ensure(name, progress=self._progress(name))
        except Exception as error:
            self._failure = error

    def wait(self) -> None:
        """Until all is there; raises what stopped it."""
        self._waited_for.set()
        self.join()
        if self._failure is not None:
            raise self._failure

    def _progress(self, name: str) -> Callable[[str, int, int, float], None]:
        titled = _titled(name, self._report)

        def show(step: str, done: int, total: int, seconds: float) -> None:
            if self._waited_for.is_set():
                titled(step, done, total, seconds)

        return show


def ensure_venv(root: Path, report: Report) -> None:
    """Make or repair `root/.venv` so that it holds the locked versions and this checkout; raises IvrError."""
    venv = root / ".venv"
    if venv.is_symlink():
        # What lies behind it belongs to another checkout, whose libraries are not ours to change.
        raise BootstrapError(f"{venv} is a link.", "remove the link: an environment of its own is made there")
    if _is_current(root, venv):
        return
    runtime = root / ".runtime"
    runtime.mkdir(exist_ok=True)
    with folder_lock(runtime, report, ".venv.lock"):
        if _is_current(root, venv):
            return
        if not _can_be_kept(root, venv):
            shutil.rmtree(venv, ignore_errors=True)
            venv.mkdir()
            (venv / INSTALLING).touch()
            _make_venv(venv, choose_python(_candidates()), report)
        (venv / INSTALLING).touch()
        (venv / STAMP).unlink(missing_ok=True)
        _install(root, venv, report)
        (venv / STAMP).write_text(json.dumps(_fingerprint(root, venv)), encoding="utf-8")
        (venv / INSTALLING).unlink()


@dataclass(frozen=True)
class Python:
    """A Python found on this machine; `venv` and `ensurepip`: whether it has these modules."""

    program: str
    version: tuple[int, int]
    venv: bool
    ensurepip: bool


def choose_python(found: Sequence[Python]) -> Python:
    """The newest Python ≥ 3.11 that can make environments, one that brings pip and is tested before others.

    Raises BootstrapError naming the one command that helps.
    """
    new_enough = [p for p in found if p.version >= (3, 11)]
    usable = [p for p in new_enough if p.venv]
    if not new_enough:
        raise BootstrapError("Python 3.11 or newer is needed.", "apt-get install python3.11-venv")
    if not usable:
        major, minor = max(p.version for p in new_enough)
        raise BootstrapError(f"Python {major}.{minor} is here without its venv module.", "apt-get install python3-venv")
    return max(usable, key=lambda p: (p.version[1] in TESTED_MINORS, p.ensurepip, p.version))


def _candidates() -> list[Python]:
    programs: list[str] = [sys.executable, *filter(None, (shutil.which(f"python3.{m}") for m in range(30, 10, -1)))]
    programs += filter(None, [shutil.which("python3")])
    return [p for p in map(_ask, dict.fromkeys(programs)) if p is not None]


def _ask(program: str) -> Python | None:
    # A package without an origin is an empty folder that some removal left.
    question = (
        "import json, sys; from importlib.util import find_spec;"
        "there = [bool((spec := find_spec(name)) and spec.origin) for name in ('venv', 'ensurepip')];"
        "print(json.dumps([sys.version_info[:2], *there]))"
    )
    run = subprocess.run([program, "-I", "-c", question], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return None
    version, venv, ensurepip = json.loads(run.stdout)
    return Python(program, (version[0], version[1]), venv, ensurepip)


def _make_venv(venv: Path, python: Python, report: Report) -> None:
    step = f"virtual environment (Python {python.version[0]}.{python.version[1]})"
    started = time.monotonic()
    without_pip = [] if python.ensurepip else ["--without-pip"]
    _run([python.program, "-m", "venv", *without_pip, venv], step)
    if not python.ensurepip:
        wheel = toolsets.pip_wheel(progress=_titled("pip", report))
        _run(
            [venv / "bin/python", wheel / "pip", "install", "--no-index", "--no-deps", wheel],
            step,
        )
    report.done(step, time.monotonic() - started)


def _install(root: Path, venv: Path, report: Report) -> None:
    pip: list[str | Path] = [venv / "bin/python", "-m", "pip", "install", "--no-input"]
    lock = root / LOCK_FILE
    total = len(re.findall(r"^[\w.-]+(\[[^\]]*\])?==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    seen = 0
    started = time.monotonic()

    def follow(line: str) -> None:
        nonlocal seen
        if line.startswith(("Collecting ", "Requirement already satisfied")):
            seen = min(seen + 1, total - 1)
        report("libraries", seen, total, time.monotonic() - started)

    hashed: list[str | Path] = ["--progress-bar", "off", "--require-hashes", "--no-deps", "--no-compile", "-r", lock]
    _run([*pip, *hashed], "libraries", follow)
    _run([*pip, "--no-deps", "--no-build-isolation", "-e", root], "this checkout")
    report("libraries", total, total, time.monotonic() - started)
    _compile(venv, report)


def _compile(venv: Path, report: Report) -> None:
    """What pip would do on one core, on all of them. A file that some library keeps for another Python does no harm."""
    started = time.monotonic()
    subprocess.run(
        [venv / "bin/python", "-m", "compileall", "-q", "-j", "0", *(venv / "lib").glob("python*/site-packages")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    report.done("libraries: compiling", time.monotonic() - started)


def _run(argv: Sequence[str | Path], step: str, follow: Callable[[str], None] | None = None) -> None:
    """Run a step to its end, showing its lines to `follow`; raises BootstrapError with its reason."""
    said: list[str] = []
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "LC_ALL": "C.UTF-8"}
    env.pop("PYTHONPATH", None)
    with subprocess.Popen(
        [str(a) for a in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=env,
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            said.append(line.rstrip())
            if follow is not None:
                follow(line)
    if child.returncode != 0:
        raise pip_error(step, said)


_SYMPTOMS = (
    (r"No space left on device|Disk quota exceeded", "The disk is full.", "make room and run again"),
    (
        r"NewConnectionError|ConnectTimeout|Temporary failure|Network is unreachable|Read timed out|Max retries"
        r"|ProxyError|SSLError|ConnectionResetError",
        "The Python package index does not answer.",
        "check the network (`pip download pip` must work) and run again",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "A downloaded library is not the locked one: its hash differs.",
        "run again; if it stays, the package index was tampered with or is out of step with " + LOCK_FILE,
    ),
    (
        r"No module named ensurepip|ensurepip is not\s*available",
        "Python is here without ensurepip.",
        "apt-get install python3-venv",
    ),
)


def pip_error(step: str, said: Sequence[str]) -> BootstrapError:
    """What pip or venv printed, as one line with the remedy."""
    for pattern, message, remedy in _SYMPTOMS:
        if any(re.search(pattern, line) for line in said):
            return BootstrapError(message, remedy)
    errors = [line for line in said if line.startswith("ERROR")] or [line for line in said if line.strip()]
    reason = re.sub(r"^ERROR:\s*", "", errors[-1] if errors else "it said nothing")
    return BootstrapError(f"{step}: {reason}.", "run again; if it stays, remove .venv and run again")


def _is_current(root: Path, venv: Path) -> bool:
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return not (venv / INSTALLING).exists() and stamp == _fingerprint(root, venv)


def _can_be_kept(root: Path, venv: Path) -> bool:
    """Whether pip may go on in this environment: not half-installed, not moved, its Python still there."""
    python = _python_version(venv)
    if (venv / INSTALLING).exists() or python is None:
        return False
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return bool(stamp.get("root") == str(root) and stamp.get("python") == python)


def _fingerprint(root: Path, venv: Path) -> dict[str, str]:
    digest = hashlib.sha256()
    for name in (LOCK_FILE, "pyproject.toml"):
        digest.update((root / name).read_bytes() + b"\0")
    return {"root": str(root), "python": _python_version(venv) or "none", "locked": digest.hexdigest()}


def _python_version(venv: Path) -> str | None:
    """major.minor of an environment's working Python with pip; None when there is none."""
    python = venv / "bin/python"
    if not python.exists():
        return None
    question = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    run = subprocess.run([python, "-I", "-c", question], capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else None


def _titled(name: str, report: Report) -> Callable[[str, int, int, float], None]:
    return lambda step, done, total, seconds: report(f"{name}: {step}", done, total, seconds)


def _amount(done: int, total: int) -> str:
    if total > 1_000_000:
        return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
    if total == 100:
        return f"{done} %"
    return f"{done} of {total}" if total > 1 else ""


if __name__ == "__main__":
    sys.exit(main())
