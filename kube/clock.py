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


_SLEPT = 1.0
_PIECE = 30.0


class SystemClock:
    """The machine's clock, made monotonic within the process.

    A machine that slept moves it forward: the monotonic clock below it stood still meanwhile.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """The current time in seconds since the epoch."""
        moment = time.monotonic() + self._offset
        ahead = time.time() - moment
        if ahead > _SLEPT:
            self._offset += ahead
            moment += ahead
        return moment

    async def sleep_until(self, moment: float) -> None:
        """Wait for `moment`; looks up now and then, in case the machine slept."""
        while (rest := moment - self.now()) > 0.0:  # noqa: ASYNC110 - a moment is no event
            await asyncio.sleep(min(rest, _PIECE))
