"""Removing what is over: pods by their GC strategy, workflows by their time to live.

Deletions that were due while the process was down happen at the next start: the moment is
computed from the objects, nothing is remembered elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from engine.core.decisions import CollectPod
from engine.runtime.timers import Timers
from kube import resources
from kube.clock import Clock
from kube.cluster import Cluster, Object
from kube.errors import Conflict, KubeError, NotFound
from kube.resources import Resource
from kube.throttle import Throttle

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
COMPLETED_LABEL = "workflows.argoproj.io/completed"
AGAIN = 10.0  # seconds until something that failed is tried again
TTL_FIELD = {"Succeeded": "secondsAfterSuccess", "Failed": "secondsAfterFailure"}


def ttl_of(workflow: Object) -> float | None:
    """Seconds that a finished workflow is kept, None for ever.

    Error counts for `secondsAfterCompletion` only (Argo Workflows `ttlcontroller`).
    """
    status = workflow.get("status") or {}
    spec = status.get("storedWorkflowTemplateSpec") or workflow.get("spec") or {}
    strategy = spec.get("ttlStrategy") or {}
    chosen = strategy.get(TTL_FIELD.get(status.get("phase", ""), ""))
    if chosen is None:
        chosen = strategy.get("secondsAfterCompletion")
    return None if chosen is None else float(chosen)


class Collector:
    """Labels and deletes finished pods and workflows; no pod before the moment `not_before`."""

    def __init__(
        self, cluster: Cluster, clock: Clock, throttle: Throttle, timers: Timers, spawn: Spawn
    ) -> None:
        self._cluster = cluster
        self._throttle = throttle
        self._clock = clock
        self._timers = timers
        self._spawn = spawn
        self._log = structlog.get_logger("collector")
        self.not_before = 0.0

    def pod(self, namespace: str, decision: CollectPod) -> None:
        """Label the pod as completed, and delete it after its delay if asked."""
        name = decision.pod_name
        if not decision.delete:
            self._spawn(self._label(namespace, name), f"label {name}")
            return
        now = self._clock.now()
        moment = max(now + decision.delay, self.not_before)
        if moment <= now:
            self._spawn(self._delete(resources.PODS, namespace, name), f"delete {name}")
            return
        self._spawn(self._label(namespace, name), f"label {name}")
        self._later(resources.PODS, namespace, name, moment)

    def workflow(self, workflow: Object) -> None:
        """Delete a finished workflow when its time to live is over."""
        ttl = ttl_of(workflow)
        finished = (workflow.get("status") or {}).get("finishedAt")
        if ttl is None or not finished:
            return
        meta = workflow["metadata"]
        moment = datetime.fromisoformat(finished).timestamp() + ttl + 1
        self._later(resources.WORKFLOWS, meta["namespace"], meta["name"], moment, uid=meta["uid"])

    def _later(
        self, resource: Resource, namespace: str, name: str, moment: float, *, uid: str = ""
    ) -> None:
        def due() -> None:
            self._spawn(self._delete(resource, namespace, name, uid), f"delete {name}")

        self._timers.set(("delete", resource.plural, namespace, name), moment, due)

    async def _delete(self, resource: Resource, namespace: str, name: str, uid: str = "") -> None:
        try:
            async with self._throttle.slot(f"{namespace}/collect"):
                await self._cluster.delete(resource, namespace, name, uid=uid)
        except NotFound:
            return
        except Conflict as error:
            if uid:
                return  # another object of this name by now
            self._delayed(resource, namespace, name, error)
        except KubeError as error:
            self._delayed(resource, namespace, name, error, uid)

    def _delayed(
        self, resource: Resource, namespace: str, name: str, error: KubeError, uid: str = ""
    ) -> None:
        self._log.warning("not deleted", kind=resource.kind, name=name, error=error.message)
        self._later(resource, namespace, name, self._clock.now() + AGAIN, uid=uid)

    async def _label(self, namespace: str, name: str) -> None:
        body = {"metadata": {"labels": {COMPLETED_LABEL: "true"}}}
        try:
            async with self._throttle.slot(f"{namespace}/collect"):
                await self._cluster.patch(resources.PODS, namespace, name, body)
        except NotFound:
            return
        except KubeError as error:
            self._log.warning("not labelled", pod=name, error=error.message)
            key = ("label", "pods", namespace, name)
            self._timers.set(
                key,
                self._clock.now() + AGAIN,
                lambda: self._again(namespace, name),
            )

    def _again(self, namespace: str, name: str) -> None:
        self._spawn(self._label(namespace, name), f"label {name}")
