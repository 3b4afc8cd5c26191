"""`python benchmarks/main_job.py`: the figures of the main job, on an embedded cluster of its own.

Start to ready, webhook to first process (200 times, idle), a chain of 40 tasks, a fan-out of
1,000, and the memory of the idle process. Everything through the public doors: HTTP and kubectl's
API. Needs only `scripts/setup`.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import served
from headrace.cli import watching
from headrace.cli.connection import Connection
from headrace.demo import delivery
from kube import resources
from kube.cluster import Selector

ROWS: list[tuple[str, str, str]] = []


def row(what: str, bar: str, measured: str) -> None:
    ROWS.append((what, bar, measured))
    print(f"  {what:<52}{bar:>16}{measured:>24}", flush=True)


def workflow(name: str, templates: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    true = {"name": "true", "container": {"image": "alpine", "command": ["true"]}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": name},
        "spec": {"entrypoint": "main", "templates": [*templates, true], **spec},
    }


async def run(connection: Connection, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    made = await connection.cluster.create(resources.WORKFLOWS, "default", body)
    ended = await watching.until_finished(connection, made["metadata"]["name"])
    seconds = time.perf_counter() - began
    if ended["status"]["phase"] != "Succeeded":
        raise SystemExit(f"{made['metadata']['name']}: {ended['status']}")
    return seconds


def chain(length: int) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = [{"name": "t0", "template": "true"}]
    tasks += [
        {"name": f"t{n}", "template": "true", "depends": f"t{n - 1}"} for n in range(1, length)
    ]
    return workflow("chain-", [{"name": "main", "dag": {"tasks": tasks}}])


def fan_out(width: int, parallelism: int) -> dict[str, Any]:
    step = {"name": "item", "template": "true", "withSequence": {"count": str(width)}}
    main = {"name": "main", "steps": [[step]]}
    return workflow("fan-", [main], parallelism=parallelism)


EVENTS = """
apiVersion: argoproj.io/v1alpha1
kind: EventBus
metadata: {name: default}
spec: {jetstream: {version: latest}}
---
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: hook}
spec: {webhook: {go: {endpoint: /go, port: "%PORT%", method: POST}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: go}
spec:
  dependencies: [{name: go, eventSourceName: hook, eventName: go}]
  triggers:
    - template:
        name: go
        k8s:
          operation: create
          source:
            resource:
              apiVersion: argoproj.io/v1alpha1
              kind: Workflow
              metadata: {generateName: hop-}
              spec:
                entrypoint: main
                templates:
                  - {name: main, container: {image: alpine, command: ["true"]}}
"""


async def apply_events(connection: Connection, folder: Path, port: int) -> None:
    served.apply(folder, EVENTS.replace("%PORT%", str(port)))
    await served.ready(connection, 1, 1)


async def hops(connection: Connection, port: int, count: int) -> list[float]:
    """Seconds from POST to the first process, one event at a time on an idle system."""
    started: asyncio.Queue[float] = asyncio.Queue()
    ours = Selector(labels="workflows.argoproj.io/workflow")
    listed = await connection.cluster.list(resources.PODS, "default", ours)

    async def watch() -> None:
        seen: set[str] = set()
        async for event in connection.cluster.watch(
            resources.PODS, "default", ours, resource_version=listed.resource_version
        ):
            name = event.object["metadata"]["name"]
            running = (event.object.get("status") or {}).get("phase", "Pending") != "Pending"
            if running and name.startswith("hop-") and name not in seen:
                seen.add(name)
                started.put_nowait(time.perf_counter())

    watching_ = asyncio.ensure_future(watch())
    found = []
    async with aiohttp.ClientSession() as session:
        for n in range(count):
            began = time.perf_counter()
            async with session.post(f"http://localhost:{port}/go", json={"n": n}) as answer:
                assert answer.status == 200, await answer.text()
            async with asyncio.timeout(20):
                found.append(await started.get() - began)
            await asyncio.sleep(0.1)  # idle between two events
    watching_.cancel()
    return found


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="headrace-bench-"))
    print(f"  {'what':<52}{'bar':>16}{'measured':>24}")
    try:
        served.start(folder)
        served.stop(folder)
        row("headrace up to ready (warm files)", "< 2 s", f"{served.start(folder):.2f} s")
        async with served.connect(folder).connect() as connection:
            await asyncio.sleep(1)
            row(
                "idle memory of headrace without nats",
                "< 150 MB",
                f"{served.memory(served.pid(folder)):.0f} MB",
            )
            if options.only in {"", "hops"}:
                port = delivery.free_port(0)
                await apply_events(connection, folder, port)
                await hops(connection, port, 5)
                found = [1000 * s for s in await hops(connection, port, options.events)]
                p99 = statistics.quantiles(found, n=100)[98]
                row(
                    "webhook POST -> first process, p50/p99",
                    "< 40 / 100 ms",
                    f"{statistics.median(found):.0f} / {p99:.0f} ms",
                )
            if options.only in {"", "chain"}:
                await run(connection, chain(3))
                row("40-task chain of true", "< 2.0 s", f"{await run(connection, chain(40)):.2f} s")
            if options.only in {"", "fan"}:
                seconds = await run(connection, fan_out(1000, 50))
                row("1,000-item fan-out, parallelism 50", "< 20 s", f"{seconds:.1f} s")
    finally:
        served.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main())
