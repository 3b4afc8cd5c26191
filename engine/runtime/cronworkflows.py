"""The CronWorkflow controller: looks at an object when it changes, when one of its runs does, and
when a run is due; `engine.core.cron` says what follows, this carries it out.

Creating comes before the status that tells of it: a child's name holds its scheduled second, so
after a crash between the two it is met again, and the first look takes it into the status.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from crds import operations
from engine.core import cron
from kube import resources
from kube.clock import Clock
from kube.cluster import Cluster, Object, Selector, WatchEvent
from kube.errors import AlreadyExists, BadRequest, Forbidden, Invalid, KubeError, NotFound
from kube.informers import Informer
from kube.queueing import Done, RequeueAfter, Result, Retry, WorkQueue
from kube.service import Service

OWNER = f"{cron.LABEL}cron-workflow"
LONGEST = 3600.0  # seconds without a look: the machine's clock may have been set meanwhile


class CronRuntime(Service):
    """Starts the runs of every CronWorkflow of `namespace` (None: all)."""

    def __init__(self, cluster: Cluster, clock: Clock, namespace: str | None = None) -> None:
        super().__init__("cron")
        self._cluster = cluster
        self._clock = clock
        self._crons = Informer(cluster, resources.CRON_WORKFLOWS, namespace)
        self._runs = Informer(
            cluster,
            resources.WORKFLOWS,
            namespace,
            selector=Selector(labels=OWNER),
            index={"cron": _cron_of},
        )
        self._queue = WorkQueue("cronworkflows", self._look, clock=clock)
        self._looked: dict[str, float] = {}  # by uid: the moment of this process's last look

    async def run(self) -> None:
        """Serve until cancelled."""
        self._crons.add_handler(self._changed)
        self._runs.add_handler(self._run_changed)
        async with AsyncExitStack() as stack:
            for part in (self._queue, self._runs, self._crons):
                stack.push_async_callback(part.stop)
            await self._runs.start()
            await self._crons.start()
            await self._queue.start()
            self.mark_started()
            await asyncio.Event().wait()

    async def _changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        if event.type == "DELETED":
            self._looked.pop(meta["uid"], None)
        self._queue.add(f"{meta['namespace']}/{meta['name']}")

    async def _run_changed(self, event: WatchEvent) -> None:
        if key := _cron_of(event.object):
            self._queue.add(key)

    async def _look(self, key: str) -> Result:
        namespace, _, name = key.partition("/")
        found = self._crons.get(namespace, name)
        if found is None:
            return Done()
        uid, now = found["metadata"]["uid"], self._clock.now()
        try:
            children = await self._children(found, key)
            outcome = cron.step(found, children, now, self._looked.get(uid))
            status = await self._carried_out(namespace, outcome)
            await self._write(found, outcome, status)
        except NotFound:
            return Done()  # deleted: the watch will say so
        except KubeError as error:
            return Retry(error)
        self._looked[uid] = now
        if outcome.wake is None:
            return Done()
        return RequeueAfter(min(LONGEST, max(0.0, outcome.wake - self._clock.now())))

    async def _children(self, found: Object, key: str) -> list[Object]:
        """Its runs. One that should be active and that our watch has not shown yet is asked for:
        two watches keep no order between them."""
        children = self._runs.by_index("cron", key)
        known = {child["metadata"]["name"] for child in children}
        for reference in (found.get("status") or {}).get("active") or ():
            if reference["name"] not in known:
                with contextlib.suppress(NotFound):
                    children.append(
                        await self._cluster.get(
                            resources.WORKFLOWS, found["metadata"]["namespace"], reference["name"]
                        )
                    )
        return children

    async def _carried_out(self, namespace: str, outcome: cron.Outcome) -> Mapping[str, Any]:
        """End, create and delete; the status to write, refusals noted in it."""
        status: Mapping[str, Any] = outcome.status
        for name in outcome.terminate:
            await self._terminate(namespace, name)
        for child in outcome.create:
            name = child["metadata"]["name"]
            try:
                await self._cluster.create(resources.WORKFLOWS, namespace, child)
                self.log.info("cron run started", workflow=f"{namespace}/{name}")
            except AlreadyExists:
                continue
            except (Invalid, Forbidden, BadRequest) as error:
                status = cron.submission_failed(status, name, error.message)
        for name in outcome.delete:
            try:
                await self._cluster.delete(resources.WORKFLOWS, namespace, name)
            except NotFound:
                continue
        return status

    async def _terminate(self, namespace: str, name: str) -> None:
        try:
            workflow = await self._cluster.get(resources.WORKFLOWS, namespace, name)
            body = operations.terminate(workflow)
            await self._cluster.patch(resources.WORKFLOWS, namespace, name, body)
        except (NotFound, operations.OperationError):
            return  # gone, or over already

    async def _write(self, found: Object, outcome: cron.Outcome, status: Mapping[str, Any]) -> None:
        meta = found["metadata"]
        parts = {"labels": outcome.labels, "annotations": outcome.annotations}
        metadata = {
            part: values
            for part, values in parts.items()
            if not values.items() <= (meta.get(part) or {}).items()
        }
        patch: dict[str, Any] = {}
        before = found.get("status") or {}
        if status != before:
            patch["status"] = {**dict.fromkeys(before.keys() - status.keys()), **status}
        if patch or metadata:
            # Counting needs the latest state: what our watch has not shown yet is a conflict.
            basis = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
            patch["metadata"] = {**metadata, **basis}
            await self._cluster.patch(
                resources.CRON_WORKFLOWS, meta["namespace"], meta["name"], patch
            )


def _cron_of(workflow: Object) -> str | None:
    meta = workflow["metadata"]
    name = (meta.get("labels") or {}).get(OWNER)
    return f"{meta['namespace']}/{name}" if name else None
