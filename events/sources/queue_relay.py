"""From a broker's messages to the bus, many at a time and no more than that.

A message stays the relay's until the bus said durable, however long the bus is away: then, and
only then, its source is told and may acknowledge it. A full window makes `submit` wait, which is
how the bus slows the broker down. Messages are published in the order they were submitted, over
an outage of the bus too. Used by `queue_link`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from enum import StrEnum

import structlog

from events.bus.contract import BusError, MessageTooLarge
from events.sources.contract import ReadySignal, SourceContext
from events.sources.relay_order import Turns
from kube import crashpoints

WINDOW = 256
_log = structlog.get_logger("events.sources.queue")


class Outcome(StrEnum):
    """What became of a message."""

    STORED = "stored"  # durable on the bus, or left out by the event filter
    KNOWN = "known"  # the bus had this id already
    REFUSED = "refused"  # the bus will never take it: it is too large


Settled = Callable[[Outcome], Awaitable[None]]
"""Told once per message, when it may be acknowledged."""


class Relay:
    """See the module. One per event; outlives the connections to the broker."""

    def __init__(self, context: SourceContext, ready: ReadySignal, window: int = WINDOW) -> None:
        self._context = context
        self._ready = ready
        self._room = asyncio.Semaphore(window)
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()
        self._turns = Turns()
        self.refused = 0
        self._why = ""

    async def submit(
        self, data: bytes, identity: str, settled: Settled | None = None, *, fresh: str = ""
    ) -> None:
        """Take a message; waits while the window is full.

        `fresh` is the id to use when `identity` turns out to be another message's, for brokers
        that say which message is a repetition but number others alike.
        """
        await self._room.acquire()
        task = asyncio.create_task(self._deliver(data, (identity, fresh), settled))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def refuse(self, why: str) -> None:
        """A message can never become an event: log it and say so in the condition.

        Both at the first, tenth, hundredth…: a flood must not become one of log lines.
        """
        self.refused += 1
        if str(self.refused).rstrip("0") == "1":
            _log.warning("message_refused", owner=self._context.owner, why=why, total=self.refused)
            self._why = why
            self._ready(self.note())

    def note(self) -> str:
        """For the condition: what was refused."""
        return f"{self.refused} refused so far, lately: {self._why}" if self.refused else ""

    async def drain(self, seconds: float) -> None:
        """Wait until nothing is in flight, at most so long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def close(self) -> None:
        """Let go of what is in flight; it was not acknowledged."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("message_not_settled", owner=self._context.owner, exc_info=error)

    async def _deliver(self, data: bytes, names: tuple[str, str], settled: Settled | None) -> None:
        crashpoints.reached("source.received")
        outcome = await self._store(data, *names)
        crashpoints.reached("source.published")
        if settled is not None:
            await settled(outcome)

    async def _store(self, data: bytes, identity: str, fresh: str) -> Outcome:
        number = next(self._numbers)
        is_ours = not fresh  # a known id may be our own once it may have been stored unheard
        while True:
            taken = None
            try:
                await self._turns.begin(number)
                receipt = await self._context.publish(data, identity)
                taken = None if receipt is None else True
            except MessageTooLarge:
                self.refuse("larger than the bus accepts")
                return Outcome.REFUSED
            except (BusError, asyncio.CancelledError) as error:
                if not isinstance(error, BusError) and not self._turns.was_called_back(number):
                    raise
                taken, is_ours = False, True
                continue
            finally:
                self._turns.end(number, taken)
            if receipt is None or not receipt.duplicate:
                return Outcome.STORED
            if is_ours:
                return Outcome.KNOWN
            identity, is_ours = fresh, True
