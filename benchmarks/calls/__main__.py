"""CPU per call and answer-to-first-sound, side by side: `python -m benchmarks.calls [--calls N] [--rounds N]`.

Native dialplan, our FastAGI, panoramisk's FastAGI, and a forked pyst2 AGI script place the same calls through
one Asterisk. The callers' phones send sound all the time, as phones do, and press the key by RFC 4733. CPU is
user + system time of Asterisk, its children and the server, in milliseconds a call. In every round each system has
its turn, forwards and backwards, so that what else the machine does meets all of them; the first round warms up and
does not count. Exit code 1 when ours costs more than 1.25 times the native dialplan.
"""

import argparse
import ctypes
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import soundfile
from jinja2 import Template

from benchmarks.calls.first_sound import seconds_to_first_sound
from benchmarks.calls.servers import PROMPT_ID
from ivr.demo.rtp import RtpLine, RtpLines
from ivr.demo.sipp import SippError, SippRun
from ivr.hotline import load_hotline
from ivr.instance import Instance
from ivr.settings import ROOT, Settings, StatePaths
from ivr.telephony.render import render
from ivr.telephony.runtime import asterisk_argv, asterisk_tool, runtime_folders, wait_until_booted

HERE = Path(__file__).parent
SYSTEMS = ("native", "ours", "panoramisk", "forked")
LIMIT = 1.25
LISTENED_FRAMES = 50
"""Packets of 20 ms that a caller hears before pressing the key."""
FORKED_ROUNDS, FORKED_CALLS, FORKED_RATE = 2, 10, 4
"""A forked script manages hardly more calls a second on two cores, and needs no fine measuring."""
LISTENED = 10
"""Calls per system whose first sound is timed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=30, help="calls per system and round")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--rate", type=float, default=20, help="calls per second")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder, ExitStack() as stack:
        instance, pids = start(Path(folder), stack)
        server = (instance.host, instance.sip)
        rounds: list[dict[str, float]] = []
        for turn in range(1 + chosen.rounds):
            systems = [name for name in SYSTEMS if name != "forked" or 1 <= turn <= FORKED_ROUNDS]
            cpu = {}
            for name in systems if turn % 2 else reversed(systems):
                watched = [pids["asterisk"], *([pids[name]] if name in pids else [])]
                calls, rate = (FORKED_CALLS, FORKED_RATE) if name == "forked" else (chosen.calls, chosen.rate)
                cpu[name] = cpu_of_calls(server, name, watched, calls, rate)
            rounds.append(cpu)
        sound = {name: [seconds_to_first_sound(server, name) for _ in range(LISTENED)] for name in SYSTEMS}
    return report(rounds[1:], sound)


def report(rounds: list[dict[str, float]], sound: dict[str, list[tuple[float, float]]]) -> int:
    print(f"{'':12} {'CPU ms/call':>12} {'x native':>9} {'rounds':>12} {'first sound after call / answer, ms':>36}")
    ratios = {}
    for name in SYSTEMS:
        # Against the native calls of the same rounds, which met the same machine.
        paired = [(cpu[name], cpu["native"]) for cpu in rounds if name in cpu]
        mean, native = (statistics.mean(values) for values in zip(*paired, strict=True))
        ratios[name] = mean / native
        single = sorted(ours / theirs for ours, theirs in paired)
        spread = f"{single[0]:.2f}-{single[-1]:.2f}"
        called, answered = (statistics.median(times) * 1000 for times in zip(*sound[name], strict=True))
        print(f"{name:12} {mean:12.2f} {ratios[name]:9.2f} {spread:>12} {called:28.1f} / {answered:5.1f}")
    print(f"ours is {ratios['ours']:.2f} times native; the limit is {LIMIT}")
    return 0 if ratios["ours"] <= LIMIT else 1


def start(folder: Path, stack: ExitStack) -> tuple[Instance, dict[str, int]]:
    """An Asterisk of its own with the product's configuration and the benchmark's dialplan, and the servers."""
    paths = StatePaths(folder / "state")
    paths.create()
    hotline = load_hotline(Settings().hotline_file)
    instance = Instance.create(paths, hotline.agents)
    render(hotline, instance, paths, runtime_folders())
    sound = write_prompt(paths)
    forked = folder / "forked"
    forked.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{HERE / 'servers.py'}' forked '{sound}'\n")
    forked.chmod(0o700)
    ports = {"ours_port": instance.agi, "panoramisk_port": instance.web}
    dialplan = paths.asterisk / "etc" / "extensions.conf"
    flow_ask = section(dialplan.read_text(), "flow-ask")
    template = Template((HERE / "extensions.conf.j2").read_text())
    dialplan.write_text(template.render(sound=sound, forked_script=forked, flow_ask=flow_ask, **ports))

    tool = asterisk_tool()
    asterisk = stack.enter_context(running(asterisk_argv(paths.asterisk_conf), tool.environ()))
    pids = {"asterisk": asterisk.pid}
    for name, port in (("ours", instance.agi), ("panoramisk", instance.web)):
        argv = [sys.executable, str(HERE / "servers.py"), name, str(port), str(paths.state), str(sound)]
        pids[name] = stack.enter_context(running(argv, {**os.environ, "PYTHONPATH": str(ROOT)})).pid
    wait_until_booted(paths.asterisk_conf, 30, lambda: asterisk.poll() is None)
    time.sleep(1)
    return instance, pids


def section(dialplan: str, context: str) -> str:
    """One context of a dialplan, as it stands there."""
    found = re.search(rf"^\[{context}\]\n.*?(?=^\[|\Z)", dialplan, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group()


@contextmanager
def running(argv: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def write_prompt(paths: StatePaths) -> Path:
    """A prompt of two seconds in the product's formats, where our server looks for it."""
    base = paths.prompts / "zh-CN" / PROMPT_ID
    base.parent.mkdir(parents=True, exist_ok=True)
    for ending, rate, encoding in (("ulaw", 8000, "ULAW"), ("alaw", 8000, "ALAW"), ("sln16", 16000, "PCM_16")):
        tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
        soundfile.write(base.with_name(f"{PROMPT_ID}.{ending}"), tone, rate, format="RAW", subtype=encoding)
    (paths.prompts / "manifest.json").write_text("{}")
    return base


