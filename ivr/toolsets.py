"""The named sets of programs: which packages each needs on this machine, from which suite, and unpack them.

Standard library only: the bootstrap runs this before any venv exists.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ivr.apt_sources import (
    NoOwnSources,
    Source,
    machine_sources,
    own_sources,
    release_fields,
    with_suite,
)
from ivr.debian import Archive, Progress, ensure_folder, folder_lock, no_progress, read_stamp
from ivr.tools import PROGRAMS, default_runtime_dir, installed, library_dirs, parse_version

ASTERISK_SUITE = "forky"
"""The Debian suite that has Asterisk 22 (LTS); Debian 12 and 13 have none."""
_WITHOUT_ASTERISK = frozenset({"bookworm", "trixie"})
_CJK_FONT = "fonts-wqy-zenhei"
_PIP = "python3-pip-whl"

SETS = ("telephony", "browser", "postgres", "pip")


def ensure(
    name: str,
    runtime_dir: Path | None = None,
    progress: Progress = no_progress,
    *,
    use_installed: bool = True,
) -> Path:
    """Unpack what this machine lacks of a set (see SETS) and return its folder; at once when it is there.

    Raises a PackageError or NoOwnSources, with the remedy.
    """
    runtime = (runtime_dir or default_runtime_dir()).resolve()
    folder = runtime / name
    wanted = missing_packages(name, use_installed=use_installed)
    there = read_stamp(folder)
    if not wanted or (there is not None and there.has(wanted)):
        return folder
    own = _own()
    if name == "telephony":
        sources = telephony_sources(own, runtime, progress)
        ensure_folder(folder, wanted, sources, progress=progress)
    elif name == "browser":
        only = () if "chromium" in wanted else (_CJK_FONT,)
        ensure_folder(folder, wanted, own, only=only, own_libc=False, finish=finish_browser, progress=progress)
    elif name == "postgres":
        ensure_folder(folder, wanted, own, own_libc=False, progress=progress)
    else:
        ensure_folder(folder, wanted, own, only=wanted, progress=progress)
    return folder


def missing_packages(name: str, *, use_installed: bool = True) -> list[str]:
    """The packages of a set whose programs the machine has not installed, or too old."""
    if name == "pip":
        return [_PIP]
    missing = {
        program.package
        for tool, program in PROGRAMS.items()
        if program.folder == name and not (use_installed and installed(tool))
    }
    if name == "browser":
        # An installed browser on a server seldom has Han glyphs.
        missing.add(_CJK_FONT)
    return sorted(missing)


def telephony_sources(own: Sequence[Source], runtime: Path, progress: Progress = no_progress) -> Sequence[Source]:
    """The machine's own suite where that offers a new enough Asterisk, else Debian's ASTERISK_SUITE."""
    release = release_fields()
    if release.get("VERSION_CODENAME") not in _WITHOUT_ASTERISK:
        runtime.mkdir(parents=True, exist_ok=True)
        with folder_lock(runtime, progress) as lock:
            archive = Archive(runtime / ".apt" / own[0].suites[0], own, lock)
            archive.update(progress)
            offered = archive.candidate("asterisk")
        if offered and parse_version(_upstream(offered)) >= PROGRAMS["asterisk"].minimum:
            return own
    if release.get("ID") != "debian":
        raise NoOwnSources(
            f"{release.get('PRETTY_NAME', 'This system')} offers no Asterisk 20 or newer.",
            "install Asterisk 20 or newer yourself, or use Debian 12+ or Ubuntu 24.04+",
        )
    return with_suite(own, ASTERISK_SUITE)


def pip_wheel(runtime_dir: Path | None = None, progress: Progress = no_progress) -> Path:
    """A wheel of pip itself, for a Python whose ensurepip was left out (Debian's python3-venv)."""
    folder = ensure("pip", runtime_dir, progress)
    return max(folder.glob("usr/share/python-wheels/pip-*.whl"))


def finish_browser(folder: Path) -> None:
    """Add fonts.conf and, with a browser, the one file that starts it with its libraries and fonts."""
    (folder / "fonts.conf").write_text(_FONTS_CONF, encoding="utf-8")
    if not (folder / "usr/lib/chromium/chromium").exists():
        return
    libraries = ":".join(f"$here/{p.relative_to(folder)}" for p in library_dirs(folder))
    script = folder / "usr/bin/chromium-unpacked"
    script.write_text(_BROWSER_SCRIPT.format(libraries=libraries), encoding="utf-8")
    script.chmod(0o755)


def _own() -> list[Source]:
    release = release_fields()
    codename = release.get("UBUNTU_CODENAME") or release.get("VERSION_CODENAME", "")
    own = own_sources(machine_sources(), codename)
    # First the release itself: its name is the suite's name.
    own.sort(key=lambda s: codename not in s.suites)
    if not own and shutil.which("apt-get"):
        with_suite(own, codename)
    return own


def _upstream(version: str) -> str:
    return re.sub(r"^\d+:", "", version)


_BROWSER_SCRIPT = """\
#!/bin/sh
# Starts the unpacked Chromium from wherever this folder lies.
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd) || exit 1
LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
FONTCONFIG_FILE="$here/fonts.conf"
export LD_LIBRARY_PATH FONTCONFIG_FILE
exec "$here/usr/lib/chromium/chromium" "$@"
"""

_FONTS_CONF = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias><family>sans-serif</family><accept><family>WenQuanYi Zen Hei</family></accept></alias>
  <alias><family>serif</family><accept><family>WenQuanYi Zen Hei</family></accept></alias>
  <alias><family>monospace</family><accept><family>WenQuanYi Zen Hei Mono</family></accept></alias>
</fontconfig>
"""
"""Our own fonts after the machine's, found from wherever the folder lies (fonts-conf(5), "relative")."""
