"""How fast the local kubelet is: pods a second, and how soon a created pod's process runs.

    .venv/bin/python benchmarks/kubelet.py [--pods 1000] [--parallel 50] [--runtime process]

In one process with the embedded API server (durable writes), as in `headrace up`. The start
latency is from calling `create` until the container's process was started, by the shim's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headrace.local.apiserver.api import Api
from headrace.local.apiserver.inprocess import InProcessCluster
from headrace.local.apiserver.kinds import Kinds
from headrace.local.apiserver.state import State
from headrace.local.apiserver.store import Store
from headrace.local.kubelet.kubelet import Kubelet
from headrace.local.kubelet.records import RunPaths
from kube import resources
from kube.cluster import Object, WatchEvent
from kube.informers import Informer


def _pod(name: str) -> Object:
    container = {"name": "main", "image": "alpine:3", "command": ["true"]}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


class Bench:
    def __init__(self, cluster: InProcessCluster) -> None:
        self.cluster = cluster
        self.ended: dict[str, asyncio.Future[None]] = {}

    async def seen(self, event: WatchEvent) -> None:
        name = event.object["metadata"]["name"]
        if event.object["status"].get("phase") == "Succeeded" and name in self.ended:
            waiting = self.ended[name]
            if not waiting.done():
                waiting.set_result(None)

    async def one(self, name: str) -> None:
        ended = self.ended[name] = asyncio.get_running_loop().create_future()
        await self.cluster.create(resources.PODS, "default", _pod(name))
        async with asyncio.timeout(60):
            await ended
        del self.ended[name]


def _cpu() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _show(what: str, values: list[float]) -> None:
    values = sorted(values)
    p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
    print(f"{what}: p50 {statistics.median(values) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--parallel", type=int, default=50)
    parser.add_argument("--chain", type=int, default=40)
    parser.add_argument("--runtime", default="process")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = Store(Path(folder) / "cluster.sqlite3")
        state = State(store)
        state.load()
        store.start()
        cluster = InProcessCluster(Api(state, Kinds()))
        await cluster.create(resources.NAMESPACES, None, {"metadata": {"name": "default"}})
        kubelet = Kubelet(cluster, Path(folder), runtime=chosen.runtime)
        started: list[float] = []
        created: dict[str, float] = {}
        _measure_starts(kubelet, created, started)
        await kubelet.start()
        bench = Bench(cluster)
        informer = Informer(cluster, resources.PODS)
        informer.add_handler(bench.seen)
        await informer.start()
        await _run(bench, chosen, created, started)
        await informer.stop()
        await kubelet.stop()
        await asyncio.to_thread(store.close)


def _measure_starts(kubelet: Kubelet, created: dict[str, float], started: list[float]) -> None:
    launch = kubelet._launcher.start

    async def measured(spec: dict[str, object]) -> dict[str, object]:
        answer = await launch(spec)
        paths = RunPaths(Path(str(spec["folder"])), Path(str(spec["logs"])), 0)
        name = paths.logs.parent.name.split("_")[1]
        if name in created:
            started.append(answer["startedAt"] - created[name])
        return answer

    kubelet._launcher.start = measured  # type: ignore[method-assign]


async def _run(
    bench: Bench, chosen: argparse.Namespace, created: dict[str, float], started: list[float]
) -> None:
    for number in range(5):
        await bench.one(f"warm-{number}")
    ends = []
    for number in range(chosen.chain):
        began = created[f"idle-{number}"] = time.time()
        await bench.one(f"idle-{number}")
        ends.append(time.time() - began)
    _show("idle: create to process started", started)
    _show("idle: create to Succeeded seen", ends)
    print(f"chain of {chosen.chain}: {sum(ends):.2f} s")
    limit = asyncio.Semaphore(chosen.parallel)

    async def limited(number: int) -> None:
        async with limit:
            await bench.one(f"pod-{number}")

    began, cpu = time.time(), _cpu()
    await asyncio.gather(*(limited(n) for n in range(chosen.pods)))
    seconds = time.time() - began
    print(
        f"{chosen.pods} pods, {chosen.parallel} at a time: {seconds:.2f} s, "
        f"{chosen.pods / seconds:.0f} pods/s; "
        f"{(_cpu() - cpu) / chosen.pods * 1000:.2f} ms CPU per pod in headrace and the API server"
    )
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of this process: {rss:.0f} MB")


if __name__ == "__main__":
    asyncio.run(main())
