"""`python -m benchmarks.embedded [--only NAME] [--profile]`: the engine on the embedded cluster.

With real processes: step→step latency, a chain of 40 tasks, 500 one-step workflows. With a
scripted kubelet whose pods end at once: the same shapes and fan-outs, to be compared with what
Argo needs on an API that answers at once. Without pods: suspend and steps-only nodes a second.
Everything in one process, through the in-process API, as in `headrace up`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import itertools
import logging
import pstats
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import structlog

from crds import hydration
from engine.runtime.controller import EngineRuntime, Settings
from headrace import app
from headrace.local.apiserver.server import ApiServer
from headrace.local.apiserver.server import Settings as ApiSettings
from headrace.local.kubelet.kubelet import Kubelet
from kube import resources
from kube.clock import SystemClock
from kube.cluster import Cluster, Object, Selector
from kube.service import Service
from kube.throttle import Throttle
from tests.engine.scripted import ScriptedKubelet

TRUE: Object = {"name": "true", "container": {"image": "alpine", "command": ["true"]}}
ENDED = {"Succeeded", "Failed", "Error"}


def workflow(name: str, templates: list[Object], **spec: Any) -> Object:
    """A Workflow object whose entrypoint is `main`."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{name}-"},
        "spec": {"entrypoint": "main", "templates": [*templates, TRUE], **spec},
    }


def chain(length: int) -> Object:
    """Tasks one after the other."""
    tasks: list[Object] = [{"name": "t0", "template": "true"}]
    tasks += [
        {"name": f"t{n}", "template": "true", "depends": f"t{n - 1}"} for n in range(1, length)
    ]
    return workflow("chain", [{"name": "main", "dag": {"tasks": tasks}}])


def fan_out(width: int, template: Object | None = None, **spec: Any) -> Object:
    """One looped step."""
    step = {"name": "item", "template": "each", "withSequence": {"count": str(width)}}
    each = template or {**TRUE, "name": "each"}
    return workflow("fan", [{"name": "main", "steps": [[step]]}, each], **spec)


def one_step() -> Object:
    """The smallest workflow."""
    return workflow("one", [{**TRUE, "name": "main"}])


SUSPEND: Object = {"name": "each", "suspend": {"duration": "0"}}
NESTED: Object = {"name": "each", "steps": [[{"name": "s", "template": "pause"}]]}


