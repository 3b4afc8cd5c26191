"""An event loop whose time is its own: it jumps to the next timer when nothing is ready."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _NoWaiting(selectors.DefaultSelector):  # type: ignore[misc,valid-type] # chosen at run time
    """Looks at sockets without waiting; waiting is the loop's virtual time."""

    jump: Any = None

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if not found and timeout:
            self.jump(timeout)
        elif not found and timeout is None:
            raise DeadlockError("nothing is ready and no timer is set")
        return list(found)


class DeadlockError(RuntimeError):
    """The simulated world stands still for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Virtual seconds since the start."""

    def __init__(self) -> None:
        selector = _NoWaiting()
        super().__init__(selector)
        self._now = 0.0
        selector.jump = self._jump

    def _jump(self, seconds: float) -> None:
        self._now += seconds

    def time(self) -> float:
        return self._now


class LoopClock:
    """The `Clock` seam on the loop's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: float) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> float:
        return self._start + self._loop.time()

    async def sleep_until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - self.now()))
