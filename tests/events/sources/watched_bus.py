"""A bus for the tests of sources: what arrived, every attempt, and a switch for its faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from events import cloudevent
from events.bus.contract import BusUnavailable, Message, Receipt
from events.bus.memory import MemoryBus, MemoryStore
from events.cloudevent import CloudEvent


class WatchedBus(MemoryBus):
    """`silent`: it stores and never answers, as when the process dies before it hears.
    `away`: it gives no answer; when it is back, whoever asked meanwhile asked in vain.
    `refuses`: it is not there, and says so at once."""

    def __init__(self, store: MemoryStore | None = None, *, silent: bool = False) -> None:
        super().__init__(store)
        self.attempts: list[str] = []
        self.silent = silent
        self.refuses = False
        self._in_vain = 0
        self._back = asyncio.Event()
        self._back.set()
        self._moved = asyncio.Event()

    @property
    def away(self) -> bool:
        return not self._back.is_set()

    @away.setter
    def away(self, is_away: bool) -> None:
        if is_away:
            self._back.clear()
        else:
            self._back.set()

    async def publish(self, message: Message) -> Receipt:
        self.attempts.append(message.id)
        self._moved.set()
        if self.refuses:
            raise BusUnavailable("away")
        if self.away or self._in_vain:
            self._in_vain += 1
            try:
                await self._back.wait()
            finally:
                self._in_vain -= 1
            raise BusUnavailable("away")
        receipt = await super().publish(message)
        self._moved.set()
        if self.silent:
            await asyncio.Event().wait()
        return receipt

    def events(self) -> list[CloudEvent]:
        """What is stored, in order."""
        return [cloudevent.decode(stored.message.data) for stored in self.store.log]

    def data(self) -> list[Any]:
        """The payloads stored, in order."""
        return [json.loads(event.data) for event in self.events()]

    async def until(self, met: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait for `met`, looked at after each publish."""
        async with asyncio.timeout(seconds):
            while not met():
                self._moved.clear()
                if met():
                    return
                await self._moved.wait()

    async def holds(self, count: int) -> list[Any]:
        """Wait until so many events are stored; their payloads."""
        await self.until(lambda: len(self.store.log) >= count)
        return self.data()


async def eventually(met: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for something no event tells of."""
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.01)
