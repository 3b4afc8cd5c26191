"""Some hundreds of schedules. `python -m tests.simulation --seeds 10000` plays more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def simulation(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: hashes, and so the order of sets, must be the same every time."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("first", [0, 150, 300])
def test_no_schedule_breaks_an_invariant(first: int) -> None:
    done = simulation("--first", str(first), "--seeds", "150")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "150 schedules" in done.stdout


@pytest.mark.parametrize("seed", [3, 12])
def test_a_crash_at_any_call_changes_nothing(seed: int) -> None:
    done = simulation("--crash-everywhere", str(seed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_a_seed_gives_the_same_schedule_again() -> None:
    first, second = (simulation("--first", "42", "--seeds", "3").stdout for _ in range(2))
    assert first.split(",")[:3] == second.split(",")[:3] != []
