"""Kubernetes Events about our objects: `kubectl describe` and `kubectl events` show them.

Telling never waits and never fails: events go into a bounded queue, repeated ones are counted
instead of told again, and one writer brings them to the API behind all other writes. An Event's
name is derived from what it says, so the same words after a restart raise the count of the Event
that is there. When the queue is full the new event is dropped and counted.
Source of shape and aggregation: client-go `tools/record`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prometheus_client import Counter

from kube import resources
from kube.clock import Clock
from kube.cluster import Cluster, Object
from kube.errors import AlreadyExists, KubeError, NotFound
from kube.service import Service
from kube.throttle import Throttle

DROPPED = Counter("headrace_events_dropped_total", "Kubernetes Events that were not written")
MOST_WAITING = 2_000
MOST_KNOWN = 4_096
MESSAGE = 1_024  # characters that the API takes
SECONDS = 15.0  # for one write


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `warning`: the user should look at it."""

    reason: str
    message: str
    warning: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Pending:
    involved: Object
    entry: Entry
    count: int
    first: float
    last: float


class EventLog(Service):
    """`tell` from anywhere in the loop; one writer in the background."""

    def __init__(
        self, cluster: Cluster, throttle: Throttle, clock: Clock, *, component: str
    ) -> None:
        super().__init__(f"{component} events")
        self._cluster = cluster
        self._throttle = throttle
        self._clock = clock
        self._component = component
        self._waiting: OrderedDict[str, _Pending] = OrderedDict()
        self._known: OrderedDict[str, int] = OrderedDict()  # name -> count in the cluster
        self._told = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def tell(self, involved: Object, entry: Entry) -> None:
        """Record `entry` about the object `involved` (kind, metadata.name and uid are read)."""
        name = _name(involved, entry)
        key = f"{involved['metadata'].get('namespace') or 'default'}/{name}"
        now = self._clock.now()
        pending = self._waiting.get(key)
        if pending is not None:
            pending.count += 1
            pending.last = now
            return
        if len(self._waiting) >= MOST_WAITING:
            DROPPED.inc()
            return
        self._waiting[key] = _Pending(involved, entry, 1, now, now)
        self._idle.clear()
        self._told.set()

    async def drained(self) -> None:
        """Until everything that was told is written (or given up)."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write until stopped."""
        self.mark_started()
        while True:
            await self._told.wait()
            self._told.clear()
            while self._waiting:
                key, pending = self._waiting.popitem(last=False)
                try:
                    async with asyncio.timeout(SECONDS), self._throttle.background():
                        await self._write(key, pending)
                except (KubeError, TimeoutError) as error:
                    DROPPED.inc()
                    self.log.info(
                        "event not written", reason=pending.entry.reason, error=str(error)
                    )
            self._idle.set()

    async def _write(self, key: str, pending: _Pending) -> None:
        namespace, name = key.split("/", 1)
        if key in self._known:
            try:
                await self._count_up(key, pending, self._known[key])
                return
            except NotFound:  # Events do not live long
                self._known.pop(key, None)
        try:
            body = self._object(namespace, name, pending)
            await self._cluster.create(resources.EVENTS, namespace, body)
            self._remember(key, pending.count)
        except AlreadyExists:
            present = await self._cluster.get(resources.EVENTS, namespace, name)
            await self._count_up(key, pending, int(present.get("count") or 1))

    async def _count_up(self, key: str, pending: _Pending, count: int) -> None:
        namespace, name = key.split("/", 1)
        count += pending.count
        body = {"count": count, "lastTimestamp": _stamp(pending.last)}
        await self._cluster.patch(resources.EVENTS, namespace, name, body)
        self._remember(key, count)

    def _remember(self, key: str, count: int) -> None:
        self._known[key] = count
        self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _object(self, namespace: str, name: str, pending: _Pending) -> Object:
        entry, involved = pending.entry, pending.involved
        meta = involved["metadata"]
        described: Object = {"name": name, "namespace": namespace}
        if entry.annotations:
            described["annotations"] = dict(entry.annotations)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": described,
            "involvedObject": {
                "apiVersion": involved.get("apiVersion", ""),
                "kind": involved.get("kind", ""),
                "name": meta["name"],
                "namespace": namespace,
                "uid": meta.get("uid", ""),
                "resourceVersion": meta.get("resourceVersion", ""),
            },
            "type": "Warning" if entry.warning else "Normal",
            "reason": entry.reason,
            "message": entry.message[:MESSAGE],
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": "",
            "count": pending.count,
            "firstTimestamp": _stamp(pending.first),
            "lastTimestamp": _stamp(pending.last),
        }


def _name(involved: Object, entry: Entry) -> str:
    """The same words about the same object give the same name."""
    meta = involved["metadata"]
    words = (meta.get("uid", ""), meta["name"], str(entry.warning), entry.reason, entry.message)
    digest = hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
    return f"{meta['name'][:230]}.{digest}"


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
