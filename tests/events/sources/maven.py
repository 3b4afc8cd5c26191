"""Servers that are published as jars: fetched once with Maven into ~/.cache/headrace-tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.events.sources.brokers import program

_POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>headrace</groupId><artifactId>tests</artifactId><version>1</version>
<dependencies>{dependencies}</dependencies></project>"""
_DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>"
    "<exclusions>{}</exclusions></dependency>"
)
_EXCLUSION = "<exclusion><groupId>{}</groupId><artifactId>{}</artifactId></exclusion>"


def jars(
    name: str, version: str, *parts: str, without: Sequence[str] = (), seconds: float = 50.0
) -> Path:
    """The folder of `parts` (group:artifact:version) and what they need, except `without`
    (group:artifact); skips without them."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace-tests"
    folder = cache / f"{name}-{version}"
    if folder.is_dir():
        return folder
    maven = program("mvn", "maven")
    cache.mkdir(parents=True, exist_ok=True)
    out = "".join(_EXCLUSION.format(*part.split(":")) for part in without)
    wanted = "".join(_DEPENDENCY.format(*part.split(":"), out) for part in parts)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        pom, fresh = Path(work) / "pom.xml", Path(work) / "jars"
        pom.write_text(_POM.format(dependencies=wanted))
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
        try:
            done = subprocess.run(
                [maven, "-q", "-B", "-f", str(pom), *goal],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"the jars of {name} cannot be fetched within {seconds:.0f} s")
        if done.returncode != 0 or not fresh.is_dir():
            pytest.skip(f"the jars of {name} cannot be fetched")
        with contextlib.suppress(OSError):  # another worker may have been faster
            fresh.rename(folder)
    return folder
