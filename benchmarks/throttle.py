"""`python -m benchmarks.throttle`: a fan-out of 10,000 items beside other clients of an API server.

The server is simulated, in virtual time: so many requests are worked on at once, the others stand
in one queue, and a queue that is too long answers 429. On the way it becomes four times slower
for twenty seconds and then quick again. Another client asks all the time; its latency is compared
with what it is on a server in the same state without us. The fan-out has no parallelism of its
own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from engine.runtime.controller import EngineRuntime, Settings
from engine.runtime.packing import Limits
from kube import resources
from kube.cluster import WatchEvent
from kube.errors import TooManyRequests
from kube.throttle import Throttle
from tests.simulation.api import FakeApi
from tests.simulation.faults import FaultyCluster, Weather
from tests.simulation.loop import LoopClock, VirtualLoop

ITEMS = 10_000
WORKERS = 16  # requests the server works on at once
QUEUE = 200  # longer, and it answers 429
QUICK = 0.010  # seconds of work for a request, on average
SLOW_FROM, SLOW_UNTIL, SLOWER = 5.0, 25.0, 4.0
IN_ONE = Limits(plain=1 << 30)  # packing large tables takes a thread, and real time
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


class Server:
    """The queueing: a request takes its time, and waits for a worker first."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._workers = asyncio.Semaphore(WORKERS)
        self._waiting = 0
        self.slowness: Callable[[], float] = lambda: 1.0
        self.refused = 0
        self.served = 0

    async def serve(self) -> None:
        """One request. Raises TooManyRequests."""
        if self._waiting >= QUEUE:
            self.refused += 1
            raise TooManyRequests("too many requests, please try again later", retry_after=1.0)
        self._waiting += 1
        async with self._workers:
            self._waiting -= 1
            work = QUICK * self.slowness() * self._rng.uniform(0.5, 1.5)
            await asyncio.sleep(work)
            self.served += 1


class QueuedCluster(FaultyCluster):
    """The fake API behind the server."""

    server: Server

    async def _call(self, effect: Callable[[], Any], *, write: bool = True) -> Any:
        await self.server.serve()
        return effect()

    async def watch(self, *arguments: Any, **options: Any) -> AsyncIterator[WatchEvent]:
        async for event in super().watch(*arguments, **options):
            yield event


@dataclass
class Probe:
    """Another client: asks every 20 ms, and notes when and how long it took."""

    server: Server
    seen: list[tuple[float, float]] = field(default_factory=list)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._ask())
                await asyncio.sleep(0.02)

    async def _ask(self) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            await self.server.serve()
            self.seen.append((began, clock() - began))
        except TooManyRequests:
            self.seen.append((began, 10.0))

    def p99(self, since: float, until: float) -> float:
        found = sorted(took for began, took in self.seen if since <= began < until)
        return found[int(len(found) * 0.99)] if found else float("nan")


class Kubelet:
    """Pods run at once and for two seconds. It does not ask the server: it is no client of it."""

    def __init__(self, api: FakeApi) -> None:
        self._api = api
        self.ended: list[float] = []
        self.runs = 0
        api.observers.append(self._observe)

    def _observe(self, resource: Any, before: Any, after: Any) -> None:
        if resource is resources.PODS and before is None and after is not None:
            self.runs += 1
            loop = asyncio.get_running_loop()
            loop.call_later(0.05, self._status, after, {"phase": "Running"})
            loop.call_later(2.0, self._end, after)

    def _status(self, pod: Any, status: dict[str, Any]) -> None:
        meta = pod["metadata"]
        self._api.patch(resources.PODS, meta["namespace"], meta["name"], {"status": status})

    def _end(self, pod: Any) -> None:
        over = {"exitCode": 0, "reason": "Completed", "finishedAt": "2026-01-01T00:01:00Z"}
        containers = [{"name": "main", "state": {"terminated": over}}]
        self._status(pod, {"phase": "Succeeded", "containerStatuses": containers})
        self.ended.append(asyncio.get_running_loop().time())


async def alone(slowness: float) -> float:
    """The other client's p99 without us."""
    server = Server(random.Random(1))
    server.slowness = lambda: slowness
    probe = Probe(server)
    asking = asyncio.ensure_future(probe.run())
    await asyncio.sleep(60)
    asking.cancel()
    return probe.p99(0, 1e9)


async def beside(loop: VirtualLoop) -> None:
    """The fan-out."""
    quick, slow = await alone(1.0), await alone(SLOWER)
    server = Server(random.Random(2))
    api = FakeApi(lambda: "2026-01-01T00:00:00Z", largest=None)
    kubelet = Kubelet(api)
    cluster = QueuedCluster(api, random.Random(3), Weather(delay=0.0), lambda: None)
    cluster.server = server
    engine = EngineRuntime(
        cluster, LoopClock(loop, START), Throttle(), Settings(node_events=False, packing=IN_ONE)
    )
    await engine.start(timeout=600)
    began = loop.time()
    during = (began + SLOW_FROM, began + SLOW_UNTIL)
    server.slowness = lambda: SLOWER if during[0] <= loop.time() < during[1] else 1.0
    probe = Probe(server)
    asking = asyncio.ensure_future(probe.run())
    api.create(resources.WORKFLOWS, "ns", fan_out())
    while not _over(api):
        await asyncio.sleep(1)
    ended = loop.time()
    asking.cancel()
    await engine.stop()
    rows = [("before", began + 1, during[0], quick), ("slow server", *during, slow)]
    rows.append(("quick again", during[1], ended, quick))
    print(f"{'':14}{'p99 alone':>12}{'p99 beside':>12}{'ratio':>8}{'pods/s':>9}")
    for name, since, until, usual in rows:
        p99 = probe.p99(since, until)
        done = sum(since <= moment < until for moment in kubelet.ended) / (until - since)
        print(
            f"{name:14}{usual * 1000:>9.1f} ms{p99 * 1000:>9.1f} ms{p99 / usual:>8.2f}{done:>9.0f}"
        )
    phase = api.get(resources.WORKFLOWS, "ns", "fan")["status"]["phase"]
    print(
        f"{phase} after {ended - began:.0f} s; {kubelet.runs} pods made, {len(kubelet.ended)} "
        f"ended, {server.refused} requests refused of {server.served + server.refused}"
    )


def fan_out() -> dict[str, Any]:
    item = {"name": "item", "template": "w", "withSequence": {"count": str(ITEMS)}}
    leaf = {"name": "w", "container": {"image": "alpine", "command": ["true"]}}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "steps": [[item]]}, leaf]}
    return {"metadata": {"name": "fan", "namespace": "ns"}, "spec": spec}


def _over(api: FakeApi) -> bool:
    status = api.get(resources.WORKFLOWS, "ns", "fan").get("status") or {}
    return status.get("phase") in {"Succeeded", "Failed", "Error"}


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    virtual = VirtualLoop()
    virtual.run_until_complete(beside(virtual))
