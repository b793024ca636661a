"""What apt and dpkg say when they fail, as one clear line each with the remedy. Standard library only."""

import re

from ivr.errors import IvrError


class PackageError(IvrError):
    """Packages could not be fetched or unpacked; the subclasses say why."""


class AptMissing(PackageError):
    """No apt-get or dpkg-deb: not a Debian or Ubuntu machine."""


class ArchiveUnreachable(PackageError):
    """No network, or the package archive does not answer."""


class ArchiveUntrusted(PackageError):
    """The archive's signature, or a package's hash, is wrong or missing."""


class PackageUnknown(PackageError):
    """The archive has no such package."""


class DiskFull(PackageError):
    """Too little room for the packages."""


_SYMPTOMS: tuple[tuple[str, type[PackageError], str], ...] = (
    (
        r"No space left on device|enough free space|Disk quota exceeded",
        DiskFull,
        "make room and run again",
    ),
    (
        r"NO_PUBKEY|is not signed|GPG error|BADSIG|EXPKEYSIG|Hash Sum mismatch|unexpected size"
        r"|signatures? (?:couldn't|could not|were)|not valid yet|is expired",
        ArchiveUntrusted,
        "check the machine's clock and keys (package debian-archive-keyring), then run again",
    ),
    (
        r"Could not resolve|Temporary failure|Could not connect"
        r"|[Cc]onnection (?:failed|refused|timed out|reset)|Network is unreachable"
        r"|Unable to connect|Failed to fetch|File not found",
        ArchiveUnreachable,
        "check the network (`apt-get update` must work), then run again: it goes on where it stopped",
    ),
    (
        r"Unable to locate package|has no installation candidate|Couldn't find any package",
        PackageUnknown,
        "install it yourself, or add your distribution's main (Ubuntu: universe) archive to the apt sources",
    ),
)


def package_error(said: str) -> PackageError:
    """What apt or dpkg printed, as the fitting error: first the cause, then its consequences."""
    lines = said.splitlines()
    important = [line for line in lines if re.match(r"E: |W: |Err|dpkg|tar: ", line)]
    for pattern, kind, remedy in _SYMPTOMS:
        for line in [*important, *lines]:
            if re.search(pattern, line):
                return kind(_sentence(line), remedy)
    errors = [line for line in lines if line.startswith("E: ")]
    last = (errors or lines or ["no output"])[-1]
    return PackageError(_sentence(last), "run again; if it stays, `apt-get update` shows more")


def _sentence(line: str) -> str:
    text = re.sub(r"^(E|W|Err|dpkg-deb|dpkg)\s?:(\d+)?\s*(error:\s*)?", "", line.strip())
    return text if text.endswith((".", "!", "?")) else text + "."
