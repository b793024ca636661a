"""A table between its preview and its taking: kept for its owner alone, for an hour."""

import datetime as dt
import os
import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.visits.intake import Sorted
from ivr.visits.table import read_visits
from ivr.visits.uploads import KEPT, UploadGone, Uploads

NOW = dt.datetime(2026, 11, 22, 2, 30, tzinfo=dt.UTC)
TABLE = """external_id,number,kind,ended_at,name,notes,key,consent
WO-1,13800138000,保养,2026-11-21 10:00,王建国,"two
lines",是,否
WO-2,13800138001,保养,2026-11-21 10:00,李四,,,
WO-2,13800138001,保养,2026-11-21 10:00,李四,,,
WO-3,abc,保养,2026-11-21 10:00,李四,,,
"""


@pytest.fixture
def visits() -> Sorted:
    found = read_visits(TABLE.encode(), ZoneInfo("Asia/Shanghai"), NOW)
    assert (len(found.good), len(found.repeated), len(found.errors)) == (2, 1, 1)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


def test_what_was_shown_is_read_again_to_the_letter(folder: Path, visits: Sorted) -> None:
    token = Uploads(folder, NOW).keep(visits, "boss")
    assert Uploads(folder, NOW + KEPT - dt.timedelta(seconds=1)).read(token, "boss") == visits


def test_only_the_owner_of_the_files_can_read_them(folder: Path, visits: Sorted) -> None:
    old = os.umask(0)
    try:
        Uploads(folder, NOW).keep(visits, "boss")
    finally:
        os.umask(old)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "boss" not in file.name


def test_upload_is_its_users_alone_and_the_latest_counts(folder: Path, visits: Sorted) -> None:
    uploads = Uploads(folder, NOW)
    first, others = uploads.keep(visits, "boss"), uploads.keep(visits, "root")
    second = uploads.keep(visits, "boss")
    for token, user in ((first, "boss"), (others, "boss"), (second, "root")):
        with pytest.raises(UploadGone):
            uploads.read(token, user)
    assert uploads.read(second, "boss") == uploads.read(others, "root") == visits
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("token", ["", "x", "../" * 10 + "xx", "x" * 32, "\x00" * 32, "é" * 32, "x" * 5000])
def test_made_up_names_find_nothing(folder: Path, visits: Sorted, token: str) -> None:
    uploads = Uploads(folder, NOW)
    uploads.keep(visits, "boss")
    with pytest.raises(UploadGone):
        uploads.read(token, "boss")


def test_upload_is_gone_once_it_is_taken_and_after_an_hour(folder: Path, visits: Sorted) -> None:
    uploads, later = Uploads(folder, NOW), Uploads(folder, NOW + KEPT)
    assert later.sweep() == 0
    token = uploads.keep(visits, "boss")
    uploads.forget(token, "boss")
    uploads.forget(token, "boss")
    with pytest.raises(UploadGone):
        uploads.read(token, "boss")
    token = uploads.keep(visits, "boss")
    half = folder / "half.new"
    half.write_text("{")
    os.utime(half, (NOW.timestamp(), NOW.timestamp()))
    assert uploads.sweep() == 0
    with pytest.raises(UploadGone):
        later.read(token, "boss")
    assert later.sweep() == 2
    assert list(folder.iterdir()) == []
