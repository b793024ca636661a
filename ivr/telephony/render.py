"""Asterisk's configuration from the business file: every value checked, every file replaced whole."""

import ipaddress
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivr.calls.notice import NoticeBoard
from ivr.errors import IvrError
from ivr.hotline import Hotline, Hours
from ivr.hotline.kinds import LABEL
from ivr.instance import LOOPBACK, Instance
from ivr.settings import ROOT, StatePaths
from ivr.speech.matters import whispered
from ivr.telephony.control import DESK_SECONDS
from ivr.telephony.features import queue_numbers
from ivr.telephony.line import line_offers, write_line_sounds
from ivr.telephony.music import write_music
from ivr.telephony.runtime import RuntimeFolders

TEMPLATES = ROOT / "asterisk_conf"
FLOWS = ROOT / "agi_scripts"

FLOW_SECONDS = 2
"""Seconds a flow may be silent when it is its turn, before the dialplan goes on without it."""
TURN_SECONDS = 600
TURNS = 6
"""An hour of waiting in all; then the caller is asked to call again."""


class RenderError(IvrError):
    """A value cannot stand in Asterisk's configuration."""


def render(hotline: Hotline, instance: Instance, paths: StatePaths, folders: RuntimeFolders) -> None:
    """Write the instance's Asterisk configuration, agi-bin and hold music into the state folder.

    Files are replaced whole and are readable by their owner alone. Raises RenderError when a value
    has characters that Asterisk would read as something else.
    """
    places = _folders(paths)
    for folder in places.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_music(places["music"], {queue.music for queue in hotline.queues.values()})
    write_line_sounds(hotline, places["line"], paths.prompts)
    environment = _environment()
    values = _values(hotline, instance, paths, folders, places)
    for template in sorted(TEMPLATES.glob("*.conf.j2")):
        text = environment.get_template(template.name).render(values)
        _replace(places["etc"] / template.stem, text, 0o600)
    _replace(places["agi_bin"] / "work-number", environment.get_template("work-number.sh.j2").render(), 0o700)
    for script in sorted(FLOWS.glob("*.py")):
        text = environment.get_template("flow.sh.j2").render(
            flow=script.stem,
            script=script,
            state=paths.state,
            root=ROOT,
            python=Path(sys.executable),
        )
        _replace(places["agi_bin"] / script.name, text, 0o700)


def _folders(paths: StatePaths) -> dict[str, Path]:
    names = {"agi_bin": "agi-bin"}
    return {
        name: paths.asterisk / names.get(name, name)
        for name in ("etc", "lib", "spool", "db", "keys", "agi_bin", "music", "line")
    }


def _values(
    hotline: Hotline,
    instance: Instance,
    paths: StatePaths,
    folders: RuntimeFolders,
    places: Mapping[str, Path],
) -> dict[str, object]:
    return {
        **places,
        "modules": folders.modules,
        "data": folders.data,
        "run": paths.run,
        "journal": paths.journal,
        "prompts": paths.prompts,
        "recordings": paths.recordings,
        "notice_ends": NoticeBoard.of(paths).end_file,
        "log_file": paths.log / "asterisk.log",
        "notice_file": paths.log / "asterisk-notices.log",
        # Asterisk before 22.6 writes CEL without this module and knows the older mapping only.
        "cdrel": (folders.modules / "res_cdrel_custom.so").exists(),
        "system_name": instance.system_name,
        "host": instance.host,
        "loopback": LOOPBACK,
        "sip": instance.sip,
        "agi": instance.agi,
        "ami": instance.ami,
        "ami_secret": instance.ami_secret,
        "rtp_start": instance.rtp_start,
        "rtp_end": instance.rtp_end,
        "number": hotline.hotline.number,
        "language": hotline.languages[0],
        "languages": hotline.languages,
        "trunks": hotline.trunks,
        "agents": {number: _secret_of(number, instance) for number in hotline.agents},
        "queues": hotline.queues,
        "queue_numbers": queue_numbers(hotline),
        "default_queue": hotline.default_queue,
        "service_level_seconds": hotline.standards.service_level.seconds,
        "flow_seconds": FLOW_SECONDS,
        "turn_seconds": TURN_SECONDS,
        "turns": TURNS,
        "key_in_sentence": Checked("\x01"),
        "callback": _callback(hotline, paths),
        "survey": _way_out(hotline, paths, hotline.outbound.trunk),
        "return_call": _way_out(hotline, paths, hotline.return_trunk),
        "music_classes": sorted({"default", *(queue.music for queue in hotline.queues.values())}),
        "announce_seconds": hotline.waiting.announce_seconds,
        "choice_after": hotline.waiting.choice_after_seconds,
        "desk_seconds": DESK_SECONDS,
        "matters": whispered(hotline),
        "may_listen": _may_listen(hotline),
        "hold_reminders": hotline.standards.hold_reminder_seconds,
        "line_offers": {name: line_offers(hotline, name) for name in hotline.queues},
    }


