"""The machine's own apt sources (sources.list(5), both formats): read, told from third parties', re-suited.

Standard library only: the bootstrap runs this before any venv exists.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ivr.errors import IvrError

_FIRST_PARTY_PATH = re.compile(r"/(debian|debian-security|debian-ports|ubuntu|ubuntu-ports)(/\d{8}T\d{6}Z)?/?$")
_FIRST_PARTY_KEYRING = re.compile(r"(^|/)(debian|ubuntu|raspbian)-archive-[\w.-]*keyring[\w.-]*$")
# Cloud images list their mirrors in a file of their own (apt-transport-mirror(1)).
_MIRROR_LIST = re.compile(r"^mirror\+file:/+etc/apt/")
_ROLLING_NAMES = "stable|oldstable|testing|unstable|sid"
_OPTION_FIELDS = {
    "signed-by": "Signed-By",
    "trusted": "Trusted",
    "check-valid-until": "Check-Valid-Until",
    "check-date": "Check-Date",
    "snapshot": "Snapshot",
    "allow-insecure": "Allow-Insecure",
    "allow-weak": "Allow-Weak",
}


class NoOwnSources(IvrError):
    """The machine has no apt source of its own distribution."""


@dataclass(frozen=True)
class Source:
    """One stanza: addresses × suites of one archive. `options` hold deb822 field names and values."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """The stanza in deb822 format."""
        fields = {
            "Types": "deb",
            "URIs": " ".join(self.uris),
            "Suites": " ".join(self.suites),
            "Components": " ".join(self.components),
            **self.options,
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def parse_deb822(text: str) -> list[Source]:
    """The enabled binary sources of a `.sources` file, in file order; malformed stanzas are left out."""
    return [s for s in map(_from_stanza, _stanzas(text)) if s is not None]


def parse_one_line(text: str) -> list[Source]:
    """The binary sources of a `sources.list` or `.list` file, in file order; other lines are left out."""
    return [s for s in map(_from_line, text.splitlines()) if s is not None]


def machine_sources(etc_apt: Path = Path("/etc/apt")) -> list[Source]:
    """Every enabled source that apt would use on this machine; unreadable files are left out."""
    found: list[Source] = []
    parts = etc_apt / "sources.list.d"
    for file in [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]:
        found += parse_one_line(_text(file))
    for file in sorted(parts.glob("*.sources")):
        found += parse_deb822(_text(file))
    return found


def own_sources(sources: Iterable[Source], codename: str) -> list[Source]:
    """Those of the distribution itself, cut to its release, updates and security suites.

    Third-party archives are left out: their packages must not decide what we unpack.
    """
    names = rf"{re.escape(codename)}|{_ROLLING_NAMES}" if codename else _ROLLING_NAMES
    suite_ok = re.compile(rf"^(?:{names})(?:-updates|-security|/updates)?$")
    own = []
    for source in sources:
        suites = tuple(s for s in source.suites if suite_ok.match(s))
        if suites and "main" in source.components and _is_first_party(source):
            own.append(replace(source, suites=suites))
    return own


def with_suite(sources: Iterable[Source], suite: str) -> list[Source]:
    """The release archive (not updates, not security) with another suite, `main` only.

    Raises NoOwnSources when none of the sources is a release archive.
    """
    for source in sources:
        if any(re.fullmatch(r"[a-z0-9.]+", s) for s in source.suites):
            return [replace(source, suites=(suite,), components=("main",))]
    raise NoOwnSources(
        "This machine's apt sources name no archive of its own distribution.",
        "put one into /etc/apt/sources.list.d (see sources.list(5))",
    )


def release_fields(os_release: Path = Path("/etc/os-release")) -> dict[str, str]:
    """ID, VERSION_CODENAME … of os-release(5); empty where there is none."""
    pairs = (line.split("=", 1) for line in _text(os_release).splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


def render(sources: Sequence[Source]) -> str:
    """A whole `.sources` file."""
    return "\n".join(source.render() for source in sources)


def _is_first_party(source: Source) -> bool:
    keyring = source.options.get("Signed-By", "")
    if keyring.startswith("/"):
        # A named keyring settles it: an outsider's archive may well end in /debian too.
        return bool(_FIRST_PARTY_KEYRING.search(keyring)) or all(_on_first_party_path(u) for u in source.uris)
    return all(_on_first_party_path(uri) for uri in source.uris)


def _on_first_party_path(uri: str) -> bool:
    return bool(_FIRST_PARTY_PATH.search(uri) or _MIRROR_LIST.match(uri))


def _stanzas(text: str) -> list[dict[str, str]]:
    stanzas: list[dict[str, str]] = [{}]
    last = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            stanzas.append({})
        elif line[0] in " \t" and last:
            stanzas[-1][last] = stanzas[-1].get(last, "") + "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            last = name.strip().lower()
            stanzas[-1][last] = value.strip()
    return [s for s in stanzas if s]


def _from_stanza(stanza: dict[str, str]) -> Source | None:
    if stanza.get("enabled", "yes").strip().lower() in ("no", "false", "0", "off", "without", "disable"):
        return None
    if "deb" not in stanza.get("types", "").split():
        return None
    uris, suites = stanza.get("uris", "").split(), stanza.get("suites", "").split()
    if not uris or not suites:
        return None
    options = {ours: stanza[key] for key, ours in _OPTION_FIELDS.items() if key in stanza}
    return Source(tuple(uris), tuple(suites), tuple(stanza.get("components", "").split()), options)


def _from_line(line: str) -> Source | None:
    match = re.match(r"\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<rest>[^#]*)", line)
    if match is None:
        return None
    words = match["rest"].split()
    if len(words) < 2 or words[0].startswith("cdrom:"):
        return None
    given = dict(pair.split("=", 1) for pair in (match["options"] or "").split() if "=" in pair)
    options = {ours: given[key] for key, ours in _OPTION_FIELDS.items() if key in given}
    # One-line values are separated by commas, deb822 ones by blanks.
    options = {name: value.replace(",", " ") for name, value in options.items()}
    return Source((words[0],), (words[1],), tuple(words[2:]), options)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
