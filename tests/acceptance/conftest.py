"""Fixtures of the acceptance tests."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import ports
from tests.acceptance.cli import Cli
from tests.acceptance.local_cluster import LocalCluster


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    """A cluster on a temporary folder; not started."""
    cluster = LocalCluster(tmp_path)
    yield cluster
    await cluster.close()


@pytest.fixture
def port() -> int:
    """A free TCP port."""
    return ports.free_port()


@pytest.fixture(scope="session")
def running() -> Iterator[LocalCluster]:
    """A `headrace up` that all tests of this worker share."""
    with tempfile.TemporaryDirectory(prefix="headrace-shared-") as folder:
        cluster = LocalCluster(Path(folder))
        asyncio.run(cluster.start())
        try:
            yield cluster
        finally:
            asyncio.run(cluster.close())


_NUMBERS = itertools.count()


@pytest.fixture
def cli(running: LocalCluster) -> Cli:
    name = f"cli-{os.getpid()}-{next(_NUMBERS)}"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    done = running.cli("apply", "-f", "-", input=json.dumps(namespace))
    assert done.returncode == 0, done.stderr
    return Cli(running, name)
