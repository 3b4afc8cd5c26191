"""The write throttle: how much this process asks of an API server, and who is next.

AIMD, as TCP does it: the number of writes under way grows by one for each round of quick
answers and is cut to a half by a 429, a 503, or answers much slower than the server's usual
ones. Writers wait in a queue of their own key (a workflow), and the keys take turns, so a
fan-out of thousands delays its neighbours by one write, not by thousands. O(1) an operation.
Background writers (Events) come when nobody else waits, and now and then so that they come at all.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import Gauge

from kube.errors import TooManyRequests, Transient

BACKGROUND_SHARE = 50
"""While others wait, one write in so many is a background one."""

WINDOW = Gauge("headrace_write_window", "Writes to the API that may be under way")


@dataclass(frozen=True, slots=True)
class Limits:
    """Writes under way: `start`, never below `least` nor above `most`. Latencies in seconds.

    An answer is slow when it takes `slow_factor` times the usual one, and at least `slow_floor`.
    """

    start: float = 16.0
    least: float = 1.0
    most: float = 128.0
    slow_factor: float = 4.0
    slow_floor: float = 0.25
    pause: float = 0.5  # after a cut, cut no further for so long


class Throttle:
    """Shared by all writers of a process: `async with throttle.slot(key): write()`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._window = self._limits.start
        self._active = 0
        self._usual = 0.0
        self._cut_at = float("-inf")
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._behind: deque[asyncio.Future[None]] = deque()
        self._passed = 0  # turns given to others since the last background one
        WINDOW.set(self._window)

    @property
    def window(self) -> float:
        """How many writes may be under way now."""
        return self._window

    @asynccontextmanager
    async def slot(self, key: str) -> AsyncIterator[None]:
        """Wait for a turn, then watch how the write goes."""
        await self._enter(key)
        async with self._watched():
            yield

    @asynccontextmanager
    async def background(self) -> AsyncIterator[None]:
        """Like `slot`, for writes that may wait until nobody else does."""
        if self._active < int(self._window) and not self._queues and not self._behind:
            self._active += 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._behind.append(turn)
            await self._turn(turn)
        async with self._watched():
            yield

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        clock = asyncio.get_running_loop().time
        began = clock()
        slowed = False
        try:
            yield
        except (TooManyRequests, Transient):
            slowed = True
            raise
        finally:
            self._active -= 1
            self.observe(clock() - began, slowed=slowed)
            self._admit()

    async def _enter(self, key: str) -> None:
        if self._active < int(self._window) and not self._queues:
            self._active += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(turn)
        await self._turn(turn)

    async def _turn(self, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._active -= 1  # the turn came and nobody takes it
                self._admit()
            raise

    def _admit(self) -> None:
        """Give free places to the keys in turn."""
        while (self._queues or self._behind) and self._active < int(self._window):
            due = self._passed >= BACKGROUND_SHARE or not self._queues
            if self._behind and due:
                self._passed = 0
                self._give(self._behind.popleft())
                continue
            key, queue = next(iter(self._queues.items()))
            turn = queue.popleft()
            if queue:
                self._queues.move_to_end(key)
            else:
                del self._queues[key]
            self._passed += 1
            self._give(turn)

    def _give(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            self._active += 1
            turn.set_result(None)

    def observe(self, seconds: float, *, slowed: bool) -> None:
        """Learn from one answer."""
        limits = self._limits
        slow = self._usual > 0 and seconds > max(
            limits.slow_floor, self._usual * limits.slow_factor
        )
        if slowed or slow:
            now = asyncio.get_running_loop().time()
            if now - self._cut_at > limits.pause:
                self._cut_at = now
                self._window = max(limits.least, self._window / 2)
        else:
            self._window = min(limits.most, self._window + 1 / self._window)
        if not slowed:
            weight = 0.05 if self._usual else 1.0
            self._usual += weight * (min(seconds, 4 * max(self._usual, 0.01)) - self._usual)
        WINDOW.set(self._window)
