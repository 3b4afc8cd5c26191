"""From a webhook to Workflow objects: latency, a minute of load, many Sensors, idle memory.

Run: `.venv/bin/python -m benchmarks.events [seconds of load]`. Starts `headrace up` for each row,
on loopback, and speaks to it over HTTP only. The workflows have no pods, so that what is measured
is the way of an event into an object, and the engine beside it.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

from benchmarks import served
from benchmarks.http_load import BODY
from events import cloudevent
from events.bus.contract import Delivered, Message
from events.bus.memory import MemoryBus
from events.cloudevent import CloudEvent
from events.sensors.compiled import compile_sensor
from events.sensors.dispatcher import Dispatcher
from events.triggers.contract import TriggerServices
from headrace.cli.connection import Connection
from kube import resources
from kube.clock import SystemClock
from kube.cluster import Object
from tests.ports import free_port

HOPS = 200
RATE = 100
SENSORS = 1000
MANY = 100


def argo(kind: str, name: str, spec: dict[str, Any]) -> Object:
    version = "argoproj.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


BUS = argo("EventBus", "default", {"jetstream": {"version": "latest"}})


def source(name: str, port: int) -> Object:
    """An EventSource with one endpoint, /go for the source `hook`."""
    path = "/go" if name == "hook" else f"/{name}"
    webhook = {"endpoint": path, "port": str(port), "method": "POST"}
    return argo("EventSource", name, {"webhook": {"go": webhook}})


def sensor(name: str, of: str = "hook", order: int = 0) -> Object:
    """A Sensor that makes a workflow; with `order` only for events that carry it."""
    never = {"name": "never", "template": "main", "when": "false"}
    workflow = argo(
        "Workflow",
        "",
        {
            "entrypoint": "main",
            "templates": [{"name": "main", "steps": [[never]]}],
            "ttlStrategy": {"secondsAfterCompletion": 5},
        },
    )
    workflow["metadata"] = {"generateName": "made-"}
    dependency: dict[str, Any] = {"name": "go", "eventSourceName": of, "eventName": "go"}
    if order:
        wanted = {"path": "body.order", "type": "number", "value": [str(order)]}
        dependency["filters"] = {"data": [wanted]}
    trigger = {"name": "make", "k8s": {"operation": "create", "source": {"resource": workflow}}}
    return argo("Sensor", name, {"dependencies": [dependency], "triggers": [{"template": trigger}]})


@asynccontextmanager
async def cluster(*objects: Object) -> AsyncIterator[tuple[Connection, Path]]:
    """A `headrace up` that serves these objects."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-events-"))
    await asyncio.to_thread(served.start, folder)
    kinds = {
        "EventBus": resources.EVENT_BUSES,
        "EventSource": resources.EVENT_SOURCES,
        "Sensor": resources.SENSORS,
    }
    try:
        async with served.connect(folder).connect() as connection:
            for each in objects:
                await connection.cluster.create(kinds[each["kind"]], "default", each)
            found = [each["kind"] for each in objects]
            await served.ready(connection, found.count("EventSource"), found.count("Sensor"))
            yield connection, folder
    finally:
        await asyncio.to_thread(served.stop, folder)
        shutil.rmtree(folder, ignore_errors=True)


