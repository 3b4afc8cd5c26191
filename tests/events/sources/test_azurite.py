"""`azureQueueStorage` against Azurite, Microsoft's emulator: signatures, a restart, a new key."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from events.sources import azure_queue_storage
from events.sources.contract import SourceError
from tests.events.sources.azurite import FETCH_SECONDS, Azurite, azurite
from tests.events.sources.watched_bus import WatchedBus, eventually
from tests.events.support import serving

pytestmark = pytest.mark.timeout(FETCH_SECONDS + 60)
CONNECTION = {"name": "azure", "key": "connection"}


def spec(**more: Any) -> dict[str, Any]:
    return {"queueName": "orders", "connectionString": CONNECTION, "waitTimeInSeconds": 0, **more}


async def empty(server: Azurite) -> None:
    async with asyncio.timeout(30):
        while await server.count("orders"):
            await asyncio.sleep(0.02)


async def test_messages_become_events_and_are_deleted() -> None:
    bus = WatchedBus()
    texts = ['{"n":1}', "", 'ü <&> "\n', "x" * 60_000, *[str(n) for n in range(70)]]
    async with azurite() as server, serving({"azure": {"connection": server.connection}}) as served:
        await server.make("orders")
        await server.send("orders", *texts)
        await served.serve(bus, "azureQueueStorage", "q", spec())
        await bus.holds(len(texts))
        await empty(server)
        with pytest.raises(SourceError, match=r"queueName: Azure answered 404 QueueNotFound"):
            await served.serve(bus, "azureQueueStorage", "none", spec(queueName="none"))
    found = [base64.b64decode(data["body"]).decode() for data in bus.data()]
    assert sorted(found) == sorted(texts)
    assert all(data["insertionTime"].endswith("Z") for data in bus.data())


async def test_nothing_is_lost_or_doubled_over_a_restart_hidden_messages_and_a_new_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(azure_queue_storage, "_HIDDEN", 1)
    bus, notes = WatchedBus(), list[str]()
    bus.away = True
    async with azurite() as server, serving({"azure": {"connection": server.connection}}) as served:
        await server.make("orders")
        await server.send("orders", *[str(n) for n in range(40)])
        await served.serve(bus, "azureQueueStorage", "q", spec(), notes=notes)
        await bus.until(lambda: len(set(bus.attempts)) == 40, 30)
        async with asyncio.timeout(30):
            while not await server.peek("orders"):  # hidden no more, and read a second time
                await asyncio.sleep(0.01)
        await server.broker.stop()  # in good order: it stores its queues now and then
        await eventually(lambda: any("reconnecting" in note for note in notes))
        server.use(base64.b64encode(b"its successor").decode())
        await server.broker.start()
        cluster: Any = served.services.secrets._cluster
        cluster.secrets["azure"]["connection"] = server.connection
        await served.services.secrets.refresh()
        bus.away = False
        await bus.until(lambda: len(bus.store.log) == 40, 30)
        await empty(server)
    assert sorted(int(base64.b64decode(data["body"])) for data in bus.data()) == list(range(40))


@pytest.mark.parametrize("dlq", [False, True])
async def test_what_is_none_is_deleted_unless_it_shall_stay(dlq: bool) -> None:
    bus, notes = WatchedBus(), list[str]()
    async with azurite() as server, serving({"azure": {"connection": server.connection}}) as served:
        await server.make("orders")
        await server.send("orders", "???", base64.b64encode(b'{"n":1}').decode())
        given = spec(decodeMessage=True, jsonBody=True, dlq=dlq)
        await served.serve(bus, "azureQueueStorage", "q", given, notes=notes)
        await bus.holds(1)
        async with asyncio.timeout(30):
            while await server.count("orders") != int(dlq):
                await asyncio.sleep(0.02)
    assert [data["body"] for data in bus.data()] == [{"n": 1}]
    assert any("is no base64" in note for note in notes)
