"""Where an instance's things are."""

from pathlib import Path

import pytest

from ivr.settings import OWN_BUSINESS, ROOT, read_settings


def test_an_instance_with_a_business_of_its_own_starts_again_with_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IVR_HOTLINE_FILE", raising=False)
    assert read_settings(state_dir=tmp_path).hotline_file == ROOT / "hotline.yaml"
    own = tmp_path / OWN_BUSINESS
    own.touch()
    assert read_settings(state_dir=tmp_path).hotline_file == own
    monkeypatch.setenv("IVR_HOTLINE_FILE", str(tmp_path / "other.yaml"))
    assert read_settings(state_dir=tmp_path).hotline_file == tmp_path / "other.yaml"
