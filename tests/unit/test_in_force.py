"""The business in force: a change counts at once, and nothing is read twice for nothing."""

from pathlib import Path

import pytest

from ivr.hotline import HotlineFileError, HotlineInForce
from ivr.settings import ROOT, Settings


@pytest.fixture
def in_force(settings: Settings) -> Path:
    """The checked copy of the sample business."""
    settings.paths.create()
    put_in_force(settings, (ROOT / "hotline.yaml").read_text(encoding="utf-8"))
    return settings.paths.hotline_in_force


def put_in_force(settings: Settings, text: str) -> None:
    """As `ivr reload` does it: a whole new file in the old one's place."""
    draft = settings.paths.hotline_in_force.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(settings.paths.hotline_in_force)


def test_an_unchanged_business_is_read_once(settings: Settings, in_force: Path) -> None:
    hotline = HotlineInForce(settings)
    assert hotline() is hotline()


def test_a_changed_business_counts_from_the_next_look_on(settings: Settings, in_force: Path) -> None:
    hotline = HotlineInForce(settings)
    assert hotline().hotline.number == "4008001001"
    put_in_force(settings, in_force.read_text(encoding="utf-8").replace("4008001001", "4008001002"))
    assert hotline().hotline.number == "4008001002"


def test_before_anything_is_in_force_the_business_file_itself_counts(settings: Settings) -> None:
    assert HotlineInForce(settings)().hotline.number == "4008001001"


def test_a_business_that_is_gone_is_an_error_until_it_is_there_again(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "hotline.yaml"
    hotline = HotlineInForce(settings.model_copy(update={"hotline_file": file}))
    with pytest.raises(HotlineFileError, match="No such file"):
        hotline()
    file.write_text((ROOT / "hotline.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert hotline().hotline.number == "4008001001"
