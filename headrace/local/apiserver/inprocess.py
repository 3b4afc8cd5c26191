"""`InProcessCluster`: the `Cluster` seam right on the API, without HTTP or encoding."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from headrace.local.apiserver import deletion, podroutes, selection
from headrace.local.apiserver.api import Api, Write, shown
from headrace.local.apiserver.watching import WatchOptions, watch
from kube import resources
from kube.cluster import (
    EVERYTHING,
    MERGE,
    Object,
    ObjectList,
    PatchOptions,
    PatchType,
    Selector,
    WatchEvent,
)
from kube.resources import Resource


class InProcessCluster:
    """Implements `kube.cluster.Cluster`. What it returns is shared: never change it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def served(self, api_version: str) -> list[Resource]:
        """The resources of a group version; none for an unknown one."""
        found = (kind.resource for kind in self._api.kinds.all())
        return [resource for resource in found if resource.api_version == api_version]

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """One object, as last committed."""
        return self._api.get(self._api.kind(resource), namespace, name)

    async def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector = EVERYTHING
    ) -> ObjectList:
        """All objects that match, and the revision they are of."""
        kind = self._api.kind(resource)
        matches = selection.predicate(kind, selector.labels, selector.fields)
        space = namespace if resource.namespaced else ""
        items = self._api.state.items(kind.key, space)
        return ObjectList(
            [shown(kind, o) for o in items if matches(o)], str(self._api.state.revision)
        )

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        *,
        resource_version: str,
    ) -> AsyncIterator[WatchEvent]:
        """Changes, for ever."""
        kind = self._api.kind(resource)
        options = WatchOptions(
            namespace if resource.namespaced else None,
            selection.predicate(kind, selector.labels, selector.fields),
            int(resource_version),
            bookmarks=True,
        )
        async for event in watch(self._api.state, kind, options):
            yield event

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """Create. A pod's binding is made through `pods/<name>/binding`, as on the wire."""
        if resource.kind == "Binding":
            name = resource.plural.split("/")[1]
            pods = self._api.kind(resources.PODS)
            await podroutes.bind(self._api, pods, namespace, name, body["target"]["name"])
            return body
        return await self._api.create(self._api.kind(resource), namespace, body)

    async def update(
        self, resource: Resource, namespace: str | None, body: Object, *, subresource: str = ""
    ) -> Object:
        """Replace."""
        kind = self._api.kind(resource)
        write = Write(subresource=subresource)
        return await self._api.update(kind, namespace, body["metadata"]["name"], body, write)

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Any,
        options: PatchOptions = MERGE,
    ) -> Object:
        """Patch in the dialect of `options.type`."""
        manager = options.field_manager if options.type is PatchType.APPLY else ""
        write = Write(manager=manager, force=options.force, subresource=options.subresource)
        obj, _ = await self._api.patch(
            self._api.kind(resource), namespace, name, body, options.type, write
        )
        return obj

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
        """Delete, or begin to."""
        options = deletion.Options(uid=uid, propagation=propagation, grace=grace_seconds)
        obj, _ = await self._api.delete(self._api.kind(resource), namespace, name, options)
        return obj
