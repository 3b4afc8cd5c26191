"""Servers that are published as npm packages: fetched once into ~/.cache/headrace-tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.events.sources.brokers import program


def package(name: str, version: str, *, seconds: float) -> Path:
    """The folder whose node_modules hold the package and what it needs; skips without it."""
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
        quiet = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--no-bin-links"]
        try:
            done = subprocess.run(
                [npm, "install", "--prefix", str(fresh), *quiet, f"{name}@{version}"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"the npm package {name} cannot be fetched within {seconds:.0f} s")
        if done.returncode != 0 or not (fresh / "node_modules" / name).is_dir():
            pytest.skip(f"the npm package {name} cannot be fetched")
        with contextlib.suppress(OSError):  # another worker may have been faster
            fresh.rename(folder)
    return folder
