"""How wrong the expected wait is: ours beside Asterisk's own. `python -m benchmarks.waiting [queue_log …]`.

Without files it plays days of five kinds of queues, each with several seeds. Every caller who could not be answered at
once, and was answered later, counts: seconds they waited against what they would have been told as they joined.
Asterisk's announce-holdtime says its queue's (3·old + new)/4 to everybody, whatever their place. Exit code 1 when ours
is worse in any history.
"""

import argparse
import statistics
import sys
from pathlib import Path

from benchmarks.waiting.histories import DAYS, queue_log
from benchmarks.waiting.replay import Replay, Told

SEEDS = range(5)


def errors(told: list[Told]) -> tuple[float, float]:
    """Mean absolute error in seconds: ours, Asterisk's."""
    ours = statistics.fmean(abs(one.ours - one.waited) for one in told)
    return ours, statistics.fmean(abs(one.asterisk - one.waited) for one in told)


def histories(files: list[Path], wrap_up: int) -> dict[str, list[Told]]:
    """What was told in each history."""
    if files:
        return {file.name: Replay(wrap_up).read(file.read_text().splitlines()) for file in files}
    return {day.name: [one for seed in SEEDS for one in Replay(day.wrap_up).read(queue_log(day, seed))] for day in DAYS}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path, help="queue_log files of one queue each")
    parser.add_argument("--wrap-up", type=int, default=0, help="seconds of wrap-up in the files' queue")
    chosen = parser.parse_args()
    worse = False
    print(f"{'history':42} {'waiters':>7} {'waited':>8} {'ours':>8} {'Asterisk':>9}   mean absolute error, seconds")
    for name, told in histories(chosen.files, chosen.wrap_up).items():
        if not told:
            print(f"{name:42} {0:7}")
            continue
        ours, asterisk = errors(told)
        waited = statistics.fmean(one.waited for one in told)
        print(f"{name:42} {len(told):7} {waited:8.0f} {ours:8.0f} {asterisk:9.0f}   {ours / asterisk:.0%}")
        worse |= ours > asterisk
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
