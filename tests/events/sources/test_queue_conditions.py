"""Queue sources as EventSource objects: conditions while a broker comes and goes, and the bus.

Excluded: the sources one by one, which have tests of their own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import nats
import pytest
from redis.asyncio import Redis

from events import cloudevent
from events.buses import ManagedJetStream
from events.runtime import EventsRuntime
from headrace.local.apiserver.inprocess import InProcessCluster
from headrace.local.nats import NatsServer
from kube.clock import SystemClock
from kube.cluster import MERGE
from kube.resources import EVENT_BUSES, EVENT_SOURCES, SECRETS
from tests import ports
from tests.events.conftest import connection
from tests.events.sources.redis_server import redis_server

API = "argoproj.io/v1alpha1"


@pytest.fixture
async def runtime(
    cluster: InProcessCluster, nats_server: NatsServer
) -> AsyncIterator[EventsRuntime]:
    bus = {"apiVersion": API, "kind": "EventBus", "metadata": {"name": "default"}}
    spec = {"jetstream": {"version": "latest"}}
    await cluster.create(EVENT_BUSES, "argo", {**bus, "spec": spec})
    found = EventsRuntime(cluster, ManagedJetStream(connection(nats_server)), SystemClock())
    await found.start()
    yield found
    await found.stop()


async def apply(cluster: InProcessCluster, spec: dict[str, Any]) -> None:
    meta = {"apiVersion": API, "kind": "EventSource", "metadata": {"name": "queues"}}
    await cluster.create(EVENT_SOURCES, "argo", {**meta, "spec": spec})


async def condition(
    cluster: InProcessCluster, kind: str, met: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            obj = await cluster.get(EVENT_SOURCES, "argo", "queues")
            for entry in (obj.get("status") or {}).get("conditions") or ():
                if entry["type"] == kind and met(entry):
                    return dict(entry)
            await asyncio.sleep(0.01)


def serving(entry: dict[str, Any]) -> bool:
    return bool(entry["status"] == "True" and entry["reason"] == "Serving")


async def stored(runtime: EventsRuntime, count: int) -> list[cloudevent.CloudEvent]:
    bus = runtime.buses.current("argo", "default")
    assert bus is not None
    async with asyncio.timeout(20):
        while True:
            found = [cloudevent.decode(d.message.data) async for d in bus.replay()]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


async def test_sources_of_two_kinds_reach_the_bus(
    cluster: InProcessCluster, runtime: EventsRuntime, nats_server: NatsServer, tmp_path: Path
) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login"},
        "stringData": {"user": nats_server.user, "password": nats_server.password},
    }
    await cluster.create(SECRETS, "argo", secret)
    login = {
        "username": {"name": "login", "key": "user"},
        "password": {"name": "login", "key": "password"},
    }
    async with redis_server(tmp_path) as broker:
        await apply(
            cluster,
            {
                "nats": {
                    "n": {"url": nats_server.url, "subject": "orders", "auth": {"basic": login}}
                },
                "redisStream": {"r": {"hostAddress": f"127.0.0.1:{broker.port}", "streams": ["s"]}},
            },
        )
        await condition(cluster, "endpoint.nats.n", serving)
        await condition(cluster, "endpoint.redisStream.r", serving)
        await condition(cluster, "Deployed", lambda entry: entry["status"] == "True")
        user, password = nats_server.user, nats_server.password
        client = await nats.connect(nats_server.url, user=user, password=password)
        await client.publish("orders", b"x")
        await client.close()
        async with Redis(port=broker.port) as sender:
            await sender.xadd("s", {"k": "v"})
        events = {e.subject: e for e in await stored(runtime, 2)}
    assert json.loads(events["n"].data) == {"subject": "orders", "body": "eA=="}
    assert json.loads(events["r"].data)["values"] == {"k": "v"}


async def test_a_condition_follows_its_broker(
    cluster: InProcessCluster, runtime: EventsRuntime, tmp_path: Path
) -> None:
    kind = "endpoint.redisStream.r"
    async with redis_server(tmp_path) as broker:
        address = f"127.0.0.1:{broker.port}"
        await apply(cluster, {"redisStream": {"r": {"hostAddress": address, "streams": ["s"]}}})
        await condition(cluster, kind, serving)
        await broker.kill()
        entry = await condition(
            cluster, kind, lambda e: "reconnecting: Redis" in e.get("message", "")
        )
        assert entry["status"] == "True"
        entry = await condition(cluster, kind, lambda e: e["reason"] == "Unavailable")
        assert entry["status"] == "False"
        assert entry["message"].startswith(f"spec.redisStream.r: Redis at {address}")
        await broker.start()
        await condition(cluster, kind, lambda e: serving(e) and "message" not in e)


async def test_a_mended_entry_is_served(
    cluster: InProcessCluster, runtime: EventsRuntime, tmp_path: Path
) -> None:
    kind = "endpoint.redis.r"
    wrong = {"hostAddress": f"127.0.0.1:{ports.free_port()}", "channels": []}
    await apply(cluster, {"redis": {"r": wrong}})
    entry = await condition(cluster, kind, lambda e: e.get("reason") == "InvalidSpec")
    assert (entry["status"], entry["message"]) == ("False", "spec.redis.r.channels: is required")
    async with redis_server(tmp_path) as broker:
        right = {"hostAddress": f"127.0.0.1:{broker.port}", "channels": ["c"]}
        change = {"spec": {"redis": {"r": right}}}
        await cluster.patch(EVENT_SOURCES, "argo", "queues", change, MERGE)
        await condition(cluster, kind, serving)
