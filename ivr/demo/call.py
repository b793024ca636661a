"""The demonstration call: three real phones, one of them an agent's, one busy line, one talk to its end."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ivr.demo.phone import Phone
from ivr.demo.script import CALLER_NUMBER, GOODBYE_TO_OTHER, OTHER_CUSTOMER, TALK, Line
from ivr.demo.voices import AGENT, CALLER, speak
from ivr.demo.watch import JournalWatch
from ivr.hotline import PERSON_KEY, Hotline
from ivr.instance import Instance
from ivr.settings import Settings, StatePaths

Progress = Callable[[str], None]

_BREATH = 0.4
"""Seconds between two turns of a talk."""
_MUSIC = 4.0
"""Seconds our caller waits at least, once in the queue."""
_TWO_RINGS = 3.0


@dataclass(frozen=True)
class _Cast:
    """Who takes part, and how they are watched."""

    agent: Phone
    caller: Phone
    other: Phone
    watch: JournalWatch
    sounds: dict[str, Path]


def run_demo_call(settings: Settings, instance: Instance, hotline: Hotline, progress: Progress) -> str:
    """Make the demonstration call on a running instance; gives the call's id.

    Raises PhoneError or NotSeen when the call does not go its way.
    """
    work_number, key = who_answers(hotline)
    server = (instance.host, instance.sip)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-voices-")))
        progress("the voices are prepared")
        sounds = _speak_all(folder, settings.runtime_dir)
        secret = instance.agent_secrets[work_number]
        cast = _Cast(
            agent=stack.enter_context(Phone(work_number, server, password=secret)),
            caller=stack.enter_context(Phone(CALLER_NUMBER, server)),
            other=stack.enter_context(Phone(OTHER_CUSTOMER, server)),
            watch=JournalWatch(settings.paths),
            sounds=sounds,
        )
        progress(f"agent {work_number} is logged in; another customer keeps her busy")
        _keep_busy(cast, hotline)
        progress(f"a customer dials {hotline.hotline.number}: greeting, recording notice, menu")
        call_id = _ask_for(cast, hotline, settings.paths, key)
        progress(f"key {key} during the menu; nobody is free, the caller is told and waits")
        cast.watch.wait_in(call_id, "ENTERQUEUE", seconds=60)
        time.sleep(_MUSIC)
        _set_free(cast)
        progress(f"agent {work_number} is free: her phone rings")
        _answer(cast, call_id)
        progress("both speak")
        _talk(cast)
        talked = len(cast.agent.events)
        cast.caller.hang_up()
        cast.agent.wait_for("CALL_CLOSED", since=talked)
        cast.watch.wait_in(call_id, "LINKEDID_END")
        progress("the caller has hung up")
        return call_id


def who_answers(hotline: Hotline) -> tuple[str, str]:
    """The agent of the demonstration, and the main menu's key that leads to her queue."""
    work_number = next(iter(hotline.queues[hotline.default_queue].agents))
    for key, option in hotline.menus[hotline.menu_start].options.items():
        if key != PERSON_KEY and option.queue and work_number in hotline.queues[option.queue].agents:
            return work_number, key
    return work_number, PERSON_KEY


def _speak_all(folder: Path, runtime_dir: Path) -> dict[str, Path]:
    sounds: dict[str, Path] = {}
    for number, line in enumerate((*TALK, GOODBYE_TO_OTHER)):
        voice = AGENT if line.who == "agent" else CALLER
        sounds[_name(line)] = speak(line.text, voice, folder / f"{number}.wav", runtime_dir)
    return sounds


def _keep_busy(cast: _Cast, hotline: Hotline) -> None:
    cast.other.dial(hotline.hotline.number)
    other_id = cast.watch.call_from(OTHER_CUSTOMER)
    cast.watch.wait_in(other_id, "menu.entered")
    cast.other.press(PERSON_KEY)
    cast.agent.wait_for("CALL_INCOMING", seconds=60)
    cast.agent.answer()
    cast.watch.wait_in(other_id, "BRIDGE_ENTER", seconds=60)


def _ask_for(cast: _Cast, hotline: Hotline, paths: StatePaths, key: str) -> str:
    cast.caller.dial(hotline.hotline.number)
    cast.caller.wait_for("CALL_ESTABLISHED")
    call_id = cast.watch.call_from(CALLER_NUMBER)
    cast.watch.wait_in(call_id, "menu.entered")
    # The caller listens: to the greeting and the notice in full, then to half of the menu.
    menu = hotline.menu_prompt(hotline.menu_start)
    greeted = prompt_seconds(paths, hotline, "greeting") + prompt_seconds(paths, hotline, "recording_notice")
    time.sleep(greeted + prompt_seconds(paths, hotline, menu) / 2)
    cast.caller.press(key)
    cast.watch.wait_in(call_id, "menu.key")
    return call_id


def _set_free(cast: _Cast) -> None:
    time.sleep(cast.agent.say(cast.sounds[_name(GOODBYE_TO_OTHER)]) + _BREATH)
    cast.other.hang_up()
    cast.agent.wait_for("CALL_CLOSED")


def _answer(cast: _Cast, call_id: str) -> None:
    first_closed = next(n for n, event in enumerate(cast.agent.events) if event.kind == "CALL_CLOSED")
    cast.agent.wait_for("CALL_INCOMING", seconds=60, since=first_closed)
    time.sleep(_TWO_RINGS)
    cast.agent.answer()
    cast.watch.wait_in(call_id, "BRIDGE_ENTER", seconds=60)
    time.sleep(_BREATH)


def _talk(cast: _Cast) -> None:
    for line in TALK:
        phone = cast.agent if line.who == "agent" else cast.caller
        time.sleep(phone.say(cast.sounds[_name(line)]) + _BREATH)


def _name(line: Line) -> str:
    return f"{line.who} {line.text}"


def prompt_seconds(paths: StatePaths, hotline: Hotline, prompt: str) -> float:
    """How long a rendered prompt lasts, seconds (µ-law, 8000 bytes a second)."""
    return (paths.prompts / hotline.languages[0] / f"{prompt}.ulaw").stat().st_size / 8000
