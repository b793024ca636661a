"""CPU per call and answer-to-first-sound, side by side: `python -m benchmarks.calls [--calls N] [--rounds N]`.

Native dialplan, our FastAGI, panoramisk's FastAGI, and a forked pyst2 AGI script place the same calls through
one Asterisk. The callers' phones send sound all the time, as phones do, and press the key by RFC 4733. CPU is
user + system time of Asterisk, its children and the server (from /proc), in milliseconds a call. The rounds
are interleaved, so that what else the machine does meets all of them. Exit code 1 when ours costs more than
1.25 times the native dialplan.
"""

import argparse
import os
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
FORKED_ROUNDS, FORKED_RATE = 2, 8
"""A forked script manages no more calls a second on two cores, and needs no fine measuring."""
LISTENED = 10
"""Calls per system whose first sound is timed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=30, help="calls per system and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=20, help="calls per second")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder, ExitStack() as stack:
        instance, pids = start(Path(folder), stack)
        server = (instance.host, instance.sip)
        cpu: dict[str, list[float]] = {name: [] for name in SYSTEMS}
        for turn in range(chosen.rounds):
            for name in SYSTEMS:
                if name == "forked" and turn >= FORKED_ROUNDS:
                    continue
                watched = [pids["asterisk"], *([pids[name]] if name in pids else [])]
                cpu[name].append(
                    cpu_of_calls(server, name, watched, chosen.calls, FORKED_RATE if name == "forked" else chosen.rate)
                )
        sound = {name: [seconds_to_first_sound(server, name) for _ in range(LISTENED)] for name in SYSTEMS}
    return report(cpu, sound)


def report(cpu: dict[str, list[float]], sound: dict[str, list[tuple[float, float]]]) -> int:
    native = statistics.mean(cpu["native"])
    print(f"{'':12} {'CPU ms/call':>12} {'x native':>9} {'rounds':>30} {'first sound after call / answer, ms':>36}")
    for name in SYSTEMS:
        mean = statistics.mean(cpu[name])
        rounds = " ".join(f"{value:.1f}" for value in cpu[name])
        called, answered = (statistics.median(times) * 1000 for times in zip(*sound[name], strict=True))
        print(f"{name:12} {mean:12.2f} {mean / native:9.2f} {rounds:>30} {called:28.1f} / {answered:5.1f}")
    ratio = statistics.mean(cpu["ours"]) / native
    print(f"ours is {ratio:.2f} times native; the limit is {LIMIT}")
    return 0 if ratio <= LIMIT else 1


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
    dialplan = Template((HERE / "extensions.conf.j2").read_text()).render(sound=sound, forked_script=forked, **ports)
    etc = paths.asterisk / "etc"
    (etc / "extensions.conf").write_text(dialplan)

    tool = asterisk_tool()
    asterisk = stack.enter_context(running(asterisk_argv(paths.asterisk_conf), tool.environ()))
    pids = {"asterisk": asterisk.pid}
    for name, port in (("ours", instance.agi), ("panoramisk", instance.web)):
        argv = [sys.executable, str(HERE / "servers.py"), name, str(port), str(paths.state), str(sound)]
        pids[name] = stack.enter_context(running(argv, {**os.environ, "PYTHONPATH": str(ROOT)})).pid
    wait_until_booted(paths.asterisk_conf, 30, lambda: asterisk.poll() is None)
    time.sleep(1)
    return instance, pids


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
    """User and system time of a process and its ended children (proc_pid_stat(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
