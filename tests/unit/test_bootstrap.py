"""The bootstrap: which Python, what is told when something is missing, and a real environment made and repaired."""

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from ivr.settings import ROOT


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("three_rings_bootstrap", ROOT / "tools/bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


bootstrap = _load()


def python(minor: int, venv: bool = True, ensurepip: bool = True) -> object:
    return bootstrap.Python(f"python3.{minor}", (3, minor), venv, ensurepip)


def test_newest_python_is_preferred() -> None:
    assert bootstrap.choose_python([python(11), python(13), python(12)]).version == (3, 13)


def test_python_that_brings_pip_goes_before_a_newer_one_that_does_not() -> None:
    assert bootstrap.choose_python([python(11), python(13, ensurepip=False)]).version == (3, 11)


def test_python_nobody_tried_is_used_only_for_want_of_another() -> None:
    untried = max(bootstrap.TESTED_MINORS) + 1
    assert bootstrap.choose_python([python(12), python(untried)]).version == (3, 12)
    assert bootstrap.choose_python([python(untried)]).version == (3, untried)


def test_debians_python_without_ensurepip_will_do() -> None:
    assert bootstrap.choose_python([python(11, ensurepip=False)]).ensurepip is False


def test_python_without_venv_names_the_one_command_that_installs_it() -> None:
    with pytest.raises(bootstrap.BootstrapError) as told:
        bootstrap.choose_python([python(11, venv=False, ensurepip=False)])
    assert told.value.remedy == "apt-get install python3-venv"


def test_too_old_a_python_is_told() -> None:
    with pytest.raises(bootstrap.BootstrapError, match=r"3\.11 or newer"):
        bootstrap.choose_python([python(9)])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("WARNING: Retrying: NewConnectionError('...: Failed to establish a new connection')", "does not answer"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "hash differs"),
        ("ERROR: No matching distribution found for vosk==9", "No matching distribution found for vosk==9"),
        ("", "said nothing"),
    ],
)
def test_what_pip_says_becomes_one_line_with_a_remedy(line: str, told: str) -> None:
    error = bootstrap.pip_error("libraries", ["Collecting vosk", line] if line else [])
    assert told in error.message
    assert error.remedy
    assert "\n" not in str(error)


def test_lock_holds_hashes_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and line[0] not in " #"]
    assert pins
    # One lock serves every Python and processor: nothing conditional, nothing from elsewhere.
    assert [p for p in pins if "==" not in p or ";" in p or " @ " in p] == []
    assert [line for line in lines if "://" in line or line.startswith("-")] == []
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)


BACKEND = """\
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "checkout-1-py3-none-any.whl"
    here = str(pathlib.Path(__file__).parent)
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("checkout.pth", here)
        wheel.writestr("checkout-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: checkout\\nVersion: 1\\n")
        wheel.writestr("checkout-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("checkout-1.dist-info/RECORD", "")
    return name

def build_wheel(*args, **kwargs):
    raise NotImplementedError
"""


class Checkout:
    """A checkout with one library, `bell`, whose wheels lie in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wheels = root / "wheels"
        self.wheels.mkdir(parents=True)
        (root / "backend.py").write_text(BACKEND)
        (root / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "checkout"\nversion = "1"\n'
        )

    def lock(self, version: str) -> None:
        wheel = self.wheels / f"bell-{version}-py3-none-any.whl"
        info = f"bell-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as made:
            made.writestr("bell.py", f"rings = {version!r}\n")
            made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: bell\nVersion: {version}\n")
            made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            made.writestr(f"{info}/RECORD", "")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.root / "requirements.lock").write_text(f"bell=={version} \\\n    --hash=sha256:{digest}\n")

    def rings(self) -> str:
        asked = [str(self.root / ".venv/bin/python"), "-c", "import bell, backend; print(bell.rings)"]
        return subprocess.check_output(asked, text=True, cwd="/").strip()


def test_environment_is_made_kept_brought_up_to_date_and_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = Checkout(tmp_path / "check out")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", checkout.wheels.as_uri())
    venv = checkout.root / ".venv"

    checkout.lock("1.0")
    bootstrap.ensure_venv(checkout.root, bootstrap.Report())
    assert checkout.rings() == "1.0"

    def nothing_is_run(*args: object) -> None:
        raise AssertionError(args)

    with monkeypatch.context() as patched:
        patched.setattr(bootstrap, "_run", nothing_is_run)
        bootstrap.ensure_venv(checkout.root, bootstrap.Report())

    checkout.lock("2.0")
    bootstrap.ensure_venv(checkout.root, bootstrap.Report())
    assert checkout.rings() == "2.0"

    # A run killed inside pip leaves its mark and whatever it had unpacked.
    (venv / bootstrap.INSTALLING).touch()
    next(venv.glob("lib/python*/site-packages/bell.py")).unlink()
    bootstrap.ensure_venv(checkout.root, bootstrap.Report())
    assert checkout.rings() == "2.0"
    assert not (venv / bootstrap.INSTALLING).exists()


def test_environment_of_another_checkout_is_not_touched(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "ours")
    (tmp_path / "theirs").mkdir()
    (checkout.root / ".venv").symlink_to(tmp_path / "theirs")
    with pytest.raises(bootstrap.BootstrapError, match="is a link"):
        bootstrap.ensure_venv(checkout.root, bootstrap.Report())
    assert list((tmp_path / "theirs").iterdir()) == []


def test_library_that_is_not_the_locked_one_stops_the_bootstrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = Checkout(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", checkout.wheels.as_uri())
    checkout.lock("1.0")
    lock = checkout.root / "requirements.lock"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:" + "0" * 64)[: -len("0" * 64) - 1] + "\n")
    with pytest.raises(bootstrap.BootstrapError, match="hash differs"):
        bootstrap.ensure_venv(checkout.root, bootstrap.Report())
    assert not (checkout.root / ".venv" / bootstrap.STAMP).exists()
