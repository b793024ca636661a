"""Make the demonstration model from nothing: `tools/demo_model/make.py [--quick] [--install]`.

Steps: text, audio, train, export, graph; each is a module of this folder and runs in a process of its own (a crash
of libespeak-ng costs one shard, and kaldifst and vosk cannot live in one process). What a step has already made in
the work folder is kept: remove it, or name another folder, to begin again. Needs requirements.txt.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = Path(__file__).with_name("MODEL_README")
SHIPPED = ROOT / "ivr" / "speech" / "demo-zh"
FULL = {"sentences": 160000, "shards": 24, "hours": 1.0, "steps": 7000}
QUICK = {"sentences": 20000, "shards": 4, "hours": 0.25, "steps": 400}
ATTEMPTS = 3
LARGEST_FILE, LARGEST_MODEL = 2000 * 1024, 4 * 1024 * 1024  # bytes


def run(module: str, *arguments: object) -> int:
    """Run a module of this folder with low priority and one thread for numerical libraries."""
    command = [sys.executable, "-m", f"tools.demo_model.{module}", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    return subprocess.run(["nice", "-n", "15", *command], cwd=ROOT, env=environment, check=False).returncode


def must_run(module: str, *arguments: object) -> None:
    """Run a step that has to succeed."""
    began = time.monotonic()
    print(f"== {module}", flush=True)
    code = run(module, *arguments)
    if code:
        raise SystemExit(f"{module} failed with exit code {code}")
    print(f"== {module} took {time.monotonic() - began:.0f} s", flush=True)


def make_shard(text: Path, shard: Path, hours: float, number: int) -> None:
    """One shard of audio; another seed after a crash."""
    if shard.exists():
        return
    part = shard.with_suffix(".part.npz")
    for attempt in range(ATTEMPTS):
        if run("make_audio", text, part, "--hours", hours, "--seed", number + 1000 * attempt) == 0:
            part.rename(shard)
            return
    raise SystemExit(f"no audio for {shard.name} in {ATTEMPTS} attempts")


def check_size(model: Path) -> None:
    """Refuse a model that is too large for the repository."""
    sizes = {path: path.stat().st_size for path in model.rglob("*") if path.is_file()}
    print(f"model: {sum(sizes.values())} bytes, largest file {max(sizes.values())}")
    if max(sizes.values()) > LARGEST_FILE or sum(sizes.values()) > LARGEST_MODEL:
        raise SystemExit("the model is too large to ship")


def install(model: Path) -> None:
    """Replace the product's demonstration model."""
    shutil.rmtree(SHIPPED, ignore_errors=True)
    shutil.copytree(model, SHIPPED)
    print(f"installed in {SHIPPED.relative_to(ROOT)}")


def main() -> None:
    """Run all steps that are still to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "demo-model", help="folder for what is made")
    parser.add_argument("--quick", action="store_true", help="one hour of audio: a proof in a few minutes")
    parser.add_argument("--threads", type=int, default=1, help="for training")
    parser.add_argument("--jobs", type=int, default=2, help="shards of audio made at a time")
    parser.add_argument("--install", action="store_true", help="put the model into ivr/speech/demo-zh")
    parser.add_argument("--evaluate", action="store_true", help="print the figures afterwards")
    args = parser.parse_args()
    plan = QUICK if args.quick else FULL
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    text, weights, model = work / "text.json", work / "weights.pt", work / "model"
    if not text.exists():
        must_run("make_text", text, "--sentences", plan["sentences"])
    shards = [work / f"shard_{number:02d}.npz" for number in range(1, int(plan["shards"]) + 1)]
    if not weights.exists():
        with ThreadPoolExecutor(args.jobs) as pool:
            made = [pool.submit(make_shard, text, s, plan["hours"], n) for n, s in enumerate(shards, 1)]
            for shard in made:
                shard.result()
        must_run("train", weights, *shards, "--steps", plan["steps"], "--threads", args.threads)
    must_run("export", weights, model)
    must_run("graph", text, model)
    shutil.copy(README, model / "README")
    check_size(model)
    if args.install:
        install(model)
    if args.evaluate:
        must_run("evaluate", model, "--text", text)


if __name__ == "__main__":
    main()
