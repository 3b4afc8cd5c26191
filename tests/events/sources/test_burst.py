"""Ten thousand messages at once, onto the real bus, which dies on the way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

from redis.asyncio import Redis

from events import cloudevent
from events.bus.jetstream import JetStreamBus
from headrace.local.nats import NatsServer
from tests.events.conftest import connection
from tests.events.sources.redis_server import redis_server
from tests.events.support import serving

COUNT = 10_000
LARGE = COUNT // 3  # the number of a message the bus does not take


async def fill(client: Redis) -> None:
    pipe = client.pipeline(transaction=False)
    for n in range(COUNT):
        pipe.xadd("orders", {"n": n, "x": "x" * (9 << 20 if n == LARGE else 1)})
    await pipe.execute()


async def unacknowledged(client: Redis) -> int:
    """Entries that were not handed out yet, and those that are not acknowledged."""
    [group] = await client.xinfo_groups("orders")
    return int(group["lag"]) + int(group["pending"])


async def test_a_burst_keeps_its_order_over_a_kill_of_the_bus(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    bus, notes = JetStreamBus(connection(nats_server), "argo_default"), list[str]()
    await bus.start()
    async with redis_server(folder) as broker, serving({}) as served:
        address = f"127.0.0.1:{broker.port}"
        spec = {"hostAddress": address, "streams": ["orders"], "maxMsgCountPerRead": 500}
        await served.serve(bus, "redisStream", "e", spec, notes=notes)
        async with Redis(port=broker.port) as client:
            await fill(client)
            while await unacknowledged(client) > COUNT // 2:
                await asyncio.sleep(0.01)
            os.kill(nats_server.pid, signal.SIGKILL)  # it is started again
            async with asyncio.timeout(40):
                while await unacknowledged(client):
                    await asyncio.sleep(0.05)
    events = [cloudevent.decode(delivery.message.data) async for delivery in bus.replay()]
    await bus.stop()
    found = [int(json.loads(event.data)["values"]["n"]) for event in events]
    assert found == [n for n in range(COUNT) if n != LARGE]
    assert notes[-1] == "1 refused so far, lately: larger than the bus accepts"
