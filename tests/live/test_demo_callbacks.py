"""`ivr demo callbacks` to its end: one customer of each kind is rung, and exactly that comes of it which must (S26)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.settings import ROOT
from ivr.tools import ToolMissing, tool


@pytest.mark.standards("S10", "S26")
def test_s26_of_twelve_kinds_of_customers_exactly_that_comes_which_must(tmp_path: Path) -> None:
    try:
        for name in ("asterisk", "sipp", "baresip", "espeak-ng"):
            tool(name)
    except ToolMissing as missing:
        pytest.skip(f"no live call is possible: {missing}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")}
    done = subprocess.run(
        [sys.executable, "-m", "ivr", "demo", "callbacks", "--once", "--each", "1"],
        cwd=ROOT,
        env=environment | {"IVR_CACHE_DIR": str(tmp_path), "IVR_VOICE_ENGINE": "espeak"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 of 12 customers as expected" in done.stdout and done.stdout.count("✓") == 12