def cpu_of_calls(server: tuple[str, int], name: str, pids: list[int], calls: int, rate: float) -> float:
    """Milliseconds of CPU a call; raises SippError when a call failed."""
    with RtpLines(calls) as lines:
        rows = [(line.port,) for line in lines.lines]
        before = sum(cpu_seconds(pid) for pid in pids)
        with SippRun(HERE / "caller.xml", server, name, rows, rate=rate, limit_seconds=60) as run:
            press_after_listening(lines.lines, run)
            result = run.result()
        time.sleep(0.5)
    if result.failed or result.succeeded != calls:
        raise SippError(f"{name}: {result.failed} of {calls} calls failed: {result.errors}")
    return (sum(cpu_seconds(pid) for pid in pids) - before) / calls * 1000


def press_after_listening(lines: list[RtpLine], run: SippRun) -> None:
    """Each caller presses 1 after a second of the prompt; returns when all have. Raises SippError."""
    waiting, ends = list(lines), time.monotonic() + 20
    while waiting:
        for line in [line for line in waiting if line.heard_frames >= LISTENED_FRAMES]:
            line.press("1")
            waiting.remove(line)
        if time.monotonic() > ends:
            raise SippError(f"callers heard only {[line.heard_frames for line in waiting]} packets: {run.errors()}")
        time.sleep(0.02)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its ended children.

    Its own to the nanosecond (clock_getcpuclockid(3)), as /proc rounds down to a fortieth of a native round; only what
    its children used has to come from there (proc_pid_stat(5), fields 16 and 17).
    """
    clock = ctypes.c_int()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(clock.value) + sum(int(field) for field in fields[13:15]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
