"""Play schedules: `python -m tests.simulation [--seeds N] [--first N] [--jobs N]`.

Or one of them: `--seed N`, `--crash-everywhere SEED`.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
from dataclasses import replace

import structlog

from tests.simulation import schedule
from tests.simulation.schedule import Ending


def main() -> int:
    """Play schedules; the exit code says whether all of them held."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets must iterate alike in every process
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, environment)
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, help="play this one and tell its story")
    parser.add_argument(
        "--crash-everywhere", type=int, metavar="SEED", help="crash at each call of a schedule"
    )
    options = parser.parse_args()
    level = logging.DEBUG if options.seed is not None else logging.CRITICAL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    if options.seed is not None:
        return _report(f"seed {options.seed}", schedule.play(schedule.drawn(options.seed)))
    if options.crash_everywhere is not None:
        return _everywhere(options.crash_everywhere)
    return _many(range(options.first, options.first + options.seeds), options.jobs)


def _many(seeds: range, jobs: int) -> int:
    began, bad = time.perf_counter(), 0
    count, calls, lives = len(seeds), 0, 0
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for seed, ending in pool.imap_unordered(_played, seeds, chunksize=20):
            calls, lives = calls + ending.calls, lives + ending.lives
            if ending.broken:
                bad += 1
                _report(f"seed {seed}", ending)
    seconds = time.perf_counter() - began
    print(f"{count} schedules, {calls} calls, {lives} processes, {seconds:.1f} s; {bad} broken")
    return 1 if bad else 0


def _played(seed: int) -> tuple[int, Ending]:
    return seed, schedule.play(schedule.drawn(seed))


def _everywhere(seed: int) -> int:
    """The same workload on a quiet day, killed at every call in turn."""
    quiet = replace(schedule.drawn(seed), weather=schedule.STORMS[0], crashes=0.0)
    total, bad = schedule.play(quiet).calls, 0
    for call in range(1, total + 1):
        ending = schedule.play(replace(quiet, crash_at=call))
        if ending.broken:
            bad += 1
            _report(f"seed {seed}, crash at call {call}", ending)
    print(f"seed {seed}: crashed at each of {total} calls; {bad} broken")
    return 1 if bad else 0


def _report(what: str, ending: Ending) -> int:
    for text in ending.broken:
        print(f"{what}: {text}")
    if not ending.broken:
        print(f"{what}: all well, {ending.calls} calls, {ending.lives} processes")
    return 1 if ending.broken else 0


if __name__ == "__main__":
    sys.exit(main())
