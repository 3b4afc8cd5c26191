"""The `Cluster` seam: any Kubernetes API, remote or in this process.

Implementations: `kube.http.HttpCluster` (any Kubernetes) and the embedded API server's
in-process one. One conformance suite (tests/conformance/cluster.py) runs against both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from kube.resources import Resource

Object = dict[str, Any]
"""A Kubernetes object as plain JSON. What a Cluster returns is shared: never change it."""


class PatchType(StrEnum):
    """Patch dialects, by their media type."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class ObjectList(NamedTuple):
    """A consistent list; `resource_version` is where a watch continues without a gap."""

    items: list[Object]
    resource_version: str


class WatchEvent(NamedTuple):
    """One change. BOOKMARK objects carry only metadata.resourceVersion."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Object


@dataclass(frozen=True, slots=True)
class Selector:
    """Server-side selection; empty strings select everything."""

    labels: str = ""
    fields: str = ""


EVERYTHING = Selector()


@dataclass(frozen=True, slots=True)
class PatchOptions:
    """`force` and `field_manager` matter for APPLY only (the manager is recorded for all)."""

    type: PatchType = PatchType.MERGE
    subresource: str = ""
    field_manager: str = "headrace"
    force: bool = False


MERGE = PatchOptions()
MERGE_STATUS = PatchOptions(subresource="status")


class Cluster(Protocol):
    """A Kubernetes API.

    Every method raises `KubeError` leaves only and returns objects as the server stored them.
    All are safe to call concurrently from one event loop. Reads and writes that the server
    refused for load (429, 5xx before the write) are retried inside, within a bounded time.
    """

    async def served(self, api_version: str) -> list[Resource]:
        """The resources of a group version (`v1`, `apps/v1`); none for an unknown one."""
        ...

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """Raises NotFound."""
        ...

    async def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector = EVERYTHING
    ) -> ObjectList:
        """All objects (all pages); `namespace=None` is every namespace."""
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: Selector = EVERYTHING,
        *,
        resource_version: str,
    ) -> AsyncIterator[WatchEvent]:
        """Changes after `resource_version`, in order, with bookmarks.

        Ends normally when the server closes the stream (resume from the last version seen);
        raises Gone when the version is too old (list again).
        """
        ...

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """Raises AlreadyExists, Invalid, Forbidden (quota), NotFound (namespace)."""
        ...

    async def update(
        self, resource: Resource, namespace: str | None, body: Object, *, subresource: str = ""
    ) -> Object:
        """Replace. Raises Conflict when body.metadata.resourceVersion is stale."""
        ...

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Any,
        options: PatchOptions = MERGE,
    ) -> Object:
        """Apply `body` in the dialect of `options.type`. Raises NotFound, Conflict, Invalid."""
        ...

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
        """Raises NotFound; Conflict when `uid` is given and is not the object's."""
        ...
