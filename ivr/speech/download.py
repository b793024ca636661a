"""Getting an official Vosk model: resumed download, checksum, safe unpacking, placed whole or not at all."""

import errno
import fcntl
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import httpx
from pydantic_settings import BaseSettings, SettingsConfigDict

from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.speech.models import OFFICIAL, ModelFolderError, SpeechModel, models_folder, require_model_folder
from ivr.speech.unpack import BadArchive, unpack_model

Stage = Literal["download", "check", "unpack"]
Progress = Callable[[Stage, int, int | None], None]
"""Called with stage, bytes done, bytes in all (None when the server does not say)."""

_NAME = re.compile(r"^vosk-model-[a-z0-9][a-z0-9.-]{0,60}$")
_RETRIES = 5
_BLOCK = 1 << 18
_SPARE = 64 << 20
"""Bytes of disk that must stay free beside the archive."""


class ModelNotInstalled(IvrError):
    """A model could not be fetched or checked; nothing was installed."""


class ModelSite(BaseSettings):
    """Where official archives lie: IVR_MODELS_URL names a copy of the site."""

    model_config = SettingsConfigDict(env_prefix="IVR_", env_file=".env", extra="ignore")

    models_url: str = "https://alphacephei.com/vosk/models/"

    @property
    def base(self) -> str:
        return self.models_url.rstrip("/") + "/"


@dataclass(frozen=True)
class Installed:
    """What was installed, kept as installed.json beside the model's files.

    `verified` says by what the archive was checked; no checksum is ever assumed.
    """

    name: str
    url: str
    bytes: int
    sha256: str
    verified: str


@dataclass(frozen=True)
class _Part:
    """An archive under way: its file, and the server's mark (ETag or date) of what it is part of."""

    file: Path

    @property
    def mark_file(self) -> Path:
        return self.file.with_suffix(".mark")

    @property
    def have(self) -> int:
        return self.file.stat().st_size if self.file.exists() and self.mark_file.exists() else 0

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
        self.mark_file.unlink(missing_ok=True)


