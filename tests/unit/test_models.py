"""Which model hears, and how the official one gets here."""

import hashlib
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ivr.settings import Settings
from ivr.speech import download, unpack
from ivr.speech.download import ModelNotInstalled, ModelSite, get_model
from ivr.speech.models import (
    DEMONSTRATION_LABEL,
    DEMONSTRATION_PATH,
    ModelFolderError,
    find_model,
    list_models,
    model_problems,
    models_folder,
)
from ivr.speech.unpack import BadArchive, unpack_model

SMALL = "vosk-model-small-cn-0.22"
FST = bytes.fromhex("d6fdb27e") + b"rest"
FILES = {
    "am/final.mdl": b"\0Brest",
    "conf/mfcc.conf": b"--sample-frequency=16000\n",
    "conf/model.conf": b"--beam=13\n",
    "graph/HCLr.fst": FST,
    "graph/Gr.fst": FST,
    "graph/disambig_tid.int": b"1\n",
    "README": bytes(range(256)) * 4000,
}


def make_model(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def make_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def archive(name: str = SMALL) -> bytes:
    return make_zip({f"{name}/{file}": content for file, content in FILES.items()})


@dataclass
class Site:
    """A model site as the official one behaves: Range, ETag, a list with md5 sums; it can cut a connection."""

    files: dict[str, bytes]
    cuts: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def etag(self, name: str) -> str:
        return f'"{hashlib.sha256(self.files[name]).hexdigest()[:16]}"'


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/models/")
            wanted = self.headers.get("Range")
            site.asked.append((name, wanted))
            if name not in site.files:
                self.send_error(404)
                return
            body, start, etag = site.files[name], 0, site.etag(name)
            if wanted and self.headers.get("If-Range") == etag:
                found = re.fullmatch(r"bytes=(\d+)-", wanted)
                assert found is not None
                start = int(found[1])
            if start and start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("ETag", etag)
            self.end_headers()
            cut = site.cuts.pop(0) if name.endswith(".zip") and site.cuts else None
            self.wfile.write(body[start:][:cut])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Tests tell their own story."""

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site({f"{SMALL}.zip": archive()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}/models"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", state_dir=tmp_path / "state", vosk_model=None)


def fetch(settings: Settings, site: Site, name: str = "small-cn") -> None:
    get_model(name, settings=settings, site=ModelSite(models_url=site.url), sleep=lambda _: None)


def left_behind(settings: Settings) -> list[str]:
    return sorted(p.name for p in models_folder(settings).rglob("*") if p.suffix != ".lock" and p.is_file())


def test_newcomer_without_any_model_hears_with_the_demonstration_model_and_is_told_so(settings: Settings) -> None:
    model = find_model(settings)
    assert (model.path, model.demonstration, model.label) == (DEMONSTRATION_PATH, True, DEMONSTRATION_LABEL)


def test_model_in_the_cache_is_preferred_and_the_large_one_most(settings: Settings) -> None:
    make_model(models_folder(settings) / SMALL)
    assert (find_model(settings).name, find_model(settings).label) == (SMALL, "")
    make_model(models_folder(settings) / "vosk-model-cn-0.22")
    assert find_model(settings).name == "vosk-model-cn-0.22"
    assert [m.name for m in list_models(settings) if m.in_use] == ["vosk-model-cn-0.22"]


def test_model_that_was_set_wins_over_the_cache(settings: Settings, tmp_path: Path) -> None:
    make_model(models_folder(settings) / SMALL)
    chosen = settings.model_copy(update={"vosk_model": make_model(tmp_path / "mine")})
    assert find_model(chosen).name == "mine"
    assert [m.name for m in list_models(chosen) if m.in_use] == ["mine"]


def test_copy_of_the_demonstration_model_keeps_its_label(settings: Settings, tmp_path: Path) -> None:
    copy = make_model(tmp_path / "renamed")
    (copy / "am/final.mdl").write_bytes((DEMONSTRATION_PATH / "am/final.mdl").read_bytes())
    assert find_model(settings.model_copy(update={"vosk_model": copy})).demonstration


@pytest.mark.parametrize("lost", [name for name in FILES if name != "README"])
def test_folder_that_lacks_a_file_is_refused_by_that_name_before_vosk_sees_it(
    settings: Settings, tmp_path: Path, lost: str
) -> None:
    folder = make_model(tmp_path / "mine")
    (folder / lost).unlink()
    with pytest.raises(ModelFolderError, match=rf"{re.escape(lost)} is missing.*IVR_VOSK_MODEL"):
        find_model(settings.model_copy(update={"vosk_model": folder}))


def test_folder_with_damaged_files_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    (folder / "graph/Gr.fst").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    (folder / "am/final.mdl").write_bytes(b"")
    (folder / "ivector").mkdir()
    problems = model_problems(folder)
    assert "graph/Gr.fst is damaged" in problems
    assert "am/final.mdl is empty" in problems
    assert "ivector/final.ie is missing" in problems
    assert model_problems(tmp_path / "nowhere") == ["there is no such folder"]
    assert model_problems(folder / "README") == ["it is a file, not a folder"]


def test_damaged_model_in_the_cache_is_an_error_and_not_passed_over(settings: Settings) -> None:
    (models_folder(settings) / SMALL).mkdir(parents=True)
    with pytest.raises(ModelFolderError, match="ivr models get"):
        find_model(settings)
    assert not any(m.in_use for m in list_models(settings))


def test_operator_gets_the_official_model_and_it_is_in_force(settings: Settings, site: Site) -> None:
    seen: list[tuple[str, int, int | None]] = []
    get_model(
        "small-cn",
        settings=settings,
        site=ModelSite(models_url=site.url),
        progress=lambda stage, done, total: seen.append((stage, done, total)),
    )
    assert find_model(settings).name == SMALL
    size = len(site.files[f"{SMALL}.zip"])
    assert ("download", size, size) in seen
    assert {stage for stage, _, _ in seen} == {"download", "check", "unpack"}
    noted = json.loads((models_folder(settings) / SMALL / "installed.json").read_text())
    assert noted["sha256"] == hashlib.sha256(site.files[f"{SMALL}.zip"]).hexdigest()
    assert "no other is published" in noted["verified"]
    assert left_behind(settings) == sorted([*(Path(name).name for name in FILES), "installed.json"])


def test_model_that_is_there_is_not_fetched_again(settings: Settings, site: Site) -> None:
    fetch(settings, site)
    site.asked.clear()
    fetch(settings, site)
    assert site.asked == []


def test_cut_connection_is_resumed_where_it_stopped(settings: Settings, site: Site) -> None:
    site.cuts = [300_000, 1000]
    fetch(settings, site)
    assert [rng for name, rng in site.asked if name.endswith(".zip")] == [None, "bytes=300000-", "bytes=301000-"]
    assert find_model(settings).name == SMALL


def test_network_that_keeps_breaking_leaves_a_part_that_the_next_try_goes_on_with(
    settings: Settings, site: Site
) -> None:
    site.cuts = [1000, 0, 0, 0, 0, 0]
    with pytest.raises(ModelNotInstalled, match="goes on where it stopped"):
        fetch(settings, site)
    assert find_model(settings).demonstration
    site.asked.clear()
    fetch(settings, site)
    assert site.asked[0] == (f"{SMALL}.zip", "bytes=1000-")
    assert find_model(settings).name == SMALL


def test_archive_that_changed_on_the_server_is_fetched_from_its_start(settings: Settings, site: Site) -> None:
    site.cuts = [1000, 0, 0, 0, 0, 0]
    with pytest.raises(ModelNotInstalled):
        fetch(settings, site)
    FILES["README"] += b"newer"
    site.files[f"{SMALL}.zip"] = archive()
    fetch(settings, site)
    assert (models_folder(settings) / SMALL / "README").read_bytes() == FILES["README"]


def test_complete_part_of_an_interrupted_run_is_not_fetched_again(settings: Settings, site: Site) -> None:
    body = site.files[f"{SMALL}.zip"]
    work = models_folder(settings) / ".downloads"
    work.mkdir(parents=True)
    (work / f"{SMALL}.part").write_bytes(body)
    (work / f"{SMALL}.mark").write_text(site.etag(f"{SMALL}.zip"))
    fetch(settings, site)
    assert [rng for name, rng in site.asked if name.endswith(".zip")] == [f"bytes={len(body)}-"]
    assert find_model(settings).name == SMALL


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_published_checksum_is_checked(settings: Settings, site: Site, kind: str) -> None:
    publish(site, kind, hashlib.new(kind, site.files[f"{SMALL}.zip"]).hexdigest())
    fetch(settings, site)
    noted = json.loads((models_folder(settings) / SMALL / "installed.json").read_text())
    assert noted["verified"] == f"{kind} published by the server"


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_wrong_checksum_is_one_clear_line_and_nothing_is_installed(settings: Settings, site: Site, kind: str) -> None:
    publish(site, kind, hashlib.new(kind, b"something else").hexdigest())
    with pytest.raises(ModelNotInstalled, match=f"another {kind} checksum") as error:
        fetch(settings, site)
    assert "\n" not in str(error.value)
    assert left_behind(settings) == []
    assert find_model(settings).demonstration


def publish(site: Site, kind: str, digest: str) -> None:
    if kind == "sha256":
        site.files[f"{SMALL}.zip.sha256"] = f"{digest}  {SMALL}.zip\n".encode()
    else:
        site.files["model-list.json"] = json.dumps([{"name": SMALL, "md5": digest}]).encode()


def test_model_that_the_site_does_not_have_is_one_clear_line(settings: Settings, site: Site) -> None:
    with pytest.raises(ModelNotInstalled, match=r"vosk-model-cn-0.22.zip does not exist \(404\)"):
        fetch(settings, site, "large-cn")
    with pytest.raises(ModelNotInstalled, match="allowed: large-cn, small-cn"):
        fetch(settings, site, "../../etc")


def test_no_network_is_one_clear_line(settings: Settings, site: Site) -> None:
    nobody = ModelSite(models_url="http://127.0.0.1:9/models")
    with pytest.raises(ModelNotInstalled, match="check the network"):
        get_model(settings=settings, site=nobody, sleep=lambda _: None)
    assert left_behind(settings) == []


def test_damaged_archive_is_thrown_away(settings: Settings, site: Site) -> None:
    body = bytearray(site.files[f"{SMALL}.zip"])
    body[len(body) // 2] ^= 0xFF
    site.files[f"{SMALL}.zip"] = bytes(body)
    with pytest.raises(ModelNotInstalled, match="the archive is damaged"):
        fetch(settings, site)
    assert left_behind(settings) == []


def test_archive_of_something_else_is_thrown_away(settings: Settings, site: Site) -> None:
    site.files[f"{SMALL}.zip"] = make_zip({f"{SMALL}/README": b"hello"})
    with pytest.raises(ModelNotInstalled, match="is not a Vosk model"):
        fetch(settings, site)
    assert left_behind(settings) == []


def test_full_disk_is_one_clear_line(settings: Settings, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10 << 20

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(ModelNotInstalled, match=r"is full: \d+ MB are needed, 10 MB are free"):
        fetch(settings, site)
    assert left_behind(settings) == []


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "model/../../evil", "loose", "model\\..\\evil"])
def test_archive_that_reaches_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(make_zip({"model/README": b"x", name: b"x"}))
    with pytest.raises(BadArchive):
        unpack_model(file, tmp_path / "out" / "in", lambda done, total: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]


def test_archive_with_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(BadArchive, match="does not belong"):
        unpack_model(tmp_path / "a.zip", tmp_path / "out", lambda done, total: None)


def test_archive_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(make_zip({"model/a": bytes(2000), "model/b": bytes(2000)}))
    with pytest.raises(BadArchive, match="larger than"):
        unpack_model(file, tmp_path / "out", lambda done, total: None, size_limit=3999)
    assert unpack.SIZE_LIMIT > 3999
