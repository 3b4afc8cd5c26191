"""A cluster in memory with what Leases need, and a clock that moves when all are asleep."""

from __future__ import annotations

import asyncio
import copy
import heapq
from typing import Any

from kube.cluster import Object
from kube.errors import AlreadyExists, Conflict, NotFound, Transient
from kube.resources import Resource


class ManualClock:
    """Time stands until `advance` moves it."""

    def __init__(self) -> None:
        self._now = 1_000_000.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    async def sleep_until(self, moment: float) -> None:
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, (moment, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move on, waking sleepers in order; others run in between."""
        end = self._now + seconds
        await _breathe()
        while self._waiting and self._waiting[0][0] <= end:
            moment, _, future = heapq.heappop(self._waiting)
            self._now = max(self._now, moment)
            if not future.done():
                future.set_result(None)
            await _breathe()
        self._now = end
        await _breathe()


async def _breathe() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


class MemoryCluster:
    """Objects of one kind by name. `down`: every call fails."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.down = False
        self._version = 0

    def _check(self) -> None:
        if self.down:
            raise Transient("the API server is away")

    async def get(self, _resource: Resource, _namespace: str | None, name: str) -> Object:
        self._check()
        if name not in self.objects:
            raise NotFound(name)
        return copy.deepcopy(self.objects[name])

    async def create(self, _resource: Resource, _namespace: str | None, body: Any) -> Object:
        self._check()
        name = body["metadata"]["name"]
        if name in self.objects:
            raise AlreadyExists(name)
        return self._store(name, body)

    async def update(self, _resource: Resource, _namespace: str | None, body: Any) -> Object:
        self._check()
        name = body["metadata"]["name"]
        live = self.objects[name]["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion") not in {None, live}:
            raise Conflict(name)
        return self._store(name, body)

    def _store(self, name: str, body: Object) -> Object:
        self._version += 1
        stored = copy.deepcopy(body)
        stored["metadata"]["resourceVersion"] = str(self._version)
        self.objects[name] = stored
        return copy.deepcopy(stored)
