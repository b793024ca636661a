"""Putting the business file in force: what was good stays until something good replaces it."""

import logging
import shutil
from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.hotline import HotlineFileError
from ivr.scheduler import HotlineWatch
from ivr.service import adopt_hotline
from ivr.settings import ROOT, Settings


@pytest.fixture
def business(tmp_path: Path) -> Settings:
    file = tmp_path / "hotline.yaml"
    shutil.copy(ROOT / "hotline.yaml", file)
    settings = Settings(state_dir=tmp_path / "state", hotline_file=file)
    settings.paths.create()
    return settings


def spoil(settings: Settings) -> None:
    settings.hotline_file.write_text(
        settings.hotline_file.read_text().replace("default_queue: service", "default_queue: x")
    )


def test_a_good_file_comes_into_force(business: Settings) -> None:
    _, warnings = adopt_hotline(business)
    assert warnings == []
    assert business.paths.hotline_in_force.read_bytes() == business.hotline_file.read_bytes()
    assert business.checked_hotline_file == business.paths.hotline_in_force


def test_a_bad_file_never_replaces_the_good_one_in_force(business: Settings) -> None:
    good, _ = adopt_hotline(business)
    spoil(business)
    hotline, warnings = adopt_hotline(business)
    assert hotline == good
    assert "default_queue" in warnings[0]
    assert "stays in force" in warnings[0]


def test_a_bad_file_is_refused_where_there_was_none_before(business: Settings) -> None:
    spoil(business)
    with pytest.raises(HotlineFileError, match="default_queue"):
        adopt_hotline(business)
    assert not business.paths.hotline_in_force.exists()


def test_a_change_is_noticed_once_and_put_in_force(business: Settings) -> None:
    adopt_hotline(business)
    put: list[bytes] = []

    def put_in_force(settings: Settings) -> list[str]:
        put.append(settings.hotline_file.read_bytes())
        return []

    watch = HotlineWatch(business, put_in_force)
    assert not watch.look()
    business.hotline_file.write_text(business.hotline_file.read_text() + "# changed\n")
    assert watch.look()
    assert not watch.look()
    assert put == [business.hotline_file.read_bytes()]


def test_a_bad_change_is_said_once_and_the_watch_goes_on(business: Settings, caplog: pytest.LogCaptureFixture) -> None:
    adopt_hotline(business)

    def refuse(settings: Settings) -> list[str]:
        raise IvrError("hotline.yaml:3: not good.")

    watch = HotlineWatch(business, refuse)
    spoil(business)
    with caplog.at_level(logging.ERROR):
        assert not watch.look()
        assert not watch.look()
    assert [record.getMessage() for record in caplog.records] == [
        "The business file was not put in force: hotline.yaml:3: not good."
    ]


def test_a_file_that_vanished_changes_nothing(business: Settings) -> None:
    adopt_hotline(business)
    watch = HotlineWatch(business, lambda settings: pytest.fail("nothing to put in force"))
    business.hotline_file.unlink()
    assert not watch.look()
