"""Programs found where they are: installed and new enough, else unpacked; and Asterisk started from there."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from ivr import toolsets
from ivr.apt_sources import NoOwnSources, Source
from ivr.telephony import runtime as asterisk
from ivr.tools import PROGRAMS, ToolMissing, library_dirs, newest_first, parse_version, tool, unpacked

TRIPLET = f"{platform.machine()}-linux-gnu"


def program(folder: Path, name: str, says: str) -> Path:
    """A program that prints its version."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def unpacked_folder(runtime: Path) -> Path:
    """A folder as dpkg leaves it: programs, libraries, and a loader that just starts the program."""
    folder = runtime / "telephony"
    libraries = folder / "usr/lib" / TRIPLET
    (libraries / "pulseaudio").mkdir(parents=True)
    (libraries / "asterisk/modules").mkdir(parents=True)
    (libraries / "espeak-ng-data").mkdir()
    for name in ("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"):
        program(libraries, name, "loader")
    for name in ("usr/sbin/asterisk", "usr/bin/espeak-ng"):
        program((folder / name).parent, Path(name).name, "unpacked 22.10")
    return folder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17-1", (22, 10, 1)),
        (" SIPp v3.8.0-TLS-SCTP-PCAP.", (3, 8, 0)),
        ("psql (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
        ("postgres (PostgreSQL) 17", (17,)),
        ("no number", ()),
    ],
)
def test_versions_are_read_from_what_programs_print(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


def test_newest_of_several_versions_is_by_number_not_by_letter() -> None:
    assert newest_first([Path("/pg/9/bin"), Path("/pg/17/bin"), Path("/pg/15/bin")])[0] == Path("/pg/17/bin")


def test_installed_asterisk_20_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = program(tmp_path / "bin", "asterisk", "Asterisk 20.6.0~dfsg")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    found = tool("asterisk", tmp_path)
    assert found.argv("-V") == [str(own), "-V"]
    assert found.root is None
    assert "asterisk" not in toolsets.missing_packages("telephony")


def test_installed_asterisk_18_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "asterisk", "Asterisk 18.10.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    folder = unpacked_folder(tmp_path)
    assert tool("asterisk", tmp_path).root == folder
    assert "asterisk" in toolsets.missing_packages("telephony")


def test_unpacked_program_starts_with_the_folders_own_loader_and_libraries(tmp_path: Path) -> None:
    folder = unpacked_folder(tmp_path)
    found = unpacked("asterisk", folder)
    assert found is not None
    loader, flag, libraries, started, argument = found.argv("-V")
    assert Path(loader).parent == folder / "usr/lib" / TRIPLET
    assert flag == "--library-path"
    assert str(folder / "usr/lib" / TRIPLET / "pulseaudio") in libraries.split(":")
    assert (started, argument) == (str(folder / "usr/sbin/asterisk"), "-V")


def test_voice_is_told_where_its_data_lie(tmp_path: Path) -> None:
    folder = unpacked_folder(tmp_path)
    found = unpacked("espeak-ng", folder)
    assert found is not None
    assert found.environ()["ESPEAK_DATA_PATH"] == str(folder / "usr/lib" / TRIPLET)


@pytest.mark.parametrize("name", ["sipp", "chromium", "postgres"])
def test_missing_program_is_named_with_the_command_that_brings_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(ToolMissing, match=name) as told:
        tool(name, tmp_path, use_installed=False)
    assert "tools/bootstrap.py" in told.value.remedy
    assert ("--test" in told.value.remedy) == (PROGRAMS[name].folder != "telephony")


def test_browser_set_brings_han_glyphs_even_with_a_browser_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "chromium", "Chromium 140.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert toolsets.missing_packages("browser") == ["fonts-wqy-zenhei"]
    (tmp_path / "browser").mkdir()
    toolsets.finish_browser(tmp_path / "browser")
    assert tool("chromium", tmp_path).environ()["FONTCONFIG_FILE"] == str(tmp_path / "browser/fonts.conf")


def test_unpacked_browser_starts_from_wherever_its_folder_is_moved(tmp_path: Path) -> None:
    made = tmp_path / "making/browser"
    (made / "usr/lib" / TRIPLET).mkdir(parents=True)
    (made / "usr/bin").mkdir()
    chromium = program(made / "usr/lib/chromium", "chromium", "")
    chromium.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH|$FONTCONFIG_FILE|$1"\n')
    toolsets.finish_browser(made)
    moved = made.rename(tmp_path / "browser")
    found = tool("chromium", tmp_path, use_installed=False)
    # Playwright takes one path and no loader.
    assert found.prefix == ()
    env = {**os.environ, "LD_LIBRARY_PATH": ""}
    said = subprocess.check_output(found.argv("--headless"), text=True, env=env).strip()
    assert said == f"{library_dirs(moved)[0]}|{moved / 'fonts.conf'}|--headless"


OWN = [
    Source(("http://mirror.example/debian",), ("bookworm", "bookworm-updates"), ("main",)),
    Source(("http://mirror.example/debian-security",), ("bookworm-security",), ("main",)),
]


def test_debian_12_takes_asterisk_from_the_suite_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(toolsets, "release_fields", lambda: release)
    sources = toolsets.telephony_sources(OWN, tmp_path)
    assert [(s.uris, s.suites) for s in sources] == [(("http://mirror.example/debian",), ("forky",))]


class _Offers:
    """An archive that offers one version of everything."""

    version: str | None = None

    def __init__(self, *args: object) -> None: ...

    def update(self, *args: object) -> None: ...

    def candidate(self, package: str) -> str | None:
        return self.version


@pytest.mark.parametrize(("offered", "own"), [("1:20.6.0~dfsg-1", True), ("1:18.10.0", False), (None, False)])
def test_ubuntu_takes_asterisk_from_its_own_suite_or_says_that_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: str | None, own: bool
) -> None:
    monkeypatch.setattr(toolsets, "release_fields", lambda: {"ID": "ubuntu", "PRETTY_NAME": "Ubuntu"})
    monkeypatch.setattr(toolsets, "Archive", type("Archive", (_Offers,), {"version": offered}))
    if own:
        assert toolsets.telephony_sources(OWN, tmp_path) == OWN
    else:
        with pytest.raises(NoOwnSources, match="Ubuntu offers no Asterisk 20"):
            toolsets.telephony_sources(OWN, tmp_path)


