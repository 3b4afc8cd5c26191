"""Following all objects of one kind: every object once, then every change, for ever.

A listing that lost its place is taken again and compared, so that a deletion that happened
meanwhile is not missed. One object's handler failing never stops another's: handlers must not
raise for what a user wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from kube.cluster import Cluster, Object
from kube.errors import Gone, KubeError, NotFound
from kube.resources import Resource

Changed = Callable[[Object], Awaitable[None]]
_PAUSE = 0.5
_log = structlog.get_logger("events.follow")


async def follow(
    cluster: Cluster,
    resource: Resource,
    changed: Changed,
    deleted: Changed,
    synced: Callable[[], None] = lambda: None,
) -> None:
    """Call `changed` and `deleted`; `synced` after the first listing. Never returns."""
    known: dict[tuple[str, str], Object] = {}
    version = ""
    while True:
        try:
            if not version:
                version = await _relist(cluster, resource, changed, deleted, known)
                synced()
            async for event in cluster.watch(resource, resource_version=version):
                meta = event.object["metadata"]
                version = meta["resourceVersion"]
                if event.type == "BOOKMARK":
                    continue
                key = (meta.get("namespace", ""), meta["name"])
                if event.type == "DELETED":
                    known.pop(key, None)
                    await deleted(event.object)
                else:
                    known[key] = event.object
                    await changed(event.object)
        except Gone:
            version = ""
        except KubeError as error:
            wait = 5.0 if isinstance(error, NotFound) else _PAUSE
            _log.warning("watch_retry", kind=resource.kind, error=error.reason)
            await asyncio.sleep(wait)


async def _relist(
    cluster: Cluster,
    resource: Resource,
    changed: Changed,
    deleted: Changed,
    known: dict[tuple[str, str], Object],
) -> str:
    found = await cluster.list(resource)
    now = {(o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in found.items}
    for key in [key for key in known if key not in now]:
        await deleted(known.pop(key))
    for key, obj in now.items():
        before = known.get(key)
        known[key] = obj
        same = before is not None and (
            before["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"]
        )
        if not same:
            await changed(obj)
    return found.resource_version
