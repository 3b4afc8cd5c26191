"""The work queue of controllers: one key at a time, many keys at once.

A key that is added while it waits is in the queue once; added while it is worked on, it comes
again afterwards. What becomes of a key is decided in one place, the `match` of `_settle`.
The vocabulary is controller-runtime's: done, again later, again with back-off, give up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import assert_never

from prometheus_client import Counter, Gauge, Histogram

from kube.clock import Clock, SystemClock
from kube.service import Service

DEPTH = Gauge("headrace_queue_depth", "Keys that wait for a worker", ["queue"])
SECONDS = Histogram("headrace_queue_work_seconds", "Time of one turn", ["queue"])
RETRIES = Counter("headrace_queue_retries_total", "Turns that are tried again", ["queue"])


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more to do until the key is added again."""


@dataclass(frozen=True, slots=True)
class RequeueAfter:
    """Again after so many seconds; the back-off starts anew."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Retry:
    """It failed in a way that may pass: again, each time later."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Terminal:
    """It failed for good: not again until the key is added."""

    error: BaseException


Result = Done | RequeueAfter | Retry | Terminal
Work = Callable[[str], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the n-th retry of a key: `first * factor**n`, capped, with 20 % jitter."""

    first: float = 0.1
    factor: float = 2.0
    most: float = 60.0

    def after(self, failures: int) -> float:
        """The wait after so many failures in a row (1 is the first)."""
        wait = self.first * self.factor ** min(failures - 1, 32)
        return min(self.most, wait) * random.uniform(0.8, 1.2)


class WorkQueue(Service):
    """Calls `work(key)` for every key that was added. Safe to use from one event loop."""

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        workers: int = 8,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(name)
        self._work = work
        self._workers = workers
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()  # in the queue
        self._active: set[str] = set()  # with a worker
        self._again: set[str] = set()  # added while active
        self._failures: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._depth = DEPTH.labels(name)
        self._seconds = SECONDS.labels(name)
        self._retries = RETRIES.labels(name)

    def add(self, key: str) -> None:
        """Ask for a turn as soon as a worker is free."""
        self._forget_timer(key)
        if key in self._active:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)
            self._depth.set(len(self._waiting))

    def add_after(self, key: str, seconds: float) -> None:
        """Ask for a turn later; an earlier `add` makes this one moot."""
        self._forget_timer(key)
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(max(0.0, seconds), self._due, key)

    def _due(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _forget_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def run(self) -> None:
        """Serve until cancelled."""
        for number in range(self._workers):
            self.spawn(self._worker(), f"worker-{number}")
        self.mark_started()
        try:
            await asyncio.Event().wait()
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()

    async def _worker(self) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._active.add(key)
            self._depth.set(len(self._waiting))
            with self._seconds.time():
                try:
                    result = await self._work(key)
                except Exception as error:
                    self.log.exception("turn failed", key=key)
                    result = Retry(error)
            self._active.discard(key)
            self._settle(key, result)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    def _settle(self, key: str, result: Result) -> None:
        match result:
            case Done():
                self._failures.pop(key, None)
            case RequeueAfter(seconds):
                self._failures.pop(key, None)
                self.add_after(key, seconds)
            case Retry(error):
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                self._retries.inc()
                self.log.warning("again later", key=key, failures=failures, error=str(error))
                self.add_after(key, self._backoff.after(failures))
            case Terminal(error):
                self._failures.pop(key, None)
                self.log.error("given up", key=key, error=str(error))
            case _:
                assert_never(result)
