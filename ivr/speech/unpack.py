"""Unpacking a model's zip archive without trusting it."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ivr.errors import IvrError

SIZE_LIMIT = 6 << 30
"""Bytes a model may take unpacked; the large Chinese one takes about 2 GB."""

_BLOCK = 1 << 20


class BadArchive(IvrError):
    """A zip archive that is damaged, or reaches outside its folder, or is far too large."""


def unpack_model(archive: Path, into: Path, progress: Callable[[int, int], None], size_limit: int = SIZE_LIMIT) -> Path:
    """Unpack into a new folder and return the archive's one top folder; raises BadArchive, OSError.

    Every file's CRC is checked as it is read. `progress` gets bytes done and bytes in all.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            _require_harmless(members, size_limit)
            total = sum(member.file_size for member in members)
            free = shutil.disk_usage(into.parent).free
            if free < total:
                raise OSError(28, f"{total >> 20} MB are needed, {free >> 20} MB are free")
            done = 0
            for member in members:
                done += _extract(opened, member, into)
                progress(done, total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadArchive(f"the archive is damaged ({error}).") from error
    return into / PurePosixPath(members[0].filename).parts[0]


def _require_harmless(members: list[zipfile.ZipInfo], size_limit: int) -> None:
    tops = set()
    for member in members:
        path = PurePosixPath(member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        escapes = path.is_absolute() or ".." in path.parts or "\\" in member.filename or len(path.parts) < 2
        if escapes or kind not in (0, stat.S_IFREG):
            raise BadArchive("it holds a file that does not belong into a model's folder.")
        tops.add(path.parts[0])
    if len(tops) != 1:
        raise BadArchive("it does not hold exactly one model folder.")
    if sum(member.file_size for member in members) > size_limit:
        raise BadArchive(f"it is larger than {size_limit >> 20} MB unpacked.")


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, into: Path) -> int:
    """Write one file; the declared size is a promise that the bytes themselves have to keep."""
    target = into / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(member) as source, target.open("xb") as file:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > member.file_size:
                raise BadArchive("a file in it is larger than declared.")
            file.write(block)
    return written
