"""Between the engine and the API: delays, refusals, lost answers, broken watches, sudden death.

Every fault is drawn from the schedule's own random numbers. A cluster belongs to one process
of the simulated engine; once `dead`, nothing that the process still does has any effect.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Literal

from kube.cluster import (
    EVERYTHING,
    MERGE,
    Object,
    ObjectList,
    PatchOptions,
    Selector,
    WatchEvent,
)
from kube.errors import Conflict, Gone, TooManyRequests, Transient
from kube.resources import Resource
from tests.simulation.api import FakeApi


@dataclass(frozen=True, slots=True)
class Weather:
    """Probabilities of faults, and the longest delay in seconds. All zero: a quiet day."""

    delay: float = 0.02
    refused: float = 0.0  # 429 or 500 before the write
    lost: float = 0.0  # the write took place and the answer says it failed
    conflict: float = 0.0
    broken: float = 0.0  # a watch ends, for each event
    replayed: float = 0.0  # a watch starts from an older version than asked for
    gone: float = 0.0  # 410 when a watch starts
    slow: float = 0.0  # a request, or a watch's event, takes a hundred times as long


class Dead(Transient):
    """The process is gone: this answer reaches nobody."""


class FaultyCluster:
    """Implements `kube.cluster.Cluster`. `on_call` is asked before and after every call's effect:
    it may kill the process there."""

    def __init__(
        self, api: FakeApi, rng: random.Random, weather: Weather, on_call: Callable[[], None]
    ) -> None:
        self._api = api
        self._rng = rng
        self._weather = weather
        self._on_call = on_call
        self.dead = False

    async def served(self, _api_version: str) -> list[Resource]:
        return []

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        return await self._call(lambda: self._api.get(resource, namespace, name), write=False)

    async def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector = EVERYTHING
    ) -> ObjectList:
        return await self._call(lambda: self._api.list(resource, namespace, selector), write=False)

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        return await self._call(lambda: self._api.create(resource, namespace, body))

    async def update(
        self, resource: Resource, namespace: str | None, body: Object, *, subresource: str = ""
    ) -> Object:
        name = body["metadata"]["name"]
        return await self._call(
            lambda: self._api.patch(resource, namespace, name, body, subresource)
        )

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Any,
        options: PatchOptions = MERGE,
    ) -> Object:
        return await self._call(
            lambda: self._api.patch(resource, namespace, name, body, options.subresource)
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str = "",
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace_seconds: int | None = None,
    ) -> Object:
        return await self._call(lambda: self._api.delete(resource, namespace, name, uid))

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        *,
        resource_version: str,
    ) -> AsyncIterator[WatchEvent]:
        """Changes after a version, with breaks, replays and delays."""
        weather = self._weather
        version = int(resource_version)
        await self._delay()
        if self._rng.random() < weather.gone:
            raise Gone("the history was compacted")
        if self._rng.random() < weather.replayed:
            version = max(self._api.compacted, version - self._rng.randint(1, 30))
        while True:
            for event in self._api.since(resource, selector, version):
                if self._rng.random() < weather.broken:
                    if self._rng.random() < 0.5:
                        raise Transient("the connection broke")
                    return
                await self._delay()
                version = int(event.object["metadata"]["resourceVersion"])
                yield event
            moved = asyncio.ensure_future(self._api.moved())
            try:
                if not self._api.since(resource, selector, version):
                    await moved
            finally:
                moved.cancel()
            if self.dead:
                await asyncio.Event().wait()

    async def _call(self, effect: Callable[[], Any], *, write: bool = True) -> Any:
        weather, rng = self._weather, self._rng
        await self._delay()
        self._check()
        if rng.random() < weather.refused:
            raise rng.choice((TooManyRequests("slow down"), Transient("internal error")))
        if write and rng.random() < weather.conflict:
            raise Conflict("the object has been modified")
        result = effect()
        self._check()
        await self._delay()
        if rng.random() < weather.lost:
            raise Transient("timed out")
        return result

    def _check(self) -> None:
        if not self.dead:
            self._on_call()
        if self.dead:
            raise Dead("killed")

    async def _delay(self) -> None:
        factor = 100 if self._rng.random() < self._weather.slow else 1
        await asyncio.sleep(self._rng.random() * self._weather.delay * factor)
        if self.dead:
            raise Dead("killed")
