"""Seeing when each hop of one event happened, from outside: by watching what users can watch."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from headrace.cli.connection import Connection
from kube import resources
from kube.cluster import Selector

WORKFLOW_LABEL = "workflows.argoproj.io/workflow"
FINISHED = {"Succeeded", "Failed", "Error"}


@dataclass(slots=True)
class Hops:
    """Moments on the monotonic clock; None until it happened."""

    sent: float | None = None
    answered: float | None = None
    fired: float | None = None
    process_started: float | None = None
    done: float | None = None
    workflow: dict[str, Any] = field(default_factory=dict)

    def milliseconds(self, moment: float | None) -> str:
        """Since the event was sent."""
        if moment is None or self.sent is None:
            return "not seen"
        return f"{(moment - self.sent) * 1000:,.0f} ms"


class Watcher:
    """Follows the first new workflow with a name prefix, and its pods."""

    def __init__(self, connection: Connection, prefix: str, hops: Hops) -> None:
        self._connection = connection
        self._prefix = prefix
        self._hops = hops
        self.changed = asyncio.Event()
        self.finished = asyncio.Event()
        self.watching = asyncio.Event()

    async def run(self) -> None:
        """Watch until the workflow has finished."""
        async with asyncio.TaskGroup() as group:
            pods = group.create_task(self._pods())
            await self._workflow()
            pods.cancel()

    async def _workflow(self) -> None:
        cluster, namespace = self._connection.cluster, self._connection.namespace
        listed = await cluster.list(resources.WORKFLOWS, namespace)
        self.watching.set()
        async for event in cluster.watch(
            resources.WORKFLOWS, namespace, resource_version=listed.resource_version
        ):
            if event.type == "BOOKMARK" or not self._is_ours(event.object):
                continue
            now = time.monotonic()
            self._hops.fired = self._hops.fired or now
            self._hops.workflow = event.object
            self.changed.set()
            if (event.object.get("status") or {}).get("phase") in FINISHED:
                self._hops.done = now
                self.finished.set()
                return

    def _is_ours(self, workflow: dict[str, Any]) -> bool:
        known = self._hops.workflow
        meta = workflow["metadata"]
        if known:
            return bool(known["metadata"]["uid"] == meta["uid"])
        return bool(meta["name"].startswith(self._prefix))

    async def _pods(self) -> None:
        cluster, namespace = self._connection.cluster, self._connection.namespace
        ours = Selector(labels=WORKFLOW_LABEL)
        listed = await cluster.list(resources.PODS, namespace, ours)
        async for event in cluster.watch(
            resources.PODS, namespace, ours, resource_version=listed.resource_version
        ):
            if event.type == "BOOKMARK" or self._hops.process_started is not None:
                continue
            name = event.object["metadata"]["labels"][WORKFLOW_LABEL]
            started = (event.object.get("status") or {}).get("phase", "Pending") != "Pending"
            if started and name.startswith(self._prefix):
                self._hops.process_started = time.monotonic()
