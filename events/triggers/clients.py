"""Connections that firings share: one per target and login, closed when nobody used it for a while.

Only what is expensive to open goes through here (a Kafka producer). A client that failed is not
given out again. While the service does not run (a dry run), every lease opens and closes its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from kube.service import Service

_IDLE = 60.0
_LOOK = 5.0
_CLOSE = 10.0


class Client(Protocol):
    """What is shared."""

    async def close(self) -> None:
        """End it."""
        ...


Open = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class _Entry:
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    client: Client | None = None
    users: int = 0
    broken: bool = False
    failure: Exception | None = None
    used: float = 0.0


class ClientPool(Service):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("events.triggers.clients")
        self._entries: dict[str, _Entry] = {}
        self._serving = False

    async def run(self) -> None:
        """Close what is idle until stopped, then everything."""
        self._serving = True
        self.mark_started()
        try:
            while True:
                await asyncio.sleep(_LOOK)
                await self._close_idle()
        finally:
            self._serving = False
            entries, self._entries = list(self._entries.values()), {}
            for entry in entries:
                await _close(entry)

    @asynccontextmanager
    async def lease(self, key: str, opener: Open) -> AsyncIterator[Any]:
        """The client of `key`, opened when there is none. An exception in the body retires it."""
        entry = self._entries.setdefault(key, _Entry()) if self._serving else _Entry()
        entry.users += 1
        try:
            await _open(entry, opener)
            yield entry.client
        except BaseException:
            entry.broken = True
            raise
        finally:
            entry.users -= 1
            entry.used = asyncio.get_running_loop().time()
            shared = self._entries.get(key) is entry
            if entry.broken and shared:
                del self._entries[key]
            if entry.users == 0 and (entry.broken or not shared):
                await asyncio.shield(_close(entry))

    async def _close_idle(self) -> None:
        now = asyncio.get_running_loop().time()
        for key, entry in list(self._entries.items()):
            if entry.users == 0 and now - entry.used > _IDLE:
                del self._entries[key]
                await _close(entry)


async def _open(entry: _Entry, opener: Open) -> None:
    """Open the client unless it is. Those who waited meanwhile share what came of it: each for
    itself would wait for the same dead server, one after the other."""
    async with entry.opening:
        if entry.failure is not None:
            raise entry.failure
        if entry.client is None:
            try:
                entry.client = await opener()
            except Exception as error:
                entry.failure = error
                raise


async def _close(entry: _Entry) -> None:
    client, entry.client = entry.client, None
    if client is not None:
        # It is over either way, and its firing has had its answer.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CLOSE):
                await client.close()


def key_of(*settings: Any) -> str:
    """A name for what `settings` (JSON-like, secrets among them) lead to; tells nothing of them."""
    return hashlib.sha256(msgspec.json.encode(settings, order="sorted")).hexdigest()
