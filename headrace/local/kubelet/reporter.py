"""Writing one pod's status: the newest one only, one write at a time, ends at once.

Changes that are not urgent wait a moment, so that a pod that starts and ends within it costs one
write. The patch carries the pod's uid: a namesake made later is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from kube import resources
from kube.cluster import MERGE_STATUS, Cluster, Object
from kube.errors import Conflict, KubeError, NotFound

GATHER = 0.02
WRITE_SECONDS = 30.0
FIRST_PAUSE, MOST_PAUSE = 0.1, 10.0

Build = Callable[[], Object]


class Reporter:
    """`build` gives the merge patch (status, and maybe annotations) as it is now."""

    def __init__(
        self, cluster: Cluster, pod: Object, build: Build, writes: asyncio.Semaphore
    ) -> None:
        self._cluster = cluster
        self._namespace = pod["metadata"]["namespace"]
        self._name = pod["metadata"]["name"]
        self._uid = pod["metadata"]["uid"]
        self._build = build
        self._writes = writes
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()
        self._closing = False
        self._log = structlog.get_logger("kubelet")
        self.gone = False

    def changed(self, *, urgent: bool = False) -> None:
        """The status is another one now."""
        self._changed.set()
        if urgent:
            self._urgent.set()

    def close(self) -> None:
        """Write what is left, then end `run`."""
        self._closing = True
        self.changed(urgent=True)

    async def run(self) -> None:
        """Write until closed, or until the pod is gone."""
        written: Any = None
        while not self.gone:
            await self._changed.wait()
            if not self._urgent.is_set():
                await self._moment()
            self._changed.clear()
            self._urgent.clear()
            patch = self._build()
            closing = self._closing
            if patch != written:
                await self._write(patch)
                written = patch
            if closing:
                return

    async def _moment(self) -> None:
        try:
            async with asyncio.timeout(GATHER):
                await self._urgent.wait()
        except TimeoutError:
            return

    async def _write(self, patch: Object) -> None:
        metadata = {**(patch.get("metadata") or {}), "uid": self._uid}
        body = {**patch, "metadata": metadata}
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._writes, asyncio.timeout(WRITE_SECONDS):
                    await self._cluster.patch(
                        resources.PODS, self._namespace, self._name, body, MERGE_STATUS
                    )
                return
            except (NotFound, Conflict):
                self.gone = True
                return
            except (KubeError, TimeoutError) as error:
                self._log.warning(
                    "status not written", pod=f"{self._namespace}/{self._name}", error=str(error)
                )
            await asyncio.sleep(pause)
            pause = min(MOST_PAUSE, pause * 2)
