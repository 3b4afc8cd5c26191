"""Fixtures of the acceptance tests."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