def _nothing(stage: Stage, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def get_model(
    name: str = "small-cn",
    *,
    settings: Settings,
    progress: Progress = _nothing,
    site: ModelSite | None = None,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> SpeechModel:
    """Install an official model into the user's cache, unless it is there already.

    `name` is "small-cn", "large-cn", or an archive's name. Raises ModelNotInstalled (no network, no such
    model, cut short, wrong checksum, damaged archive, disk full); a cut download is kept and resumed.
    """
    full_name = OFFICIAL.get(name, name)
    if not _NAME.match(full_name):
        raise ModelNotInstalled(f"No model is called {name!r}.", f"allowed: {', '.join(OFFICIAL)}")
    base = (site or ModelSite()).base
    target = models_folder(settings) / full_name
    try:
        with _lock(models_folder(settings) / ".downloads", full_name) as work:
            if target.is_dir():
                require_model_folder(target, f"remove {target} and run `ivr models get` again")
                return SpeechModel(target, full_name)
            with httpx.Client(transport=transport, follow_redirects=True, timeout=30.0) as client:
                archive = _Part(work / f"{full_name}.part")
                url = f"{base}{full_name}.zip"
                _download(client, url, archive, progress, sleep)
                installed = _verify(client, base, url, full_name, archive, progress)
            _place(archive, installed, work, target, progress)
    except OSError as error:
        raise _disk_trouble(error, models_folder(settings)) from error
    return SpeechModel(target, full_name)


@contextmanager
def _lock(work: Path, name: str) -> Iterator[Path]:
    """One download of a model at a time; the second waits and finds it installed."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield work


def _download(client: httpx.Client, url: str, part: _Part, progress: Progress, sleep: Callable[[float], None]) -> None:
    """Fetch with as many requests as it takes; only those that bring nothing at all are counted."""
    fruitless = 0
    while fruitless < _RETRIES:
        before, trouble = part.have, "the server changes it all the time"
        try:
            if _fetch(client, url, part, progress):
                return
        except httpx.ConnectError as error:
            trouble, fruitless = type(error).__name__, _RETRIES
        except httpx.TransportError as error:
            trouble = type(error).__name__
        fruitless = 0 if part.have > before else fruitless + 1
        if fruitless < _RETRIES:
            sleep(min(2.0**fruitless, 8.0))
    raise ModelNotInstalled(
        f"{url} cannot be fetched ({trouble}).",
        "check the network (or IVR_MODELS_URL) and run `ivr models get` again; it goes on where it stopped",
    )


def _fetch(client: httpx.Client, url: str, part: _Part, progress: Progress) -> bool:
    """One request; True when the archive is complete, False when it has to start afresh (RFC 9110, 14.2)."""
    have = part.have
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": part.mark_file.read_text()}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{have}":
            return True
        if response.status_code == 416 or (response.status_code == 206 and not _continues(response, have)):
            part.forget()
            return False
        _require_found(response, url)
        if response.status_code == 200:
            have = 0
        total = _total(response, have)
        _require_space(part.file.parent, (total or 0) - have)
        part.mark_file.write_text(_mark(response))
        with part.file.open("ab" if have else "wb") as file:
            for block in response.iter_raw():
                file.write(block)
                have += len(block)
                progress("download", have, total)
    if total is not None and have != total:
        part.forget()
        raise ModelNotInstalled(f"{url}: {have} bytes came instead of {total}.", "run `ivr models get` again")
    return True


def _continues(response: httpx.Response, have: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {have}-")


def _require_found(response: httpx.Response, url: str) -> None:
    if response.status_code in (200, 206):
        return
    if response.status_code == 404:
        raise ModelNotInstalled(f"{url} does not exist (404).", "check the name and IVR_MODELS_URL")
    raise ModelNotInstalled(f"{url} is refused (HTTP {response.status_code}).", "try again later")


def _total(response: httpx.Response, have: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return have + int(length) if length.isdigit() else None


def _mark(response: httpx.Response) -> str:
    """What If-Range may be sent with: a strong ETag, else the date; else one that never matches."""
    etag = str(response.headers.get("ETag", ""))
    if etag and not etag.startswith("W/"):
        return etag
    return str(response.headers.get("Last-Modified", '"unknown"'))


def _verify(client: httpx.Client, base: str, url: str, name: str, part: _Part, progress: Progress) -> Installed:
    """Compare the archive with the checksum that its server publishes, where it publishes one."""
    size = part.file.stat().st_size
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    done = 0
    with part.file.open("rb") as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            md5.update(block)
            done += len(block)
            progress("check", done, size)
    kind, expected = _published_checksum(client, base, url, name)
    actual = {"sha256": sha256.hexdigest(), "md5": md5.hexdigest()}
    if expected and actual[kind] != expected:
        part.forget()
        raise ModelNotInstalled(
            f"{url} has another {kind} checksum than its server publishes; it was thrown away.",
            "run `ivr models get` again",
        )
    by = f"{kind} published by the server" if expected else "length and zip checksums (no other is published)"
    return Installed(name, url, size, sha256.hexdigest(), by)


def _published_checksum(client: httpx.Client, base: str, url: str, name: str) -> tuple[str, str]:
    """("sha256", hex) from the archive's .sha256, else ("md5", hex) from model-list.json, else ("", "")."""
    text = _small_text(client, f"{url}.sha256")
    found = re.match(r"\s*([0-9a-fA-F]{64})\b", text)
    if found:
        return "sha256", found[1].lower()
    try:
        listed = json.loads(_small_text(client, f"{base}model-list.json") or "[]")
        md5 = next((str(model.get("md5", "")) for model in listed if model.get("name") == name), "")
    except (ValueError, AttributeError, TypeError):
        md5 = ""
    return ("md5", md5.lower()) if re.fullmatch(r"[0-9a-fA-F]{32}", md5) else ("", "")


def _small_text(client: httpx.Client, url: str) -> str:
    """A published list, or nothing when the server has none: it is an extra check, not a condition."""
    try:
        answer = client.get(url)
    except httpx.HTTPError:
        return ""
    return answer.text if answer.status_code == 200 else ""


def _place(part: _Part, installed: Installed, work: Path, target: Path, progress: Progress) -> None:
    fresh = work / f"{installed.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        folder = unpack_model(part.file, fresh, lambda done, total: progress("unpack", done, total))
        require_model_folder(folder, "choose another model")
        (folder / "installed.json").write_text(json.dumps(asdict(installed), indent=1))
        folder.rename(target)
    except (BadArchive, ModelFolderError) as error:
        part.forget()
        raise ModelNotInstalled(
            f"{installed.url} was thrown away: {error.message}", "run `ivr models get` again"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    part.forget()


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise OSError(errno.ENOSPC, f"{(needed + _SPARE) >> 20} MB are needed, {free >> 20} MB are free")


def _disk_trouble(error: OSError, folder: Path) -> ModelNotInstalled:
    if error.errno == errno.ENOSPC:
        detail = f": {error.strerror}" if "MB" in str(error.strerror) else ""
        return ModelNotInstalled(f"The disk of {folder} is full{detail}.", "make room and run `ivr models get` again")
    return ModelNotInstalled(
        f"{folder} cannot be written ({error.strerror}).", "check its owner, or set IVR_CACHE_DIR to another folder"
    )
