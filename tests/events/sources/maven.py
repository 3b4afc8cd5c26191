"""Servers that are published as jars: fetched once with Maven into ~/.cache/headrace-tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.events.sources.brokers import program

_POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>headrace</groupId><artifactId>tests</artifactId><version>1</version>
<dependencies>{dependencies}</dependencies></project>"""
_DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
)


def jars(name: str, version: str, *parts: str) -> Path:
    """The folder of `parts` (group:artifact:version) and what they need; skips without them."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-tests"
    folder = cache / f"{name}-{version}"
    if folder.is_dir():
        return folder
    maven = program("mvn", "maven")
    cache.mkdir(parents=True, exist_ok=True)
    wanted = "".join(_DEPENDENCY.format(*part.split(":")) for part in parts)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        pom, fresh = Path(work) / "pom.xml", Path(work) / "jars"
        pom.write_text(_POM.format(dependencies=wanted))
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
        done = subprocess.run(
            [maven, "-q", "-B", "-f", str(pom), *goal],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=50,
        )
        if done.returncode != 0 or not fresh.is_dir():
            pytest.skip(f"the jars of {name} cannot be fetched")
        with contextlib.suppress(OSError):  # another worker may have been faster
            fresh.rename(folder)
    return folder
