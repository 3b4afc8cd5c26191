"""Deleting artifacts of workflows that are over or go away; `engine.core.artifactgc` says which.

A finalizer keeps a workflow with such artifacts until they are gone. It is put there before the
workflow ends and taken away when nothing is left to do. What cannot be deleted is a condition, and
tried again; `forceFinalizerRemoval` lets the workflow go nevertheless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from crds import hydration, operations
from engine.artifacts.errors import ArtifactError
from engine.artifacts.locations import Locations
from engine.core import artifactgc
from engine.core.artifactgc import CONDITION, FINALIZER, Doomed, Strategy
from engine.runtime.timers import Timers
from kube import resources, workflows
from kube.clock import Clock
from kube.cluster import Cluster, Object
from kube.errors import KubeError, NotFound
from kube.throttle import Throttle

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
AGAIN = 60.0  # seconds until what could not be deleted is tried again
FINISHED = frozenset({"Succeeded", "Failed", "Error"})
AT_ONCE = 16


class ArtifactGc:
    """Told of every change of a workflow; works in the background, one task for each workflow."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        throttle: Throttle,
        locations: Locations,
        timers: Timers,
        spawn: Spawn,
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._throttle = throttle
        self._locations = locations
        self._timers = timers
        self._spawn = spawn
        self._busy: dict[str, Object] = {}  # by uid: the newest state
        self._log = structlog.get_logger("artifact-gc")

    def changed(self, workflow: Object) -> None:
        """A workflow is there, in this state."""
        held = FINALIZER in (workflow["metadata"].get("finalizers") or ())
        if not held and (_over(workflow) or _leaving(workflow)):
            return
        if not held and not artifactgc.wanted(workflow):
            return
        if held and not _over(workflow) and not _leaving(workflow):
            return
        uid = workflow["metadata"]["uid"]
        known = uid in self._busy
        self._busy[uid] = workflow
        if not known:
            name = workflow["metadata"]["name"]
            self._spawn(self._work(uid), f"artifacts of {name}")

    async def _work(self, uid: str) -> None:
        """Until the newest state that we were told of has nothing left to do."""
        try:
            while True:
                workflow = self._busy[uid]
                try:
                    await self._step(workflow)
                except NotFound:
                    return
                except (KubeError, hydration.HydrationError) as error:
                    self._later(workflow, str(error))
                if self._busy[uid] is workflow:
                    return
        finally:
            del self._busy[uid]

    async def _step(self, workflow: Object) -> None:
        if FINALIZER not in (workflow["metadata"].get("finalizers") or ()):
            await self._hold(workflow)
        elif not _over(workflow):
            await self._end(workflow)  # it goes away while it runs: what it made goes too
        elif _leaving(workflow):
            await self._clear(workflow, Strategy.COMPLETION, Strategy.DELETION)
        elif not artifactgc.processed(workflow, Strategy.COMPLETION):
            await self._clear(workflow, Strategy.COMPLETION)

    async def _hold(self, workflow: Object) -> None:
        finalizers = [*(workflow["metadata"].get("finalizers") or ()), FINALIZER]
        await self._patch(workflow, {"metadata": {"finalizers": finalizers}}, exact=True)

    async def _end(self, workflow: Object) -> None:
        if (workflow.get("spec") or {}).get("shutdown") != "Terminate":
            await self._patch(workflow, operations.terminate(workflow))

    async def _clear(self, workflow: Object, *strategies: Strategy) -> None:
        whole = await workflows.whole(self._cluster, workflow)
        due = list(artifactgc.doomed(whole, *strategies))
        gone, problems = await self._delete_all(workflow["metadata"]["namespace"], due)
        if problems and not (_leaving(workflow) and artifactgc.forced(workflow)):
            self._later(workflow, problems[0])
        patch: dict[str, Any] = {"status": self._status(whole, strategies, gone, problems)}
        if "nodes" not in (workflow.get("status") or {}):
            patch["status"].pop("nodes", None)  # packed tables stay as they are
        if _leaving(workflow):
            if not problems or artifactgc.forced(workflow):
                patch = {"metadata": _without(workflow)}
        elif not problems and next(artifactgc.doomed(whole, Strategy.DELETION), None) is None:
            patch["metadata"] = _without(workflow)
        await self._patch(workflow, patch, exact="metadata" in patch)

    async def _delete_all(
        self, namespace: str, due: list[Doomed]
    ) -> tuple[set[tuple[str, str]], list[str]]:
        gone: set[tuple[str, str]] = set()
        problems: list[str] = []
        places = asyncio.Semaphore(AT_ONCE)

        async def delete(each: Doomed) -> None:
            async with places:
                try:
                    await self._delete(namespace, each)
                    gone.add((each.node_id, each.name))
                except (ArtifactError, OSError) as error:
                    problems.append(str(error))

        async with asyncio.TaskGroup() as group:
            for each in due:
                group.create_task(delete(each))
        return gone, problems

    async def _delete(self, namespace: str, doomed: Doomed) -> None:
        """The object, and what lies below its key where the artifact is a folder."""
        store, key = await self._locations.open(namespace, doomed.artifact)
        async with asyncio.timeout(120):
            below = [name async for name in store.list(key.rstrip("/") + "/")]
            for name in [key, *below]:
                await store.delete(name)

    def _status(
        self,
        whole: Object,
        strategies: tuple[Strategy, ...],
        gone: set[tuple[str, str]],
        problems: list[str],
    ) -> dict[str, Any]:
        """What has happened: rows, conditions, strategies that are through."""
        status = whole.get("status") or {}
        conditions = [c for c in status.get("conditions") or () if c.get("type") != CONDITION]
        if problems:
            conditions.append({"type": CONDITION, "status": "True", "message": problems[0]})
        patch: dict[str, Any] = {"conditions": conditions}
        if not problems:
            done = {strategy.value: True for strategy in strategies}
            patch["artifactGCStatus"] = {"strategiesProcessed": done}
        if gone:
            patch["nodes"] = artifactgc.marked(whole, gone)
        return patch

    def _later(self, workflow: Object, problem: str) -> None:
        meta = workflow["metadata"]
        self._log.warning("artifacts not deleted", workflow=meta["name"], error=problem)
        key = ("artifacts", meta["namespace"], meta["name"])
        self._timers.set(key, self._clock.now() + AGAIN, lambda: self._again(meta))

    def _again(self, meta: Object) -> None:
        async def look() -> None:
            try:
                self.changed(
                    await self._cluster.get(resources.WORKFLOWS, meta["namespace"], meta["name"])
                )
            except KubeError as error:
                if not isinstance(error, NotFound):
                    self._later({"metadata": meta}, error.message)

        self._spawn(look(), f"artifacts of {meta['name']}")

    async def _patch(self, workflow: Object, patch: dict[str, Any], *, exact: bool = False) -> None:
        """`exact`: only if nobody has changed the object since (finalizers are one list)."""
        meta = workflow["metadata"]
        basis = {"uid": meta["uid"]}
        if exact:
            basis["resourceVersion"] = meta["resourceVersion"]
        body = {**patch, "metadata": {**patch.get("metadata", {}), **basis}}
        async with self._throttle.slot(f"{meta['namespace']}/collect"):
            await self._cluster.patch(resources.WORKFLOWS, meta["namespace"], meta["name"], body)


def _over(workflow: Object) -> bool:
    return (workflow.get("status") or {}).get("phase") in FINISHED


def _leaving(workflow: Object) -> bool:
    return bool(workflow["metadata"].get("deletionTimestamp"))


def _without(workflow: Object) -> Object:
    kept = [f for f in workflow["metadata"].get("finalizers") or () if f != FINALIZER]
    return {"finalizers": kept or None}
