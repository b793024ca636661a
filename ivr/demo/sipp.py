"""Many calls at once: SIPp with a scenario of ours, its result as data."""

import csv
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ivr.demo.ports import free_port
from ivr.errors import IvrError
from ivr.tools import Tool, end_program, tool

_SIGN = (
    "INFO sip:put-down SIP/2.0\r\nVia: SIP/2.0/UDP test;branch=z9hG4bK-down\r\nFrom: <sip:test>;tag=1\r\n"
    "To: <sip:caller>\r\nCall-ID: {call_id}\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n"
)
"""Tells a waiting scenario to go on: SIPp takes any message that bears the call's id."""


class SippError(IvrError):
    """SIPp did not start, or did not end in time."""


@dataclass(frozen=True)
class SippResult:
    """What became of a run's calls: counts, mean seconds from INVITE to answer, and SIPp's own words."""

    succeeded: int
    failed: int
    answer_seconds: float
    errors: str


class SippRun:
    """One running SIPp; use it as a context manager, which ends it at the latest.

    `rows` are the fields of each call ([field0], [field1], … of the scenario), one row a call; `listen` is its own
    SIP port. Scenarios write what happens into the log (`<log message="answered …"/>`).
    """

    def __init__(
        self,
        scenario: Path,
        server: tuple[str, int],
        service: str,
        rows: Sequence[Sequence[str | int]] = (),
        *,
        calls: int | None = None,
        rate: float = 5.0,
        limit_seconds: float = 300.0,
        listen: int | None = None,
        more: Sequence[str] = (),
        program: Tool | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ivr-sipp-"))
        self.port = listen or free_port(server[0])
        self._host = server[0]
        self._limit = limit_seconds
        self._scenario = scenario
        self._program = program or tool("sipp")
        total = str(calls or len(rows) or 1)
        self._argv = self._program.argv(
            f"{server[0]}:{server[1]}", "-sf", scenario.resolve(), "-s", service, "-i", server[0],
            "-p", str(self.port), "-m", total, "-l", total, "-r", f"{rate:g}",
            "-timeout", f"{limit_seconds:.0f}s", "-timeout_error", "-nostdin",
            "-trace_err", "-error_file", self.folder / "errors", "-trace_logs", "-log_file", self.folder / "happened",
            "-trace_stat", "-stf", self.folder / "stat.csv", *self._fields(rows), *more,
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "SippRun":
        with (self.folder / "screen").open("wb") as screen:
            self._process = subprocess.Popen(
                self._argv,
                cwd=self.folder,
                env=self._program.environ(TERM="dumb"),
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def happened(self) -> list[str]:
        """The lines that the scenario has logged so far."""
        try:
            return (self.folder / "happened").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def wait_for(self, word: str, count: int = 1, seconds: float = 60.0) -> None:
        """Wait until `count` logged lines begin with `word`; raises SippError."""
        ends = time.monotonic() + seconds
        while sum(line.startswith(word) for line in self.happened()) < count:
            if time.monotonic() > ends or (self._process and self._process.poll() is not None):
                raise SippError(
                    f"SIPp ({self._scenario.name}) did not log {word!r} {count} times: {self.happened()}", self.errors()
                )
            time.sleep(0.05)

    def hang_up(self, *fields: str) -> None:
        """Have the calls with these [field0] put down now, all without any; see caller.xml. Raises SippError."""
        answered = [line.split(" ") for line in self.happened() if line.startswith("answered ")]
        chosen = [words for words in answered if len(words) == 3 and (not fields or words[1] in fields)]
        if len(chosen) < max(1, len(fields)):
            raise SippError(f"SIPp ({self._scenario.name}) has no such call to hang up: {fields}.")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _, _, call_id in chosen:
                sock.sendto(_SIGN.format(call_id=call_id).encode(), (self._host, self.port))

    def result(self) -> SippResult:
        """Wait until all calls are over; raises SippError when SIPp does not come to an end."""
        if self._process is None:
            raise SippError("SIPp was not started.")
        try:
            self._process.wait(self._limit + 10)
        except subprocess.TimeoutExpired as error:
            raise SippError(f"SIPp ({self._scenario.name}) does not end.", self.errors()) from error
        last = self._last_figures()
        return SippResult(
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            answer_seconds=_seconds(last.get("ResponseTime1(C)", "")),
            errors=self.errors(),
        )

    def end(self) -> None:
        """End SIPp now; its calls are given up."""
        if self._process is not None and self._process.poll() is None:
            end_program(self._process)

    def errors(self) -> str:
        """What SIPp complained about."""
        return self._end_of("errors")

    def _fields(self, rows: Sequence[Sequence[str | int]]) -> list[str | Path]:
        if not rows:
            return []
        file = self.folder / "calls.csv"
        file.write_text("SEQUENTIAL\n" + "".join(";".join(map(str, row)) + "\n" for row in rows))
        return ["-inf", file]

    def _last_figures(self) -> dict[str, str]:
        try:
            with (self.folder / "stat.csv").open(newline="") as file:
                rows = list(csv.DictReader(file, delimiter=";"))
        except FileNotFoundError:
            rows = []
        if not rows:
            raise SippError(f"SIPp ({self._scenario.name}) counted nothing.", self._end_of("screen"))
        return rows[-1]

    def _end_of(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(errors="replace").strip()[-1500:]
        except FileNotFoundError:
            return ""


def run_sipp(
    scenario: Path,
    server: tuple[str, int],
    service: str,
    rows: Sequence[Sequence[str | int]] = (),
    *,
    limit_seconds: float = 120.0,
) -> SippResult:
    """Run a scenario to its end, one call a row; raises SippError."""
    with SippRun(scenario, server, service, rows, limit_seconds=limit_seconds) as run:
        return run.result()


def _seconds(text: str) -> float:
    """SIPp's hours:minutes:seconds:microseconds (seconds may carry the fraction instead)."""
    parts = text.split(":")
    if len(parts) < 3:
        return 0.0
    hours, minutes, seconds = (float(part) for part in parts[:3])
    micros = float(parts[3]) if len(parts) > 3 else 0.0
    return hours * 3600 + minutes * 60 + seconds + micros / 1e6