# Asterisk as a program


def test_folders_of_an_installed_asterisk_are_what_its_configuration_says(tmp_path: Path) -> None:
    for name in ("modules", "data"):
        (tmp_path / name).mkdir()
    conf = tmp_path / "asterisk.conf"
    conf.write_text(f"[directories](!)\nastmoddir => {tmp_path / 'modules'} ; here\nastdatadir = {tmp_path / 'data'}\n")
    found = asterisk.installed_folders(conf)
    assert found == asterisk.RuntimeFolders(tmp_path / "modules", tmp_path / "data")


@pytest.fixture
def asterisk_conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest Asterisk: no modules but the dialplan's."""
    home = tmp_path_factory.mktemp("a")
    try:
        folders = asterisk.runtime_folders()
    except ToolMissing as missing:
        pytest.skip(str(missing))
    places = {"astmoddir": folders.modules, "astdatadir": folders.data}
    for key in ("etc", "varlib", "db", "key", "spool", "run", "log"):
        places[f"ast{key}dir"] = home
    conf = home / "asterisk.conf"
    conf.write_text("[directories]\n" + "".join(f"{key} => {place}\n" for key, place in places.items()))
    (home / "modules.conf").write_text("[modules]\nautoload=no\nload=pbx_config.so\n")
    (home / "extensions.conf").touch()
    return conf


def test_asterisk_starts_answers_over_its_socket_and_stops(asterisk_conf: Path) -> None:
    with pytest.raises(asterisk.AsteriskNotAnswering, match="does not answer"):
        asterisk.rx(asterisk_conf, "core show version")
    server = subprocess.Popen(
        asterisk.asterisk_argv(asterisk_conf), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        asterisk.wait_until_booted(asterisk_conf, 60, lambda: server.poll() is None)
        version = ".".join(str(part) for part in asterisk.asterisk_version())
        assert asterisk.rx(asterisk_conf, "core show version").startswith(f"Asterisk {version}")
        asterisk.rx(asterisk_conf, "core stop now")
        assert server.wait(30) == 0
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def test_asterisk_that_ends_while_starting_is_not_waited_for(asterisk_conf: Path) -> None:
    with pytest.raises(asterisk.AsteriskNotAnswering, match="ended while starting"):
        asterisk.wait_until_booted(asterisk_conf, 60, lambda: False)
