"""Informers: a local copy of one kind of object, kept by listing once and watching.

Handlers are called in the order of the changes, one after the other, with the object as it is
now (for DELETED: as it was last). A watch that lost its place (410) lists again and tells what
happened meanwhile, deletions too. Objects are shared with everybody: never change one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping

from kube.cluster import EVERYTHING, Cluster, Object, Selector, WatchEvent
from kube.errors import Gone, KubeError, NotFound
from kube.resources import Resource
from kube.service import Service

Handler = Callable[[WatchEvent], Awaitable[None]]
IndexOf = Callable[[Object], str | None]
Key = tuple[str, str]

PAUSE, MOST_PAUSE = 0.2, 15.0


class Informer(Service):
    """Started once; `start()` returns when the first list is in the store."""

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str | None = None,
        *,
        selector: Selector = EVERYTHING,
        index: Mapping[str, IndexOf] | None = None,
    ) -> None:
        super().__init__(f"informer {resource.plural}")
        self.resource = resource
        self._cluster = cluster
        self._namespace = namespace
        self._selector = selector
        self._objects: dict[str, dict[str, Object]] = {}
        self._index_of = dict(index or {})
        self._indexes: dict[str, dict[str, dict[Key, Object]]] = {n: {} for n in self._index_of}
        self._handlers: list[Handler] = []
        self._count = 0

    # -- reading ----------------------------------------------------------------------------

    def get(self, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        return self._objects.get(namespace or "", {}).get(name)

    def names(self, namespace: str | None) -> Iterator[str]:
        """The names of a namespace's objects (None: those without namespace)."""
        return iter(self._objects.get(namespace or "", {}))

    def items(self) -> Iterator[Object]:
        """Every object."""
        for objects in self._objects.values():
            yield from objects.values()

    def by_index(self, index: str, value: str) -> list[Object]:
        """The objects for which the index function gives `value`."""
        return list(self._indexes[index].get(value, {}).values())

    def __len__(self) -> int:
        return self._count

    def add_handler(self, handler: Handler) -> None:
        """Call `handler` for every change from now on; add before `start()` to miss none."""
        self._handlers.append(handler)

    # -- keeping ----------------------------------------------------------------------------

    async def run(self) -> None:
        """List, then watch, for ever."""
        version = ""
        pause = PAUSE
        while True:
            try:
                if not version:
                    version = await self._relist()
                    self.mark_started()
                async for event in self._cluster.watch(
                    self.resource, self._namespace, self._selector, resource_version=version
                ):
                    seen = event.object["metadata"]["resourceVersion"]
                    pause = PAUSE
                    if _replayed(seen, version):
                        continue
                    version = seen
                    if event.type != "BOOKMARK":
                        await self._take(event)
            except Gone:
                version = ""
            except NotFound:  # the kind does not exist (yet)
                version = ""
                await asyncio.sleep(MOST_PAUSE if pause > 1 else pause)
                pause = min(MOST_PAUSE, pause * 2)
            except KubeError as error:
                self.log.warning("watch interrupted", error=error.message)
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))
                pause = min(MOST_PAUSE, pause * 2)

    async def _relist(self) -> str:
        listed = await self._cluster.list(self.resource, self._namespace, self._selector)
        now = {_key(item): item for item in listed.items}
        gone = [o for o in self.items() if _key(o) not in now]
        for item in gone:
            await self._take(WatchEvent("DELETED", item))
        for key, item in now.items():
            known = self.get(*key)
            if known is None:
                await self._take(WatchEvent("ADDED", item))
            elif known["metadata"].get("resourceVersion") != item["metadata"]["resourceVersion"]:
                await self._take(WatchEvent("MODIFIED", item))
        return listed.resource_version

    async def _take(self, event: WatchEvent) -> None:
        namespace, name = key = _key(event.object)
        objects = self._objects.setdefault(namespace, {})
        before = objects.pop(name, None)
        if before is not None:
            self._count -= 1
            self._unindex(key, before)
        if event.type == "DELETED":
            if not objects:
                del self._objects[namespace]
        else:
            objects[name] = event.object
            self._count += 1
            for index, of in self._index_of.items():
                if (value := of(event.object)) is not None:
                    self._indexes[index].setdefault(value, {})[key] = event.object
        for handler in self._handlers:
            try:
                await handler(event)
            except Exception:
                self.log.exception("handler failed", object=f"{namespace}/{name}")

    def _unindex(self, key: Key, before: Object) -> None:
        for index, of in self._index_of.items():
            value = of(before)
            entries = self._indexes[index].get(value) if value is not None else None
            if entries is not None and value is not None:
                entries.pop(key, None)
                if not entries:
                    del self._indexes[index][value]


def _replayed(seen: str, version: str) -> bool:
    """Whether a watch tells again what is known (a server that was restored, or lags behind).

    Versions of one resource can be compared since Kubernetes 1.35; others are taken as they are.
    """
    return seen.isdigit() and version.isdigit() and int(seen) <= int(version)


def _key(item: Object) -> Key:
    meta = item["metadata"]
    return meta.get("namespace") or "", meta["name"]
