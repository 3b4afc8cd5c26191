"""Connections that firings share: opened once, given up when they fail, closed in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from events.triggers.clients import ClientPool, key_of
from events.triggers.contract import TriggerFailed


@dataclass(slots=True)
class Server:
    """Opens clients of itself, as many as it is asked for."""

    opened: int = 0
    closed: int = 0
    failing: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> Server:
        self.opened += 1
        await self.gate.wait()
        if self.failing:
            raise TriggerFailed("no server")
        return self

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
async def pool() -> AsyncIterator[ClientPool]:
    found = ClientPool()
    await found.start()
    yield found
    await found.stop()


async def use(pool: ClientPool, server: Server) -> None:
    async with pool.lease("one", server.open):
        pass


async def test_firings_that_come_together_open_one_client(pool: ClientPool) -> None:
    server = Server()
    tasks = [asyncio.create_task(use(pool, server)) for _ in range(5)]
    server.gate.set()
    await asyncio.gather(*tasks)
    await use(pool, server)
    assert (server.opened, server.closed) == (1, 0)
    await pool.stop()
    assert server.closed == 1


async def test_those_who_waited_for_a_dead_server_do_not_wait_again(pool: ClientPool) -> None:
    server = Server(failing=True)
    tasks = [asyncio.create_task(use(pool, server)) for _ in range(5)]
    await asyncio.sleep(0)  # all of them have begun
    server.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(each) for each in found] == ["no server"] * 5
    assert server.opened == 1
    server.failing = False
    await use(pool, server)
    assert server.opened == 2


async def test_one_who_gives_up_leaves_the_opening_to_the_next(pool: ClientPool) -> None:
    server = Server()
    first, second = [asyncio.create_task(use(pool, server)) for _ in range(2)]
    async with asyncio.timeout(20):
        while not server.opened:
            await asyncio.sleep(0)
        first.cancel()
        server.gate.set()
        await second
    assert first.cancelled()
    assert server.opened == 2


async def test_a_client_that_failed_is_not_given_out_again(pool: ClientPool) -> None:
    server = Server()
    server.gate.set()
    with pytest.raises(TriggerFailed):
        async with pool.lease("one", server.open):
            raise TriggerFailed("lost")
    assert (server.opened, server.closed) == (1, 1)
    await use(pool, server)
    assert server.opened == 2


async def test_a_name_tells_nothing_of_what_it_is_made_of() -> None:
    assert key_of("host", {"password": "hush"}) == key_of("host", {"password": "hush"})
    assert key_of("host", {"password": "hush"}) != key_of("host", {"password": "other"})
    assert "hush" not in key_of("hush")
