"""What every kind of test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from ivr.settings import ROOT, Settings, StatePaths

LIVE = "tests/live/"
BREAKING = ("clean_start", "dead_carrier", "failures", "reload")
"""Live tests that stop or change what runs: they have an instance of their own, beside the one of all others."""
IN_CI = os.environ.get("CI") == "true"

# A busy machine is no fault of a rule's: nothing is held against a clock.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests first: they take longest."""
    items.sort(key=lambda item: item.get_closest_marker("live") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Calls come first: what can wait leaves the processor to them."""
    if not item.get_closest_marker("live") and not os.nice(0):
        os.nice(10)


class LiveTogether(LoadScopeScheduling):
    """Live tests on two workers, for they share two instances; the others file by file on what is free.

    xdist's own `loadgroup` does not see its groups any more: it marks them in a name that pytest 9 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if not file.startswith(LIVE):
            return file
        return LIVE + str(file.removeprefix(f"{LIVE}test_").removesuffix(".py") in BREAKING)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LiveTogether:
    return LiveTogether(config, log)


@pytest.hookimpl(hookwrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """In CI everything is present, so a skipped test is a failure of the machine's set-up."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    if IN_CI and skipped:
        terminalreporter.write_line(f"{len(skipped)} tests were skipped in CI: something is not installed")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and reporter and reporter.stats.get("skipped") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _no_sockets_left_behind(tmp_path: Path) -> Iterator[None]:
    yield
    StatePaths(tmp_path / "state").forget_run()


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """The folders of an instance that nobody runs."""
    made = StatePaths(tmp_path / "state")
    made.create()
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an instance of its own, with the sample business."""
    return Settings(state_dir=tmp_path / "state", hotline_file=ROOT / "hotline.yaml", cache_dir=tmp_path / "cache")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database fresh from the migrations."""
    from ivr.store.migrate import migrate

    made = tmp_path_factory.mktemp("migrated") / "ivr.db"
    migrate(f"sqlite:///{made}")
    return made


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL of this test run's own."""
    from ivr.tools import ToolMissing
    from tests.postgres import postgres_server

    try:
        with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
            yield url
    except ToolMissing as missing:
        pytest.skip(f"PostgreSQL is absent: {missing}")
