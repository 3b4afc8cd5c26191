"""One wake-up per key, kept in one heap and served by one task.

Called by the actors (`SetTimer`) and by the collector (delayed deletions). Setting a key again
replaces its moment; the callback runs in the event loop and must only enqueue work.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Hashable

from kube.clock import Clock
from kube.service import Service


class Timers(Service):
    """A heap of (moment, key) with lazily dropped leftovers: O(log n) a change."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("timers")
        self._clock = clock
        self._heap: list[tuple[float, int, Hashable]] = []
        self._due: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._changed = asyncio.Event()
        self._count = 0

    def set(self, key: Hashable, moment: float, callback: Callable[[], None]) -> None:
        """Call `callback` once at `moment` (seconds since the epoch), instead of any before."""
        self._due[key] = (moment, callback)
        self._count += 1
        heapq.heappush(self._heap, (moment, self._count, key))
        if self._heap[0][1] == self._count:
            self._changed.set()

    def cancel(self, key: Hashable) -> None:
        """Forget the key's wake-up, if there is one."""
        self._due.pop(key, None)

    async def run(self) -> None:
        """Serve until cancelled."""
        self.mark_started()
        while True:
            self._changed.clear()
            wait = self._fire()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _fire(self) -> float | None:
        """Run what is due; seconds until the next one, None when there is none."""
        while self._heap:
            moment, _, key = self._heap[0]
            current = self._due.get(key)
            if current is None or current[0] != moment:
                heapq.heappop(self._heap)
                continue
            now = self._clock.now()
            if moment > now:
                return moment - now
            heapq.heappop(self._heap)
            del self._due[key]
            current[1]()
        return None
