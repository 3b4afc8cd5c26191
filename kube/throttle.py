"""The write throttle: how much this process asks of an API server, and who is next.

AIMD, as TCP does it: the number of writes under way grows by one for each round of quick
answers and is cut to a half by a 429, a 503, or one answer much slower than the server's usual
ones. Before it comes to that the growth stops, as in TCP Vegas: the part of an answer's time that
is more than an answer of this server has to take is time in its queue, and of our writes only a
few may stand there, so that others hardly notice us. Writers wait in a queue of their own key (a
workflow), and the keys take turns, so a fan-out of thousands delays its neighbours by one write,
not by thousands. O(1) an operation.
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

BLOCK = 20  # answers whose average is one observation: single ones are quick by chance

WINDOW = Gauge("headrace_write_window", "Writes to the API that may be under way")


@dataclass(frozen=True, slots=True)
class Limits:
    """Writes under way: `start`, never below `least` nor above `most`. Latencies in seconds.

    An answer is slow when it takes `slow_factor` times the usual one, and at least `slow_floor`.
    More than `queued` of our writes in the server's queue make the window smaller again, but not
    below `polite`. What an answer has to take is learnt anew every `memory` seconds.
    """

    start: float = 16.0
    least: float = 1.0
    most: float = 128.0
    slow_factor: float = 4.0
    slow_floor: float = 0.25
    pause: float = 0.5  # after a cut, cut no further for so long
    queued: float = 3.0
    polite: float = 8.0
    memory: float = 30.0


class Throttle:
    """Shared by all writers of a process: `async with throttle.slot(key): write()`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._window = self._limits.start
        self._active = 0
        self._usual = 0.0
        self._quickest = Quickest(self._limits.memory)
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
        limits, now = self._limits, asyncio.get_running_loop().time()
        slow = self._usual > 0 and seconds > max(
            limits.slow_floor, self._usual * limits.slow_factor
        )
        if not slowed:
            weight = 0.1 if self._usual else 1.0
            self._usual += weight * (min(seconds, 4 * max(self._usual, 0.01)) - self._usual)
            if self._quickest.observe(seconds, now) and self._window > limits.polite:
                # What we take for quick may hold our own queue: let that run dry, and look again.
                self._window = max(limits.polite, self._window / 2)
        if slowed or slow:
            if now - self._cut_at > limits.pause:
                self._cut_at = now
                self._window = max(limits.least, self._window / 2)
        else:
            self._grow_or_shrink()
        WINDOW.set(self._window)

    def _grow_or_shrink(self) -> None:
        limits = self._limits
        quickest = self._quickest.seconds
        queued = self._window * (1 - quickest / self._usual) if quickest and self._usual else 0.0
        if queued > 2 * limits.queued and self._window > limits.polite:
            self._window = max(limits.polite, self._window - 1 / self._window)
        elif queued < limits.queued or self._window < limits.polite:
            self._window = min(limits.most, self._window + 1 / self._window)


class Quickest:
    """The least average latency of `BLOCK` answers, in the last one to two spans of `memory`."""

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._until = 0.0
        self._sum, self._count = 0.0, 0
        self._before = float("inf")
        self._now = float("inf")

    @property
    def seconds(self) -> float:
        """The latency; 0 when nothing is known."""
        least = min(self._before, self._now)
        return 0.0 if least == float("inf") else least

    def observe(self, seconds: float, now: float) -> bool:
        """Take one in; True when a new span begins."""
        turned = now >= self._until
        if turned:
            self._before, self._now = self._now, float("inf")
            self._until = now + self._memory
        self._sum += seconds
        self._count += 1
        if self._count == BLOCK:
            self._now = min(self._now, self._sum / BLOCK)
            self._sum, self._count = 0.0, 0
        return turned and self._before != float("inf")
