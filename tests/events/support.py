"""Shared by the tests of this folder: served events without an API server, a bare HTTP client."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from events.bus.contract import Bus
from events.secrets import Secrets
from events.sources import registry
from events.sources.contract import SourceContext, SourceError, SourceServices
from events.sources.event_filter import EventFilter
from events.sources.http_gateway import GatewaySettings, HttpGateway
from kube.clock import Clock, SystemClock
from kube.cluster import Cluster, Object
from kube.errors import NotFound
from kube.resources import CONFIGMAPS, Resource


class SecretsOnly:
    """Just enough of a cluster to read Secrets and ConfigMaps from: name to key to value."""

    def __init__(self, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.secrets = {name: dict(values) for name, values in secrets.items()}

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        if name not in self.secrets:
            raise NotFound(name)
        if resource == CONFIGMAPS:
            return {"metadata": {"name": name}, "data": dict(self.secrets[name])}
        data = {k: base64.b64encode(v.encode()).decode() for k, v in self.secrets[name].items()}
        return {"metadata": {"name": name}, "data": data}


@dataclass(slots=True)
class Served:
    services: SourceServices
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def serve(
        self,
        bus: Bus,
        kind: str,
        event: str,
        spec: Mapping[str, Any],
        source: str = "hooks",
        *,
        notes: list[str] | None = None,
        prefix: str = "argo_default",
        wanted: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        """Run one event and wait until it is ready; raises what it raised. `notes` collects
        what it says of itself; `wanted` is the entry as it is when the event ends."""
        expression = (spec.get("filter") or {}).get("expression")
        context = SourceContext(
            "argo",
            source,
            event,
            registry.SOURCES[kind].event_type,
            f"spec.{kind}.{event}",
            spec,
            bus,
            prefix,
            self.services,
            EventFilter(expression) if expression else None,
            wanted,
        )
        ready = asyncio.Event()

        def signal(note: str = "", lost: SourceError | None = None) -> None:
            ready.set()
            if notes is not None:
                notes.append(note if lost is None else f"lost: {lost}")

        task = asyncio.create_task(registry.SOURCES[kind].make().run(context, signal))
        self.tasks.append(task)
        waiter = asyncio.create_task(ready.wait())
        async with asyncio.timeout(40):
            await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        if task.done():
            self.tasks.remove(task)
            await task

    async def stop(self) -> None:
        """End all events, as a deleted EventSource does."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()


@asynccontextmanager
async def serving(
    secrets: Mapping[str, Mapping[str, str]],
    settings: GatewaySettings | None = None,
    *,
    cluster: Cluster | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Served]:
    """`cluster`: for sources that need more of one than Secrets."""
    clock = clock or SystemClock()
    cluster = cluster or cast("Cluster", SecretsOnly(secrets))
    store = Secrets(cluster, clock)
    gateway = HttpGateway(settings)
    await gateway.start()
    await store.start()
    served = Served(SourceServices(gateway, store, clock, cluster))
    try:
        yield served
    finally:
        await served.stop()
        await store.stop()
        await gateway.stop()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def read_answer(reader: asyncio.StreamReader, *, head_only: bool = False) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = 0 if head_only else int(headers.get("content-length", "0"))
    return Answer(int(lines[0].split(" ")[1]), headers, await reader.readexactly(length))


async def request(
    port: int,
    method: str,
    path: str,
    headers: Sequence[Sequence[str]] = (),
    body: bytes | None = None,
) -> Answer:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"{method} {path} HTTP/1.1", "Host: x"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        async with asyncio.timeout(40):
            return await read_answer(reader, head_only=method == "HEAD")
    finally:
        writer.close()
