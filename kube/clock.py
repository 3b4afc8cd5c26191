"""The `Clock` seam: wall time for people and records, so that tests can own it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds since the Unix epoch, and waiting until a moment of them."""

    def now(self) -> float:
        """The current time; never goes backwards within one process."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Return once `now() >= moment`; at once when it has passed."""
        ...


class SystemClock:
    """The machine's clock, made monotonic within the process."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """The current time in seconds since the epoch."""
        return time.monotonic() + self._offset

    async def sleep_until(self, moment: float) -> None:
        """Wait for `moment`."""
        await asyncio.sleep(max(0.0, moment - self.now()))
