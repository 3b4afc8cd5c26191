"""Places for work in this process, given to workflows in turn.

A fan-out of thousands of requests must not keep another workflow's single one waiting: each
workflow has a queue of its own, and the queues take turns. O(1) an operation.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lanes:
    """`size` places; `async with lanes.place(workflow)` waits for one."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def place(self, workflow: str) -> AsyncIterator[None]:
        """Hold a place while the block runs."""
        if self._free > 0 and not self._queues:
            self._free -= 1
        else:
            await self._queued(workflow)
        try:
            yield
        finally:
            self._free += 1
            self._admit()

    async def _queued(self, workflow: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(workflow, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += 1  # the place came and nobody takes it
                self._admit()
            raise

    def _admit(self) -> None:
        while self._queues and self._free > 0:
            workflow, queue = next(iter(self._queues.items()))
            turn = queue.popleft()
            if queue:
                self._queues.move_to_end(workflow)
            else:
                del self._queues[workflow]
            if not turn.done():
                self._free -= 1
                turn.set_result(None)