def _may_listen(hotline: Hotline) -> list[tuple[str, str]]:
    """Every supervisor with every agent of the teams they may listen to (S24)."""
    return [(one, other) for one in hotline.agents for other in hotline.agents if hotline.may_listen(one, other)]


def _callback(hotline: Hotline, paths: StatePaths) -> dict[str, object] | None:
    """The one way out, for callbacks alone; None when the business names no trunk for it."""
    settings = hotline.callbacks
    if settings.trunk is None:
        return None
    trunk = hotline.trunks[settings.trunk]
    opens, closes = settings.window.split("-")
    return {
        "trunk": settings.trunk,
        "host": trunk.host,
        "port": trunk.port,
        "ring_seconds": settings.ring_seconds,
        "opens": opens,
        "closes": "23:59" if closes == "24:00" else closes,
        "zone": hotline.hotline.timezone,
        "stopped": paths.outbound_stopped,
    }


def _way_out(hotline: Hotline, paths: StatePaths, name: str | None) -> dict[str, object] | None:
    """The way out for surveys, or for agents' return calls; None when the business names no trunk for it."""
    if name is None:
        return None
    trunk, settings = hotline.trunks[name], hotline.outbound
    # GotoIfTime's last minute is within.
    spans = [(_clock(start), _clock(end - 1)) for start, end in Hours.parse({"mon-sun": settings.window}).spans[0]]
    return {
        "trunk": name,
        "host": trunk.host,
        "port": trunk.port,
        "ring_seconds": settings.ring_seconds,
        "spans": spans,
        "zone": hotline.hotline.timezone,
        "stopped": paths.outbound_stopped,
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _secret_of(work_number: str, instance: Instance) -> str:
    try:
        return instance.agent_secrets[work_number]
    except KeyError:
        raise RenderError(f"Agent {work_number} has no SIP password yet.", "run `ivr up` again") from None


def _environment() -> Environment:
    # Configuration files are no HTML; instead of escaping, every value passes one of the checks below.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_checked,
    )
    environment.filters.update(FILTERS)
    return environment


class Checked(str):
    """Text that has passed a check; nothing else is written into a configuration file."""

    __slots__ = ()


def _checked(value: object) -> object:
    if isinstance(value, Checked):
        return value
    raise RenderError(f"The template inserts {type(value).__name__} unchecked.")


def _matching(what: str, pattern: str) -> Callable[[object], Checked]:
    form = re.compile(pattern)

    def check(value: object) -> Checked:
        if not form.fullmatch(str(value)):
            raise RenderError(f"{value!r} cannot stand in Asterisk's configuration; allowed: {what}.")
        return Checked(value)

    return check


def _network(value: object) -> Checked:
    return Checked(ipaddress.ip_network(str(value)))


FILTERS: dict[str, Callable[[object], Checked]] = {
    "path": _matching("an absolute path of letters, digits and _ - . + @ blank", r"/[\w./+@ -]*"),
    "word": _matching("letters, digits, _ and -", r"[A-Za-z0-9_-]{1,64}"),
    "maybe_word": _matching("letters, digits, _ and -, or nothing", r"[A-Za-z0-9_-]{0,64}"),
    "digits": _matching("digits", r"[0-9]{1,20}"),
    "language": _matching("a language such as zh-CN", r"[A-Za-z]{2,3}(-[A-Za-z]{2,4})?"),
    "port": _matching("a port", r"[1-9][0-9]{0,4}"),
    "whole": _matching("a whole number", r"[0-9]{1,6}"),
    "host": _matching("an address", r"[0-9.]{7,15}"),
    "clock": _matching("a time such as 08:00", r"[0-2][0-9]:[0-5][0-9]"),
    "zone": _matching("a time zone's name", r"[A-Za-z0-9_+/-]{1,64}"),
    "trunk_host": _matching("a host's name or address", r"[A-Za-z0-9.:-]{1,253}"),
    "secret": _matching("letters, digits, _ and -", r"[A-Za-z0-9_-]{8,128}"),
    "label": _matching("letters, digits, blanks and marks such as · 、 -", LABEL.pattern),
    "network": _network,
    "sh": lambda value: Checked(shlex.quote(str(value))),
}


def _replace(target: Path, text: str, mode: int) -> None:
    draft = target.with_name(f".{target.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(target)
