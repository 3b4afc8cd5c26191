"""Fixtures of the engine's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine import rig as rigs
from tests.engine.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigs.rig(tmp_path / "rig") as made:
        yield made


# Otherwise the first look for a loop makes one that nobody closes, and a later test is blamed.
asyncio.set_event_loop(None)
