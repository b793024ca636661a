"""One running instance for all live tests: real Asterisk, real processes, a business of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.calls.record import CallNotFound, CallRecord, get_call
from ivr.demo.phone import Phone
from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.watch import JournalWatch
from ivr.hotline import Hotline, load_hotline
from ivr.instance import Instance
from ivr.settings import ROOT, Settings
from ivr.store.session import StoreUnavailable, open_store
from ivr.supervise import Supervisor
from ivr.telephony.asterisk_control import AsteriskControl
from ivr.telephony.control import Control, ControlError
from ivr.tools import ToolMissing, tool
from tests.phones import Caller, calling

HERE = Path(__file__).parent
CROWD = [str(number) for number in range(2001, 2021)]


LONG = frozenset(
    f"test_{name}.py"
    for name in (
        "callbacks", "callers", "customers", "demo_callbacks", "desk", "duty", "menu_walk",
        "message", "own_agent", "rating", "record", "return_call", "storm", "survey_chaos", "surveys", "waiting",
    )
)  # fmt: skip
"""Files of stories that take minutes: `make prove` plays them, `make test` the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
            if item.path.name in LONG:
                item.add_marker(pytest.mark.long)


class Running:
    """A hotline that is up, as an operator reaches it: by the command line and by its files."""

    def __init__(self, settings: Settings, environment: dict[str, str], clean_start: list[str]) -> None:
        self.settings = settings
        self.environment = environment
        self.clean_start = clean_start
        self.supervisor = Supervisor(settings)

    @property
    def instance(self) -> Instance:
        return Instance.load(self.settings.paths)

    @property
    def hotline(self) -> Hotline:
        return load_hotline(self.settings.checked_hotline_file)

    @property
    def number(self) -> str:
        return self.hotline.hotline.number

    @property
    def server(self) -> tuple[str, int]:
        return self.instance.host, self.instance.sip

    def watch(self) -> JournalWatch:
        return JournalWatch(self.settings.paths)

    def ivr(self, *args: str) -> Any:
        """What `ivr … --json` says."""
        done = ivr(self.environment, *args, "--state", str(self.settings.state_dir), "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def agent_phone(self, work_number: str = "1001") -> Phone:
        return Phone(work_number, self.server, password=self.instance.agent_secrets[work_number])

    def caller_phone(self, number: str) -> Phone:
        return Phone(number, self.server)

    def pid(self, process: str) -> int | None:
        return next(state.pid for state in self.supervisor.processes() if state.name == process)

    def kill(self, process: str) -> None:
        """kill -9, then wait until the supervisor has it running again."""
        before = self.pid(process)
        assert before is not None, f"{process} is not running"
        os.kill(before, signal.SIGKILL)
        until(lambda: self.pid(process) not in (None, before), f"{process} runs again")

    def record(self, call_id: str, complete: Callable[[CallRecord], bool] = lambda record: True) -> CallRecord:
        """The call's record as soon as it is ended and `complete`."""
        found: list[CallRecord] = []

        def there() -> bool:
            store = open_store(self.settings.store_url)
            try:
                with store.read() as session:
                    found[:] = [get_call(session, call_id)]
            except (CallNotFound, StoreUnavailable):
                return False
            finally:
                store.close()
            return found[0].outcome is not None and complete(found[0])

        until(there, lambda: f"the record of {call_id} is complete, not {found}", seconds=120)
        return found[0]


def until(true: Callable[[], bool], what: str | Callable[[], str], seconds: float = 60.0) -> None:
    """Wait for something to become true."""
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            pytest.fail(f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.1)


def ivr(environment: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ivr", *args],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


Business = dict[str, Any]


def sample_business() -> Business:
    business: Business = yaml.safe_load((ROOT / "hotline.yaml").read_text())
    return business


def busy_business() -> Business:
    """The sample business with twenty agents more in its default queue."""
    business = sample_business()
    business["queues"][business["default_queue"]]["agents"] += CROWD
    business["agents"] |= {number: {"name": f"甲{number}"} for number in CROWD}
    return business


@contextmanager
def hotline_up(business: Business, *, database_url: str | None = None, **more: str) -> Iterator[Running]:
    """An instance with this business, in a folder of its own; up for as long as the block runs.

    `database_url`: instead of SQLite in its folder; `more` stands in its processes' environment.
    """
    try:
        for name in ("asterisk", "sipp", "baresip", "espeak-ng"):
            tool(name)
    except ToolMissing as missing:
        pytest.skip(f"no live call is possible: {missing}")
    folder = Path(tempfile.mkdtemp(prefix="ivr-live-"))
    hotline_file = folder / "hotline.yaml"
    hotline_file.write_text(yaml.safe_dump(business, allow_unicode=True, sort_keys=False))
    settings = Settings(
        state_dir=folder / "state",
        hotline_file=hotline_file,
        cache_dir=folder / "cache",
        database_url=database_url,
        vosk_model=None,
        voice_engine="espeak",
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")} | {
        "IVR_HOTLINE_FILE": str(hotline_file),
        "IVR_CACHE_DIR": str(settings.cache_dir),
        "IVR_RUNTIME_DIR": str(settings.runtime_dir),
        "IVR_VOICE_ENGINE": "espeak",
        **({"IVR_DATABASE_URL": database_url} if database_url else {}),
        **more,
    }
    state = ["--state", str(settings.state_dir)]
    up = ivr(environment, "up", *state, "--detach")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        yield Running(settings, environment, all_logs(settings.paths.log))
    finally:
        ivr(environment, "down", *state)
        left = [state for state in Supervisor(settings).processes() if state.up]
        shutil.rmtree(folder, ignore_errors=True)
        assert not left


@pytest.fixture(scope="session")
def live() -> Iterator[Running]:
    """The instance; up once for all live tests, down at the end."""
    with hotline_up(busy_business()) as running:
        yield running


@pytest.fixture(autouse=True)
def everybody_free(request: pytest.FixtureRequest) -> None:
    """Who let it ring twice in a test before is paused, as it should be; the next test begins with free agents."""
    if "live" not in request.fixturenames:
        return
    free_everybody(request.getfixturevalue("live"))


def free_everybody(live: Running) -> None:
    """Log agents in and end their pauses; scenes that begin before their first test do it themselves."""
    with closing(AsteriskControl(live.settings)) as control:
        until(lambda: _all_free(control), "every agent is free")


def _all_free(control: Control) -> bool:
    try:
        for agent in ("1001", "1002", "1003"):
            control.log_in(agent)
            control.unpause(agent)
    except ControlError:  # a test before may have killed Asterisk
        return False
    return True


def all_logs(folder: Path) -> list[str]:
    """Every line of every log file, with the file's name before it."""
    return [f"{file.name}: {line}" for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]


@pytest.fixture
def line() -> Iterator[RtpLine]:
    """A caller's end of the sound."""
    with RtpLines(1) as lines:
        yield lines.lines[0]


@pytest.fixture
def dial_a_person(live: Running, line: RtpLine) -> Callable[[str], str]:
    """A caller (SIPp) who presses 0 at once, talks to an agent and hangs up; gives the call's id."""

    def dial(number: str) -> str:
        watch = live.watch()
        with calling(live.server, live.number, [Caller(number, line)]) as run:
            run.wait_for("answered")
            line.press("0")
            call_id = watch.call_from(number)
            watch.wait_in(call_id, "BRIDGE_ENTER", seconds=90)
            listen(2.0)
            run.hang_up()
            result = run.result()
        assert (result.succeeded, result.failed) == (1, 0), result.errors
        return call_id

    return dial


def listen(seconds: float) -> None:
    """A sound, or a moment's talk, takes its time."""
    time.sleep(seconds)
