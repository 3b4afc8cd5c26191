"""Kubernetes Events about pods: told once, written in the background, never in a pod's way.

The queue is bounded: when the API is slower than pods come, events are dropped, counted, and a
line in the log says how many.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

from kube import resources
from kube.cluster import Cluster, Object
from kube.errors import KubeError
from kube.service import Service

COMPONENT = "kubelet"
MOST = 2_000
SECONDS = 10.0


class Recorder(Service):
    """Writes events one after the other."""

    def __init__(self, cluster: Cluster, node_name: str) -> None:
        super().__init__("kubelet events")
        self._cluster = cluster
        self._node = node_name
        self._queue: asyncio.Queue[Object] = asyncio.Queue(MOST)
        self._dropped = 0

    def tell(self, pod: Object, reason: str, message: str, *, warning: bool = False) -> None:
        """Queue an event about a pod."""
        meta = pod["metadata"]
        now = datetime.now(UTC)
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{meta['name'][:230]}.{secrets.token_hex(8)}",
                "namespace": meta["namespace"],
            },
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
            },
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message,
            "source": {"component": COMPONENT, "host": self._node},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "reportingComponent": COMPONENT,
            "reportingInstance": self._node,
        }
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._dropped += 1

    async def run(self) -> None:
        """Write until stopped."""
        self.mark_started()
        while True:
            event = await self._queue.get()
            if self._dropped:
                self.log.warning("events dropped", count=self._dropped)
                self._dropped = 0
            try:
                async with asyncio.timeout(SECONDS):
                    await self._cluster.create(
                        resources.EVENTS, event["metadata"]["namespace"], event
                    )
            except (KubeError, TimeoutError) as error:
                self.log.info("event not written", reason=event["reason"], error=str(error))
