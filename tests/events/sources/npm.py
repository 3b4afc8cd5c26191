"""Servers that are published as npm packages: fetched once into ~/.cache/headrace-tests."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.events.sources.brokers import program


def package(name: str, version: str, *, seconds: float) -> Path:
    """The folder whose node_modules hold the package and what it needs; skips without it."""
    found = _fetched(name, version, seconds)
    if isinstance(found, str):
        pytest.skip(found)
    return found


@functools.cache  # what cannot be fetched is not asked for by every test again
def _fetched(name: str, version: str, seconds: float) -> Path | str:
    """The folder, or why there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-tests"
    folder = cache / f"{name}-{version}"
    program("node", "nodejs")
    if folder.is_dir():
        return folder
    npm = program("npm", "npm")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        fresh = Path(work) / "fresh"
        fresh.mkdir()
        quiet = [
            "--fetch-retries=1",
            "--fetch-timeout=15000",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--ignore-scripts",
            "--no-bin-links",
        ]
        try:
            done = subprocess.run(
                [npm, "install", "--prefix", str(fresh), *quiet, f"{name}@{version}"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return f"the npm package {name} cannot be fetched within {seconds:.0f} s"
        if done.returncode != 0 or not (fresh / "node_modules" / name).is_dir():
            return f"the npm package {name} cannot be fetched"
        with contextlib.suppress(OSError):  # another worker may have been faster
            fresh.rename(folder)
    return folder
