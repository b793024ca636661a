"""Packages unpacked into a folder of our own: real apt and dpkg against a small archive made by the test."""

import functools
import hashlib
import http.server
import os
import shutil
import signal
import socketserver
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.apt_errors import (
    ArchiveUnreachable,
    ArchiveUntrusted,
    DiskFull,
    PackageError,
    PackageUnknown,
    package_error,
)
from ivr.apt_sources import Source
from ivr.debian import STAMP, Stamp, ensure_folder, folder_lock, read_stamp, write_stamp
from ivr.settings import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None, reason="no apt: not Debian or Ubuntu"
)


class LocalArchive:
    """A package archive on disk: `phone` needs `libring`; `voice` stands alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pool = folder / "pool"
        self.dist = folder / "dists/testsuite"
        self.binary = self.dist / "main" / f"binary-{self.architecture()}"
        for made in (self.pool, self.binary):
            made.mkdir(parents=True)
        self.add("libring", "1:2.0-1", "usr/lib/libring.so", "ring ring ring")
        self.add("phone", "3.8", "usr/bin/phone", "#!/bin/sh\necho hello\n", depends="libring (>= 1:1.0)", mode=0o4755)
        self.add("voice", "1.52", "usr/bin/voice", "#!/bin/sh\necho 您好\n", mode=0o755)
        self.publish()

    @staticmethod
    def architecture() -> str:
        return subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()

    def add(self, name: str, version: str, file: str, text: str, depends: str = "", mode: int = 0o644) -> None:
        tree = self.folder / "build" / name
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / file).parent.mkdir(parents=True)
        (tree / file).write_text(text, encoding="utf-8")
        (tree / file).chmod(mode)
        fields = {
            "Package": name,
            "Version": version,
            "Architecture": "all",
            "Maintainer": "Nobody <nobody@example.org>",
            "Depends": depends,
            "Description": "for a test",
        }
        control = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
        (tree / "DEBIAN/control").write_text(control, encoding="utf-8")
        deb = self.pool / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True, capture_output=True)
        facts = f"{control}Filename: pool/{name}.deb\nSize: {deb.stat().st_size}\nSHA256: {_sha256(deb)}\n\n"
        with (self.binary / "Packages").open("a", encoding="utf-8") as packages:
            packages.write(facts)

    def publish(self) -> None:
        index = self.binary / "Packages"
        name = index.relative_to(self.dist)
        (self.dist / "Release").write_text(
            "Origin: Test\nSuite: testsuite\nCodename: testsuite\n"
            f"Architectures: {self.architecture()} all\nComponents: main\n"
            "Date: Sun, 22 Nov 2020 12:00:00 UTC\n"
            f"SHA256:\n {_sha256(index)} {index.stat().st_size} {name}\n",
            encoding="utf-8",
        )

    def source(self, trusted: bool = True, uri: str | None = None, **options: str) -> Source:
        given = {"Trusted": "yes"} if trusted else {}
        return Source((uri or f"file:{self.folder}",), ("testsuite",), ("main",), {**given, **options})


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "run time"  # with a blank: people's folders have them
    folder.mkdir()
    return folder


def leftovers(runtime: Path) -> list[str]:
    return sorted(p.name for p in runtime.iterdir() if p.name.startswith((".making-", ".old-")))


# The folder


def test_package_comes_with_what_it_depends_on_and_a_stamp_of_versions(archive: LocalArchive, runtime: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    stamp = ensure_folder(
        runtime / "telephony",
        ["phone"],
        [archive.source()],
        progress=lambda step, done, total, seconds: steps.append((step, done, total)),
    )
    assert stamp == Stamp("testsuite", ["phone"], {"libring": "1:2.0-1", "phone": "3.8"})
    assert (runtime / "telephony/usr/lib/libring.so").read_text() == "ring ring ring"
    assert not (runtime / "telephony/usr/bin/voice").exists()
    assert steps[-1] == ("unpacking", 2, 2)
    assert leftovers(runtime) == []


def test_second_time_needs_no_archive_at_all(archive: LocalArchive, runtime: Path) -> None:
    first = ensure_folder(runtime / "telephony", ["phone"], [archive.source()])
    shutil.rmtree(archive.folder)
    assert ensure_folder(runtime / "telephony", ["phone"], [archive.source()]) == first


def test_folder_that_lacks_a_package_is_replaced_as_a_whole(archive: LocalArchive, runtime: Path) -> None:
    ensure_folder(runtime / "telephony", ["phone"], [archive.source()])
    (runtime / "telephony/usr/bin/stale").touch()
    stamp = ensure_folder(runtime / "telephony", ["phone", "voice"], [archive.source()])
    assert set(stamp.packages) == {"libring", "phone", "voice"}
    assert not (runtime / "telephony/usr/bin/stale").exists()
    assert leftovers(runtime) == []


def test_unpacked_programs_cannot_raise_anybodys_rights(archive: LocalArchive, runtime: Path) -> None:
    ensure_folder(runtime / "telephony", ["phone"], [archive.source()])
    mode = (runtime / "telephony/usr/bin/phone").stat().st_mode
    assert mode & (stat.S_ISUID | stat.S_ISGID) == 0
    assert mode & stat.S_IXUSR


def test_only_restricts_what_is_unpacked(archive: LocalArchive, runtime: Path) -> None:
    stamp = ensure_folder(runtime / "pip", ["phone"], [archive.source()], only=["phone"])
    assert set(stamp.packages) == {"phone"}
    assert not (runtime / "pip/usr/lib/libring.so").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"suite": "x"}', "\x00\xff"])
def test_damaged_stamp_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / STAMP).write_text(text, encoding="utf-8")
    assert read_stamp(tmp_path) is None


def test_stamp_reads_back_as_written(tmp_path: Path) -> None:
    stamp = Stamp("forky", ["a", "b"], {"a": "1:2~rc1", "b": "3"})
    write_stamp(tmp_path, stamp)
    assert read_stamp(tmp_path) == stamp


# What goes wrong


def test_unknown_package_is_named(archive: LocalArchive, runtime: Path) -> None:
    with pytest.raises(PackageUnknown, match="no-such-thing") as told:
        ensure_folder(runtime / "telephony", ["phone", "no-such-thing"], [archive.source()])
    assert told.value.remedy
    assert "\n" not in str(told.value)
    assert not (runtime / "telephony").exists()


def test_archive_that_is_not_there_is_told_in_one_line(archive: LocalArchive, runtime: Path) -> None:
    with pytest.raises(ArchiveUnreachable) as told:
        ensure_folder(runtime / "telephony", ["phone"], [archive.source(uri="http://127.0.0.1:1/debian")])
    assert "\n" not in str(told.value)
    assert "network" in told.value.remedy


def test_archive_without_a_signature_is_refused(archive: LocalArchive, runtime: Path) -> None:
    with pytest.raises(ArchiveUntrusted):
        ensure_folder(runtime / "telephony", ["phone"], [archive.source(trusted=False)])
    assert not (runtime / "telephony").exists()


@pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg to sign the test's archive with")
def test_signature_by_the_named_key_is_accepted_and_by_another_refused(
    archive: LocalArchive, runtime: Path, tmp_path: Path
) -> None:
    ours, other = (_signing_key(tmp_path / name) for name in ("ours", "other"))
    sign = ["gpg", "--homedir", str(tmp_path / "ours"), "--batch", "--yes", "--clearsign"]
    subprocess.run([*sign, "-o", archive.dist / "InRelease", archive.dist / "Release"], check=True, capture_output=True)
    with pytest.raises(ArchiveUntrusted):
        ensure_folder(runtime / "a", ["phone"], [archive.source(trusted=False, **{"Signed-By": str(other)})])
    stamp = ensure_folder(runtime / "a", ["phone"], [archive.source(trusted=False, **{"Signed-By": str(ours)})])
    assert "phone" in stamp.packages


def _signing_key(home: Path) -> Path:
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch"]
    make = [*gpg, "--passphrase", "", "--quick-gen-key", "test@example.org", "rsa3072", "sign", "never"]
    subprocess.run(make, check=True, capture_output=True)
    public = home.with_suffix(".gpg")
    public.write_bytes(subprocess.check_output([*gpg, "--export"]))
    public.chmod(0o644)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False, capture_output=True)
    return public


def test_package_that_is_not_what_the_archive_signed_is_refused(archive: LocalArchive, runtime: Path) -> None:
    with (archive.pool / "phone.deb").open("r+b") as deb:
        deb.seek(-4, os.SEEK_END)
        deb.write(b"evil")
    with pytest.raises(ArchiveUntrusted):
        ensure_folder(runtime / "telephony", ["phone"], [archive.source()])
    assert not (runtime / "telephony").exists()


class _Cutting(http.server.SimpleHTTPRequestHandler):
    """Serves files, but breaks off in the middle of packages while `cut` is set."""

    cut = True
    ranges: list[str]

    def do_GET(self) -> None:
        if self.path.endswith(".deb"):
            data = Path(self.translate_path(self.path)).read_bytes()
            asked = self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.ranges.append(asked)
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start : len(data) // 2] if type(self).cut else data[start:])
            self.close_connection = True
        else:
            super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def cutting_server(archive: LocalArchive) -> Iterator[tuple[type[_Cutting], str]]:
    handler = type("Handler", (_Cutting,), {"ranges": []})
    serve = functools.partial(handler, directory=str(archive.folder))
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), serve) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_interrupted_download_leaves_nothing_and_goes_on_where_it_stopped(
    archive: LocalArchive, runtime: Path, cutting_server: tuple[type[_Cutting], str]
) -> None:
    handler, uri = cutting_server
    with pytest.raises(ArchiveUnreachable):
        ensure_folder(runtime / "telephony", ["voice"], [archive.source(uri=uri)])
    assert not (runtime / "telephony").exists()
    assert leftovers(runtime) == []
    handler.cut = False
    handler.ranges.clear()
    ensure_folder(runtime / "telephony", ["voice"], [archive.source(uri=uri)])
    assert (runtime / "telephony/usr/bin/voice").exists()
    assert any(handler.ranges), "the second run fetched everything again"


def stand_in(folder: Path, script: str) -> Path:
    """A dpkg-deb of our own that comes first on PATH."""
    folder.mkdir()
    (folder / "dpkg-deb").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "dpkg-deb").chmod(0o755)
    return folder


def test_full_disk_leaves_the_old_folder_in_force(
    archive: LocalArchive, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_folder(runtime / "telephony", ["voice"], [archive.source()])
    real = shutil.which("dpkg-deb")
    full = f'"{real}" "$@"; echo "dpkg-deb: error: tar: ./usr/lib: No space left on device" >&2; exit 2'
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path / 'bin', full)}:{os.environ['PATH']}")
    with pytest.raises(DiskFull) as told:
        ensure_folder(runtime / "telephony", ["phone", "voice"], [archive.source()])
    assert "make room" in told.value.remedy
    there = read_stamp(runtime / "telephony")
    assert there is not None
    assert there.wanted == ["voice"]
    assert leftovers(runtime) == []


def test_too_little_room_is_told_before_anything_is_fetched(
    archive: LocalArchive, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(runtime)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    steps: list[str] = []
    with pytest.raises(DiskFull, match="0 MB are free"):
        ensure_folder(
            runtime / "telephony", ["phone"], [archive.source()], progress=lambda step, *rest: steps.append(step)
        )
    assert "downloading" not in steps


def test_killed_midway_leaves_nothing_half_done_and_the_next_run_clears_up(
    archive: LocalArchive, runtime: Path, tmp_path: Path
) -> None:
    hang = stand_in(tmp_path / "bin", "sleep 600")
    program = (
        "from pathlib import Path; from ivr.apt_sources import parse_deb822; from ivr.debian import ensure_folder;"
        f"ensure_folder(Path({str(runtime / 'telephony')!r}), ['phone'], parse_deb822({archive.source().render()!r}))"
    )
    env = {**os.environ, "PATH": f"{hang}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen([sys.executable, "-c", program], env=env, start_new_session=True)
    while not leftovers(runtime):
        assert run.poll() is None
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (runtime / "telephony").exists()
    assert leftovers(runtime)
    stamp = ensure_folder(runtime / "telephony", ["phone"], [archive.source()])
    assert set(stamp.packages) == {"libring", "phone"}
    assert (runtime / "telephony/usr/bin/phone").exists()
    assert leftovers(runtime) == []


def test_two_runs_at_once_take_turns(archive: LocalArchive, runtime: Path) -> None:
    waiting = threading.Event()
    made: list[Stamp] = []

    def progress(step: str, done: int, total: int, seconds: float) -> None:
        if step.startswith("waiting"):
            waiting.set()

    second = threading.Thread(
        target=lambda: made.append(
            ensure_folder(runtime / "telephony", ["phone"], [archive.source()], progress=progress)
        )
    )
    with folder_lock(runtime):
        second.start()
        assert waiting.wait(30)
        assert not (runtime / "telephony").exists()
        # The first run ends with the folder in place; the second must not make it again.
        (runtime / "telephony").mkdir()
        write_stamp(runtime / "telephony", Stamp("testsuite", ["phone"], {"phone": "first run"}))
    second.join()
    assert made[0].packages == {"phone": "first run"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("E: Failed to fetch http://a/b  Temporary failure resolving 'a'", ArchiveUnreachable),
        ("E: Failed to fetch http://a/b  404  Not Found", ArchiveUnreachable),
        (
            "W: GPG error: http://a x InRelease: NO_PUBKEY 0E98404D386FA1D9\nE: The repository is not signed.",
            ArchiveUntrusted,
        ),
        ("E: You don't have enough free space in /x/archives/.", DiskFull),
        ("E: Write error - write (28: No space left on device)", DiskFull),
        ("Package asterisk is not available\nE: Package 'asterisk' has no installation candidate", PackageUnknown),
        ("something nobody has seen", PackageError),
        ("", PackageError),
    ],
)
def test_what_apt_says_becomes_one_line_with_a_remedy(said: str, kind: type[PackageError]) -> None:
    error = package_error(said)
    assert type(error) is kind
    assert error.remedy
    assert "\n" not in str(error)
