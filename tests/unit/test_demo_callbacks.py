"""The demonstration of callbacks: its customers, its business, and the table that must not be content too easily."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from ivr.demo.callbacks.business import SURVEY, StateFolderTaken, early_afternoon, set_up, visits_table
from ivr.demo.callbacks.characters import AREA, CHARACTERS, MOST_OF_A_KIND, Cast, Outcome
from ivr.demo.callbacks.telling import compare, is_as_expected, total
from ivr.demo.rtp import RtpLines
from ivr.hotline import load_hotline
from ivr.settings import Settings
from ivr.surveys.policy import Windows
from ivr.visits.table import read_visits

NOW = dt.datetime(2026, 11, 28, 2, 30, tzinfo=dt.UTC)
CAST = Cast.of(MOST_OF_A_KIND)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return set_up(Settings(), tmp_path / "state", 25060, NOW)


def test_every_number_is_of_exactly_one_of_twelve_kinds_and_five_of_each_take_part() -> None:
    kinds = [[one for one in CHARACTERS if one.has(f"{AREA}{tail:02}")] for tail in range(100)]
    assert [len(found) for found in kinds] == [1] * 100
    assert Counter(one.name for one in CAST.members.values()) == {one.name: 5 for one in CHARACTERS}
    assert (len(CHARACTERS), len(CAST.members), len(Cast.of(1).members)) == (12, 60, 12)


def test_the_visits_are_a_table_that_the_import_takes_whole() -> None:
    found = read_visits(visits_table(CAST, NOW), ZoneInfo(early_afternoon(NOW)), NOW)
    assert not found.errors
    assert [entry.number for _, entry in found.good] == list(CAST.members)
    assert all(entry.ended_at < NOW - dt.timedelta(hours=24) for _, entry in found.good)


@pytest.mark.parametrize("hour", range(24))
def test_s26_it_is_early_afternoon_whenever_the_demonstration_starts(tmp_path: Path, hour: int) -> None:
    now = NOW.replace(hour=hour)
    hotline = load_hotline(set_up(Settings(), tmp_path / "state", 25060, now).hotline_file)
    windows = Windows.of(hotline, hotline.surveys[SURVEY])
    assert now.astimezone(hotline.zone).hour == 12
    assert windows.is_open(now) and windows.is_open(now + dt.timedelta(hours=2)) and windows.part_of(now) == "afternoon"


def test_the_business_never_rings_where_an_instance_has_been_already(own: Settings) -> None:
    own.paths.instance_file.write_text("{}")
    with pytest.raises(StateFolderTaken):
        set_up(Settings(), own.state_dir, 25060, NOW)


def expected() -> dict[str, Outcome]:
    return {number: one.expected for number, one in CAST.members.items()}


def text(happened: Mapping[str, Outcome]) -> str:
    console = Console(width=300)
    with console.capture() as printed:
        console.print(compare(CAST, happened))
    return printed.get()


def test_the_table_is_content_when_exactly_what_must_has_come_of_everybody() -> None:
    assert is_as_expected(CAST, expected())
    assert text(expected()).count("✓") == 12 and "✗" not in text(expected())
    assert total(CAST, expected()) == "60 of 60 customers as expected; phones rang 90 times, expected 90"


@pytest.mark.parametrize(
    ("number", "other"),
    [
        (f"{AREA}00", {"rings": 2}),
        (f"{AREA}02", {"attempts": ("busy",), "rings": 1}),
        (f"{AREA}01", {"case": ""}),
        (f"{AREA}20", {"case": "survey_low"}),
        (f"{AREA}09", {"do_not_call": False}),
        (f"{AREA}07", {"state": "completed"}),
        (f"{AREA}16", {"answers": ()}),
        (f"{AREA}10", {"agent": ""}),
    ],
)
def test_the_table_shows_a_single_customer_of_whom_anything_else_came(number: str, other: dict[str, object]) -> None:
    happened = expected()
    happened[number] = replace(happened[number], **other)  # type: ignore[arg-type]
    assert not is_as_expected(CAST, happened)
    assert text(happened).count("✗") == 1
    assert total(CAST, happened).startswith("59 of 60")


def test_the_table_shows_a_customer_who_was_lost() -> None:
    happened = expected()
    del happened[f"{AREA}06"]
    assert not is_as_expected(CAST, happened) and "no contact" in text(happened)


def test_a_customer_speaks_what_they_are_given_to_say_then_falls_silent() -> None:
    with RtpLines(1) as sound:
        line = sound.lines[0]
        line.say(bytes(range(200)))
        spoken = [line.speak()[12:] for _ in range(3)]
    assert spoken == [bytes(range(160)), bytes(range(160, 200)).ljust(160, b"\xff"), b"\xff" * 160]
