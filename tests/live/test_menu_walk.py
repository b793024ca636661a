"""Every way through the sample's menu, called on a hotline of its own (S15, S16)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.settings import ROOT
from tests.live.conftest import Running


@pytest.mark.standards("S15", "S16")
def test_s16_every_way_leads_somewhere_and_a_person_is_one_key_and_eight_seconds_away(
    live: Running, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ivr", "menu", "walk", "--json", "--state", str(tmp_path / "unused")],
        cwd=ROOT,
        env=live.environment | {"IVR_HOTLINE_FILE": str(ROOT / "hotline.yaml")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    report = json.loads(done.stdout[done.stdout.index("{") :])
    assert done.returncode == 0, report
    assert {way["keys"] for way in report["ways"]} >= {"11", "12", "10", "2", "3", "90", "0"}
    assert all(way["led_to"].startswith("queue") for way in report["ways"] if way["meant"].startswith("queue"))
    assert report["person"]["keys"] == 1
    assert max(report["main_menu_seconds"].values()) < 20
