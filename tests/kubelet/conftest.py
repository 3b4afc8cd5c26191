"""Fixtures of the kubelet's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kubelet import cluster
from tests.kubelet.cluster import Machine


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with cluster.machine(tmp_path / "machine") as made:
        yield made
