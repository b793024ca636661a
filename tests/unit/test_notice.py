"""The emergency notice: what may be put up, when it ends, and who speaks it (S20)."""

import datetime as dt
import io
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.notice import LONGEST, NO_NOTICE, Notice, NoticeBoard, NoticeUnusable, checked, read_end
from ivr.hotline import load_hotline
from ivr.settings import ROOT, Settings, StatePaths
from ivr.speech.notice import current, put_up, take_down
from ivr.speech.prompts import PromptStore, has_sound
from ivr.tools import ToolMissing, tool

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2026, 11, 22, 21, 0, tzinfo=SHANGHAI)
TEXT = "今天因台风提前下班。"


@pytest.fixture
def board(tmp_path: Path) -> NoticeBoard:
    return NoticeBoard.of(StatePaths(tmp_path))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An instance whose prompts are spoken on this machine."""
    try:
        tool("espeak-ng")
    except ToolMissing as missing:
        pytest.skip(f"nobody can speak: {missing}")
    settings = Settings(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache", voice_engine="espeak")
    settings.paths.create()
    return settings


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("22:30", NOW.replace(hour=22, minute=30)),
        ("9:05", NOW.replace(day=23, hour=9, minute=5)),
        ("2026-12-31 18:00", dt.datetime(2026, 12, 31, 18, 0, tzinfo=SHANGHAI)),
        ("2026-12-31T10:00+00:00", dt.datetime(2026, 12, 31, 18, 0, tzinfo=SHANGHAI)),
    ],
)
def test_an_end_is_read_in_the_time_zone_of_the_business(text: str, end: dt.datetime) -> None:
    assert read_end(text, NOW) == end


@given(st.text(max_size=20))
def test_what_is_no_end_gets_one_clear_line(text: str) -> None:
    try:
        assert read_end(text, NOW).utcoffset() is not None
    except NoticeUnusable as error:
        assert "18:00" in str(error)


@pytest.mark.parametrize(
    ("text", "until"),
    [("", None), (" \n", None), ("字" * (LONGEST + 1), None), (TEXT, NOW), (TEXT, NOW - dt.timedelta(1))],
)
def test_a_notice_nobody_could_hear_is_refused(text: str, until: dt.datetime | None) -> None:
    with pytest.raises(NoticeUnusable):
        checked({"zh-CN": text}, until, NOW)


def test_a_notice_ends_by_itself_and_one_without_an_end_stays() -> None:
    ends = checked({"zh-CN": TEXT}, NOW + dt.timedelta(hours=1), NOW)
    assert ends.in_force(NOW)
    assert not ends.in_force(NOW + dt.timedelta(hours=1))
    assert checked({"zh-CN": TEXT}, None, NOW).in_force(NOW + dt.timedelta(days=9999))


def test_the_dialplan_finds_the_second_of_the_end_and_nothing_once_it_is_taken_down(board: NoticeBoard) -> None:
    notice = checked({"zh-CN": TEXT}, NOW + dt.timedelta(hours=1), NOW)
    board.write(notice)
    assert board.read() == notice
    assert board.end_file.read_text() == str(int(NOW.timestamp()) + 3600)

    board.write(notice.model_copy(update={"on": False}))
    assert not board.read().on
    assert not board.end_file.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"texts": {"fr": "x"}}', '{"texts": {}, "until": "2026-01-01T00:00:00"}']
)
def test_a_file_that_makes_no_sense_is_no_notice(board: NoticeBoard, text: str) -> None:
    board.file.write_text(text)

    assert board.read() == NO_NOTICE


def test_a_notice_is_spoken_in_every_language_before_it_is_in_force(settings: Settings) -> None:
    hotline = load_hotline(ROOT / "hotline.yaml")
    put_up(settings, hotline, {"zh-CN": TEXT}, None, NOW)

    store = PromptStore(settings.paths, hotline)
    assert has_sound(store.base("notice", "zh-CN"))
    # Who speaks English hears the Mandarin text rather than nothing.
    assert store.text("notice", "en") == TEXT and has_sound(store.base("notice", "en"))
    assert current(settings, NOW).texts == {"zh-CN": TEXT}

    take_down(settings)
    assert current(settings, NOW) == NO_NOTICE
    assert ("zh-CN", "notice") not in PromptStore(settings.paths, hotline).prompts


def test_a_second_notice_replaces_the_sound_of_the_first(settings: Settings) -> None:
    hotline = load_hotline(ROOT / "hotline.yaml")
    put_up(settings, hotline, {"zh-CN": TEXT, "en": "We close early today."}, None, NOW)
    store = PromptStore(settings.paths, hotline)
    first = [store.base("notice", lang).with_suffix(".ulaw").read_bytes() for lang in hotline.languages]
    put_up(settings, hotline, {"zh-CN": f"{TEXT}敬请谅解。"}, None, NOW)
    second = [store.base("notice", lang).with_suffix(".ulaw").read_bytes() for lang in hotline.languages]

    assert first[0] != second[0] and first[1] != second[1]
    assert alike(second[0], second[1]), "one text in both languages, however the voice's noise falls"
    assert not alike(first[0], second[0])


def test_a_notice_without_words_in_the_first_language_leaves_the_old_one_in_force(settings: Settings) -> None:
    hotline = load_hotline(ROOT / "hotline.yaml")
    put_up(settings, hotline, {"zh-CN": TEXT}, None, NOW)
    with pytest.raises(NoticeUnusable, match="zh-CN"):
        put_up(settings, hotline, {"en": "We close early today."}, None, NOW)

    assert current(settings, NOW).texts == {"zh-CN": TEXT}


def test_taking_down_what_is_not_there_is_no_mistake(board: NoticeBoard) -> None:
    board.write(Notice(texts={}, on=False))

    assert not board.read().on


def alike(one: bytes, other: bytes) -> bool:
    """Whether two µ-law sounds say the same; espeak-ng's noise is never twice the same."""
    raw = {"samplerate": 8000, "channels": 1, "format": "RAW", "subtype": "ULAW"}
    sounds = [soundfile.read(io.BytesIO(sound), **raw)[0] for sound in (one, other)]
    shortest = min(map(len, sounds))
    return abs(len(one) - len(other)) < 800 and bool(np.corrcoef([sound[:shortest] for sound in sounds])[0, 1] > 0.9)
