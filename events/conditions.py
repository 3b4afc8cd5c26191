"""Status conditions of EventBus, EventSource and Sensor: what is wrong, where, since when.

A condition's time of change moves only with its status; the status is written only when
something changed, and a failed write is somebody else's turn (the next change writes all).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from kube.cluster import MERGE_STATUS, Cluster, Object
from kube.errors import KubeError, NotFound
from kube.resources import Resource

_log = structlog.get_logger("events.conditions")


@dataclass(frozen=True, slots=True)
class Condition:
    """One finding. `reason` is a CamelCase word, `message` names the field."""

    type: str
    ok: bool
    reason: str = ""
    message: str = ""


class StatusWriter:
    """Writes conditions of one kind of object."""

    def __init__(self, cluster: Cluster, resource: Resource) -> None:
        self._cluster = cluster
        self._resource = resource
        self._written: dict[str, tuple[Any, ...]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._newest: dict[str, tuple[Object, Sequence[Condition], float]] = {}

    async def write(self, obj: Object, conditions: Sequence[Condition], now: float) -> None:
        """Make `conditions` the object's; does nothing when they are.

        Calls for one object take turns, and each writes the newest there is: an older one that
        was on its way longer never stands last.
        """
        uid = obj["metadata"]["uid"]
        self._newest[uid] = (obj, conditions, now)
        async with self._locks.setdefault(uid, asyncio.Lock()):
            newest = self._newest.get(uid)
            if newest is not None:
                await self._write(*newest)

    async def _write(self, obj: Object, conditions: Sequence[Condition], now: float) -> None:
        meta = obj["metadata"]
        generation = meta.get("generation", 0)
        fingerprint = (generation, *conditions)
        if self._written.get(meta["uid"]) == fingerprint:
            return
        status = {
            "observedGeneration": generation,
            "conditions": _rendered(obj, conditions, now),
        }
        namespace, name = meta.get("namespace"), meta["name"]
        try:
            await self._cluster.patch(
                self._resource, namespace, name, {"status": status}, MERGE_STATUS
            )
            if meta["uid"] in self._newest:
                self._written[meta["uid"]] = fingerprint
        except NotFound:
            self.forget(meta["uid"])
        except KubeError as error:
            _log.warning("status_not_written", object=f"{namespace}/{name}", error=error.reason)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        for known in (self._written, self._locks, self._newest):
            known.pop(uid, None)


def _rendered(obj: Object, conditions: Sequence[Condition], now: float) -> list[dict[str, Any]]:
    before = {c.get("type"): c for c in (obj.get("status") or {}).get("conditions") or ()}
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rendered = []
    for condition in conditions:
        status = "True" if condition.ok else "False"
        known = before.get(condition.type) or {}
        same = known.get("status") == status and known.get("lastTransitionTime")
        entry = {
            "type": condition.type,
            "status": status,
            "lastTransitionTime": known["lastTransitionTime"] if same else moment,
        }
        if condition.reason:
            entry["reason"] = condition.reason
        if condition.message:
            entry["message"] = condition.message[:1024]
        rendered.append(entry)
    return rendered
