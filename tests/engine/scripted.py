"""A kubelet that runs nothing: each pod gets the ending that a script says, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from kube import resources
from kube.cluster import MERGE_STATUS, Cluster, Object, Selector
from kube.errors import KubeError, NotFound
from kube.service import Service

OURS = Selector(labels="workflows.argoproj.io/workflow")
START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pod ends. `code` None: it runs until it is deleted. `outputs`: what was captured."""

    code: int | None = 0
    message: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)


Script = Callable[[Object], Ending]


def succeed(_pod: Object) -> Ending:
    return Ending()


class ScriptedKubelet(Service):
    """Watches the pods of workflows and writes their statuses."""

    def __init__(self, cluster: Cluster, script: Script = succeed, *, workers: int = 16) -> None:
        super().__init__("scripted kubelet")
        self._cluster = cluster
        self._script = script
        self._workers = workers
        self._queue: asyncio.Queue[Object] = asyncio.Queue()
        self.seen: list[str] = []

    async def run(self) -> None:
        for number in range(self._workers):
            self.spawn(self._worker(), f"worker-{number}")
        listed = await self._cluster.list(resources.PODS, None, OURS)
        for pod in listed.items:
            self._take(pod)
        self.mark_started()
        async for event in self._cluster.watch(
            resources.PODS, None, OURS, resource_version=listed.resource_version
        ):
            if event.type == "ADDED":
                self._take(event.object)

    def _take(self, pod: Object) -> None:
        if (pod.get("status") or {}).get("phase", "Pending") == "Pending":
            self.seen.append(pod["metadata"]["name"])
            self._queue.put_nowait(pod)

    async def _worker(self) -> None:
        while True:
            pod = await self._queue.get()
            try:
                await self.play(pod, self._script(pod))
            except NotFound:
                continue
            except KubeError as error:
                self.log.warning("pod not played", error=error.message)

    async def play(self, pod: Object, ending: Ending) -> None:
        """Write the pod's way: running, outputs, the end."""
        meta = pod["metadata"]
        names = [c["name"] for c in pod["spec"]["containers"]]
        await self._status(meta, _running(names))
        if ending.code is None:
            return
        if ending.outputs:
            text = orjson.dumps(ending.outputs).decode()
            await self._cluster.patch(
                resources.PODS,
                meta["namespace"],
                meta["name"],
                {"metadata": {"annotations": {"headrace.dev/outputs": text}}},
            )
        await self._status(meta, _ended(names, ending))

    async def _status(self, meta: Object, status: Object) -> None:
        await self._cluster.patch(
            resources.PODS, meta["namespace"], meta["name"], {"status": status}, MERGE_STATUS
        )


def _running(names: list[str]) -> Object:
    states = [{"name": n, "ready": True, "state": {"running": {"startedAt": START}}} for n in names]
    return {"phase": "Running", "startTime": START, "containerStatuses": states}


def _ended(names: list[str], ending: Ending) -> Object:
    code = ending.code or 0
    over = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": START,
        "finishedAt": END,
    }
    if ending.message:
        over["message"] = ending.message
    states = [{"name": n, "ready": False, "state": {"terminated": over}} for n in names]
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": states}
