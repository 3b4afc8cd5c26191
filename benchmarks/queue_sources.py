"""Messages a second from a queue to the bus, both durable before the acknowledgement.

Run: `.venv/bin/python -m benchmarks.queue_sources [messages]`. Starts its own nats-server for the
bus (synced to disk) and, where they are installed, the brokers; prints one line per source.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nats

from events.bus import jetstream
from headrace.local.nats import NatsServer, NatsSettings
from tests.events.conftest import connection
from tests.events.sources.brokers import Broker, program
from tests.events.support import serving
from tests.ports import free_port

BODY = b'{"n":1,"pad":"' + b"x" * 1000 + b'"}'


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = NatsServer(NatsSettings(folder / "bus"))
        await server.start()
        try:
            await _nats(server, folder, count)
            await _redis_stream(server, folder, count)
        finally:
            await server.stop()


async def _measure(
    server: NatsServer,
    kind: str,
    spec: dict[str, Any],
    fill: Callable[[], Awaitable[None]],
    count: int,
) -> None:
    stream = f"bench_{kind}"
    bus = jetstream.JetStreamBus(connection(server), stream, jetstream.StreamLimits(max_messages=0))
    await bus.start()
    watcher = await bus.subscribe("count")
    await watcher.close()
    client = await nats.connect(server.url, user=server.user, password=server.password)
    try:
        async with serving({}) as served:
            await served.serve(bus, kind, "e", spec, prefix=stream)
            began = time.perf_counter()
            await fill()
            stored = 0
            while stored < count:
                await asyncio.sleep(0.02)
                stored = (await client.jetstream().stream_info(stream)).state.messages
            took = time.perf_counter() - began
            print(f"{kind}: {count} messages of 1 KiB in {took:.2f} s, {count / took:,.0f}/s")
    finally:
        await client.close()
        await bus.stop()


async def _nats(server: NatsServer, folder: Path, count: int) -> None:
    async def fill() -> None:
        client = await nats.connect(server.url, user=server.user, password=server.password)
        for number in range(count):
            await client.publish("orders.new", BODY)
            if number % 500 == 499:
                await client.flush()
        await client.flush()
        await client.close()

    url = f"nats://{server.user}:{server.password}@{server.url.removeprefix('nats://')}"
    await _measure(server, "nats", {"url": url, "subject": "orders.>"}, fill, count)


async def _redis_stream(server: NatsServer, folder: Path, count: int) -> None:
    from redis.asyncio import Redis

    port = free_port()
    argv = [program("redis-server", "redis-server"), "--port", str(port), "--save", ""]
    broker = Broker(argv, port, folder)
    await broker.start()

    async def fill() -> None:
        async with Redis(port=port) as client:
            for _ in range(count // 500):
                async with client.pipeline(transaction=False) as many:
                    for _ in range(500):
                        many.xadd("orders", {"body": BODY})
                    await many.execute()

    spec = {
        "hostAddress": f"127.0.0.1:{port}",
        "streams": ["orders"],
        "maxMsgCountPerRead": 200,
    }
    try:
        await _measure(server, "redisStream", spec, fill, count)
    finally:
        await broker.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
