"""How many pods of one workflow may be waiting to run.

A pod that cannot run yet (quota, no room) is load on the API server and the scheduler and gets
nobody further. Each workflow may have `size` pods that were created and have not started; the
rest of its leaves wait here, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Window:
    """Counts created pods until they leave Pending. O(1) for each change."""

    def __init__(self, size: int = 200) -> None:
        self._size = size
        self._inside: dict[str, str] = {}  # pod -> workflow
        self._counts: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def enter(self, workflow: str, pod: str) -> None:
        """Wait for a place; the pod keeps it until `leave`."""
        if pod in self._inside:
            return
        while self._counts.get(workflow, 0) >= self._size:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            queue = self._waiting.setdefault(workflow, deque())
            queue.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next(workflow)  # the place that was ours goes to the next one
                else:
                    queue.remove(turn)
                raise
        self._inside[pod] = workflow
        self._counts[workflow] = self._counts.get(workflow, 0) + 1

    def leave(self, pod: str) -> None:
        """The pod has started, ended or was never made. Twice is fine."""
        workflow = self._inside.pop(pod, None)
        if workflow is None:
            return
        left = self._counts[workflow] - 1
        if left:
            self._counts[workflow] = left
        else:
            del self._counts[workflow]
        self._next(workflow)

    def _next(self, workflow: str) -> None:
        queue = self._waiting.get(workflow)
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._waiting.pop(workflow, None)
