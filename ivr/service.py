"""An instance made ready, started, changed while it runs, and ended: what `ivr up`, `reload` and `down` do."""

import datetime as dt
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from ivr.accounts.users import FIRST_LOGIN, ensure_first_user
from ivr.errors import IvrError
from ivr.hotline import Hotline, HotlineFileError, load_hotline
from ivr.instance import LOOPBACK, Instance, InstanceError
from ivr.settings import Settings
from ivr.speech import build as publishing
from ivr.speech.prompts import PromptStore
from ivr.store.migrate import migrate_store
from ivr.store.session import open_store
from ivr.supervise import Supervisor, wait_until
from ivr.telephony import duty, runtime
from ivr.telephony.render import render

Progress = Callable[[str], None]


_RELOADS = (
    "dialplan reload",
    "module reload res_pjsip.so",
    "module reload res_pjsip_endpoint_identifier_ip.so",
    "queue reload all",
    "moh reload",
)
"""Asterisk's commands that put rewritten files in force while calls run."""


class StateFolderError(IvrError):
    """The instance's folder cannot be made."""


class PromptsMissing(IvrError):
    """No engine could speak a prompt that callers must hear."""


@dataclass(frozen=True)
class Prepared:
    """What a start needs to know, and what the operator should hear about."""

    instance: Instance
    hotline: Hotline
    warnings: list[str]


def adopt_hotline(settings: Settings) -> tuple[Hotline, list[str]]:
    """Put the business file in force if it is good; else keep the good one and say why.

    Raises HotlineFileError when the file is bad and no good one is in force.
    """
    in_force = settings.paths.hotline_in_force
    try:
        hotline = load_hotline(settings.hotline_file)
    except HotlineFileError as error:
        if not in_force.exists():
            raise
        return load_hotline(in_force), [f"{str(error).rstrip('.')}. The last good file stays in force."]
    text = settings.hotline_file.read_bytes()
    if not in_force.exists() or in_force.read_bytes() != text:
        draft = in_force.with_suffix(".new")
        draft.write_bytes(text)
        draft.replace(in_force)
    return hotline, []


def prepare(settings: Settings, say: Progress) -> Prepared:
    """Make the state folder whole: business file, ports and secrets, prompts, Asterisk's files, database."""
    paths = settings.paths
    try:
        paths.create()
    except OSError as error:
        raise StateFolderError(
            f"{error.filename or paths.state} cannot be made: {error.strerror}.", "choose another folder with --state"
        ) from error
    hotline, warnings = adopt_hotline(settings)
    try:
        instance = Instance.load(paths).with_agents(paths, hotline.agents)
    except InstanceError:
        if paths.instance_file.exists():
            raise
        instance = Instance.create(paths, hotline.agents, settings.bind_host, settings.web_host)
    instance.require_free_ports()
    warnings += publish_prompts(settings, hotline, lambda done, total, _: say(f"prompts {done}/{total}"))
    say("Asterisk's configuration")
    render(hotline, instance, paths, runtime.runtime_folders(settings.runtime_dir))
    say("database")
    store = open_store(settings.store_url)
    migrate_store(store)
    ensure_first_user(store, instance)
    store.close()
    return Prepared(instance, hotline, warnings)


def start(settings: Settings, say: Progress) -> Prepared:
    """Bring the whole instance up and wait until it takes calls."""
    supervisor = Supervisor(settings)
    supervisor.require_down()
    prepared = prepare(settings, say)
    say("processes")
    conf = settings.paths.asterisk_conf
    program = runtime.asterisk_tool(settings.runtime_dir)
    supervisor.start(runtime.asterisk_argv(conf, runtime_dir=settings.runtime_dir), program.env)
    with ExitStack() as undo:
        undo.callback(supervisor.stop)  # whatever stops the waiting, Ctrl-C too, leaves nothing half up
        runtime.wait_until_booted(conf, seconds=60, runtime_dir=settings.runtime_dir)
        duty.put_right(settings.paths, prepared.instance, prepared.hotline)
        wait_until(lambda: _listens(LOOPBACK, prepared.instance.agi), 60, "The call flows (agi)")
        wait_until(lambda: _healthy(prepared.instance), 60, "The web page")
        undo.pop_all()
    return prepared


def reload(settings: Settings) -> list[str]:
    """Put a changed business file in force without dropping a call; returns warnings.

    Raises HotlineFileError when the file is bad: what was good stays in force.
    """
    hotline = load_hotline(settings.hotline_file)
    instance = Instance.load(settings.paths).with_agents(settings.paths, hotline.agents)
    warnings = publish_prompts(settings, hotline)
    adopt_hotline(settings)
    render(hotline, instance, settings.paths, runtime.runtime_folders(settings.runtime_dir))
    for command in _RELOADS:
        runtime.rx(settings.paths.asterisk_conf, command, runtime_dir=settings.runtime_dir)
    duty.put_right(settings.paths, instance, hotline)
    return warnings


def publish_prompts(
    settings: Settings, hotline: Hotline, progress: publishing.Progress = lambda done, total, key: None
) -> list[str]:
    """Make the prompts that are missing or outdated; returns what a supervisor should hear about."""
    store = PromptStore(settings.paths, hotline)
    speakers = publishing.engines(settings, settings.voice_engine)
    report = publishing.build(store, speakers, settings.cache_dir, dt.datetime.now(dt.UTC), progress)
    silent = [made.key for made in report.prompts if made.result == "failed"]
    if silent:
        raise PromptsMissing(
            f"{len(silent)} prompts have no sound, {silent[0]} first: {'; '.join(report.unavailable.values())}",
            "run `make run` again, or put recordings into prompts/studio",
        )
    outdated = [made.key for made in report.prompts if made.result == "kept_old"]
    notes = list(report.unavailable.values())
    if outdated:
        notes.append(f"{len(outdated)} prompts still say an older text, {outdated[0]} first.")
    return notes


def first_login(settings: Settings, instance: Instance) -> str | None:
    """The first login and its password, told once in an instance's life; None afterwards."""
    told = settings.paths.state / "first-login-told"
    if told.exists():
        return None
    told.touch(mode=0o600)
    return f"{FIRST_LOGIN} / {instance.first_login_password} (shown this once)"


def free_bytes(settings: Settings) -> int:
    """Free disk space where the state folder lies, bytes."""
    folder = settings.paths.state
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _healthy(instance: Instance) -> bool:
    try:
        with urllib.request.urlopen(f"{instance.web_url}healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
