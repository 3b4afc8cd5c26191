"""The bus contract, kept by the bus in memory and by JetStream on a real nats-server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from events.bus import jetstream, memory
from events.bus.contract import Bus
from headrace.local.nats import NatsServer
from tests.conformance.bus import BusConformance
from tests.events.conftest import connection


class TestMemory(BusConformance):
    @pytest.fixture
    def store(self) -> memory.MemoryStore:
        return memory.MemoryStore()

    @pytest.fixture
    def bus(self, store: memory.MemoryStore) -> Bus:
        return memory.MemoryBus(store)

    @pytest.fixture
    def reopen(self, store: memory.MemoryStore) -> Callable[[], Awaitable[Bus]]:
        async def again() -> Bus:
            return memory.MemoryBus(store)

        return again


class TestJetStream(BusConformance):
    @pytest.fixture
    async def opened(self) -> AsyncIterator[list[jetstream.JetStreamBus]]:
        buses: list[jetstream.JetStreamBus] = []
        yield buses
        for bus in buses:
            await bus.stop()

    @pytest.fixture
    def reopen(
        self, nats_server: NatsServer, opened: list[jetstream.JetStreamBus]
    ) -> Callable[[], Awaitable[Bus]]:
        async def again() -> Bus:
            bus = jetstream.JetStreamBus(connection(nats_server), self.prefix)
            opened.append(bus)
            await bus.start()
            return bus

        return again

    @pytest.fixture
    async def bus(self, reopen: Callable[[], Awaitable[Bus]]) -> Bus:
        return await reopen()
