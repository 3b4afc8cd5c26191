"""An API server on a temporary folder, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.local.apiserver.server import ApiServer, Settings


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ApiServer]:
    """Started, plain HTTP, on a free port."""
    running = ApiServer(Settings(tmp_path, token="t", insecure_http=True))
    await running.start()
    running.set_ready()
    yield running
    await running.stop()