class Made:
    """The Workflows that appear, seen through a watch."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.names: set[str] = set()
        self.fresh: asyncio.Queue[float] = asyncio.Queue()

    async def watch(self) -> None:
        listed = await self._connection.cluster.list(resources.WORKFLOWS, "default")
        async for event in self._connection.cluster.watch(
            resources.WORKFLOWS, "default", resource_version=listed.resource_version
        ):
            name = event.object["metadata"].get("name", "")
            if event.type == "ADDED" and name not in self.names:
                self.names.add(name)
                self.fresh.put_nowait(time.perf_counter())


async def hops(connection: Connection, port: int, count: int, order: int = 0) -> list[float]:
    """Milliseconds from POST to the Workflow object, one event at a time on an idle system."""
    made = Made(connection)
    watching = asyncio.ensure_future(made.watch())
    await asyncio.sleep(0.5)
    found = []
    async with aiohttp.ClientSession() as session:
        for number in range(count):
            began = time.perf_counter()
            url, body = f"http://127.0.0.1:{port}/go", BODY % (order or number)
            headers = {"Content-Type": "application/json"}
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
            async with asyncio.timeout(20):
                found.append((await made.fresh.get() - began) * 1000)
            await asyncio.sleep(0.05)  # idle between two events
    watching.cancel()
    return found


def shown(found: list[float]) -> str:
    return f"{statistics.median(found):.1f} / {statistics.quantiles(found, n=100)[98]:.1f} ms"


def row(what: str, bar: str, measured: str) -> None:
    print(f"  {what:<52}{bar:>14}   {measured}", flush=True)


async def latency() -> None:
    port = free_port()
    async with cluster(BUS, source("hook", port), sensor("one")) as (connection, _):
        await hops(connection, port, 10)
        found = await hops(connection, port, HOPS)
    row("webhook POST -> Workflow object, p50 / p99", "p50 < 10 ms", shown(found))


async def load(seconds: float) -> None:
    """The backlog (accepted and not yet a Workflow) each second; it must not grow."""
    port = free_port()
    async with cluster(BUS, source("hook", port), sensor("one")) as (connection, _):
        made = Made(connection)
        watching = asyncio.ensure_future(made.watch())
        arguments = [str(port), "/go", "8", str(seconds), str(RATE)]
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.http_load", *arguments),
            stdout=asyncio.subprocess.DEVNULL,
        )
        behind = []
        while process.returncode is None and time.perf_counter() < began + seconds - 1:
            await asyncio.sleep(1.0)
            behind.append((time.perf_counter() - began) * RATE - len(made.names))
        assert await process.wait() == 0, "the load ended early"
        sent = round(seconds * RATE)
        ended = time.perf_counter()
        while len(made.names) < sent - 1 and time.perf_counter() < ended + 20:
            await asyncio.sleep(0.01)
        watching.cancel()
    half = len(behind) // 2
    first, second = max(behind[2:half]), max(behind[half:])
    late = time.perf_counter() - ended
    row(
        f"{RATE} events/s for {seconds:.0f} s: most behind in each half",
        "no growth",
        f"{first:.0f}, {second:.0f} events; the last {late * 1000:.0f} ms after the end",
    )


async def many_sensors() -> None:
    port = free_port()
    sensors = [sensor(f"s{n}", order=n) for n in range(1, SENSORS + 1)]
    async with cluster(BUS, source("hook", port), *sensors) as (connection, _):
        await hops(connection, port, 5, order=7)
        found = await hops(connection, port, 100, order=500)
    row(f"POST -> object with {SENSORS:,} Sensors on the source", "", shown(found))


async def matching() -> None:
    """In this process: the dispatcher alone, of which the path above is made."""
    served_by = cast("TriggerServices", SimpleNamespace(clock=SystemClock()))
    dispatcher = Dispatcher(MemoryBus(), served_by, "default.default", ttl=60.0)
    for number in range(1, SENSORS + 1):
        each = sensor(f"s{number}", order=number)
        each["metadata"] |= {"namespace": "default", "uid": f"u{number}", "generation": 1}
        dispatcher.put(compile_sensor(each))
    data = b'{"headers":{},"body":%b}' % (BODY % 500)
    found = []
    for number in range(200):
        event = CloudEvent(f"e{number}", "hook", "webhook", "go", "2026-01-01T00:00:00Z", data)
        message = Message("default_default.hook.go", event.id, cloudevent.encode(event), {})
        delivered = Delivered(message, number + 1, time.time(), 1, "")
        began = time.perf_counter()
        decision = await dispatcher._decide(event, delivered, frozenset())
        found.append((time.perf_counter() - began) * 1000)
        assert (len(decision.filtered), len(decision.direct)) == (SENSORS - 1, 1)
    row(f"one event matched against {SENSORS:,} Sensors, p50 / p99", "< 5 ms", shown(found))


async def memory() -> None:
    port = free_port()
    sources = [source(f"h{n}", port) for n in range(MANY)]
    sensors = [sensor(f"s{n}", f"h{n}") for n in range(MANY)]
    async with cluster(BUS, *sources, *sensors) as (_, folder):
        await asyncio.sleep(3)
        used = served.memory(served.pid(folder))
    row(f"idle memory, {MANY} EventSources and {MANY} Sensors", "< 250 MB", f"{used:.0f} MB")


async def main(seconds: float) -> None:
    await latency()
    await matching()
    await many_sensors()
    await memory()
    await load(seconds)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