@contextlib.asynccontextmanager
async def cluster(*, scripted: bool) -> AsyncIterator[Cluster]:
    """API server, kubelet and engine on a folder of their own."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-bench-"))
    server = ApiServer(ApiSettings(folder, token="t", insecure_http=True))
    parts: list[Service] = [server]
    try:
        await server.start()
        for definition in app.kinds():
            await server.cluster.create(resources.CRDS, None, definition)
        kubelet: Service = (
            ScriptedKubelet(server.cluster, workers=64)
            if scripted
            else Kubelet(server.cluster, folder, runtime="process")
        )
        engine = EngineRuntime(
            server.cluster,
            SystemClock(),
            Throttle(),
            Settings(artifact_folder=folder / "artifacts"),
        )
        for part in (kubelet, engine):
            await part.start()
            parts.append(part)
        yield server.cluster
    finally:
        for part in reversed(parts):
            await part.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def run(target: Cluster, bodies: list[Object]) -> tuple[float, list[Object]]:
    """Seconds from the first submission to the last end, and the finished objects."""
    listed = await target.list(resources.WORKFLOWS, "default")
    began = time.perf_counter()
    waiting: set[str] = set()
    done: list[Object] = []

    async def watch() -> None:
        async for event in target.watch(
            resources.WORKFLOWS, "default", resource_version=listed.resource_version
        ):
            phase = (event.object.get("status") or {}).get("phase")
            name = event.object["metadata"].get("name", "")
            if phase in ENDED and name in waiting:
                waiting.discard(name)
                done.append(event.object)
                if not waiting and submitted.is_set():
                    return

    submitted = asyncio.Event()
    watching = asyncio.ensure_future(watch())

    async def submit(body: Object) -> None:
        made = await target.create(resources.WORKFLOWS, "default", body)
        waiting.add(made["metadata"]["name"])

    await asyncio.gather(*(submit(body) for body in bodies))
    submitted.set()
    async with asyncio.timeout(600):
        await watching
    seconds = time.perf_counter() - began
    for found in done:
        if found["status"]["phase"] != "Succeeded":
            raise SystemExit(f"{found['metadata']['name']}: {found['status'].get('message')}")
    return seconds, done


async def gaps(target: Cluster, length: int) -> list[float]:
    """Seconds from a task's process to the next one's, as the processes themselves see it."""
    body = chain(length)
    script = "date +%s.%N > /dev/termination-log"  # nearly the first thing it does, and the last
    command = {"image": "alpine", "command": ["sh", "-c", script]}
    body["spec"]["templates"][-1] = {"name": "true", "container": command}
    _, [done] = await run(target, [body])
    chosen = Selector(labels=f"workflows.argoproj.io/workflow={done['metadata']['name']}")
    pods = (await target.list(resources.PODS, "default", chosen)).items
    ends = [pod["status"]["containerStatuses"][0]["state"]["terminated"] for pod in pods]
    moments = sorted(float(end["message"]) for end in ends)
    return [after - before for before, after in itertools.pairwise(moments)]


def row(what: str, bar: str, measured: str) -> None:
    """One line of the table."""
    print(f"  {what:<58}{bar:>18}{measured:>24}", flush=True)


async def processes(only: str) -> None:
    """With real processes."""
    async with cluster(scripted=False) as target:
        await run(target, [chain(3)])
        if only in ("", "chain"):
            found = [1000 * s for s in await gaps(target, 200)]
            p99 = statistics.quantiles(found, n=100)[98]
            text = f"{statistics.median(found):.1f} / {p99:.1f} ms"
            row("processes: step -> step, p50 / p99 of 199", "< 15 / 50 ms", text)
            seconds, _ = await run(target, [chain(40)])
            row("processes: chain of 40", "< 1.2 s", f"{seconds:.2f} s")
        if only in ("", "many"):
            seconds, _ = await run(target, [one_step() for _ in range(500)])
            row("processes: 500 one-step workflows at once", "< 10 s", f"{seconds:.2f} s")


async def scripted(only: str) -> None:
    """Pods that end at once."""
    shapes: list[tuple[str, str, Callable[[], list[Object]]]] = [
        ("chain", "Argo 10 s a step", lambda: [chain(40)]),
        ("many", "Argo 16.6 s", lambda: [one_step() for _ in range(500)]),
        ("fan1000", "Argo 11.0 s", lambda: [fan_out(1000)]),
        ("fan5000", "Argo 84 s", lambda: [fan_out(5000)]),
    ]
    for name, bar, bodies in shapes:
        if only in ("", name):
            async with cluster(scripted=True) as target:
                before = resource.getrusage(resource.RUSAGE_SELF)
                seconds, _ = await run(target, bodies())
                after = resource.getrusage(resource.RUSAGE_SELF)
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                row(f"scripted: {name}", bar, f"{seconds:.2f} s ({cpu:.1f} s CPU)")


async def without_pods(only: str) -> None:
    """Suspend and steps-only nodes."""
    pause = {"name": "pause", "suspend": {"duration": "0"}}
    nested = fan_out(1000, NESTED)
    nested["spec"]["templates"].append(pause)
    for name, body in (("suspend", fan_out(2000, SUSPEND)), ("steps", nested)):
        if only in ("", name):
            async with cluster(scripted=True) as target:
                seconds, done = await run(target, [body])
                nodes = len(hydration.nodes_of(done[0]))
                rate = f"{nodes / seconds:.0f}/s ({nodes} in {seconds:.2f} s)"
                row(f"no pods: {name} nodes", ">= 300 nodes/s", rate)


async def main() -> None:
    """Everything, or what `--only` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="chain, many, fan1000, fan5000, suspend, steps")
    parser.add_argument("--kind", default="", help="processes, scripted, nopods")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    profile = cProfile.Profile() if options.profile else None
    if profile is not None:
        profile.enable()
    for kind, body in (
        ("processes", processes),
        ("scripted", scripted),
        ("nopods", without_pods),
    ):
        if options.kind in ("", kind):
            await body(options.only)
    if profile is not None:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    asyncio.run(main())
