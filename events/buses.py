"""EventBus objects and the connections behind them.

`jetstream` is the server the process was given (managed); `jetstreamExotic` brings its own URL.
`nats` (the discontinued NATS Streaming) is served by JetStream, and its condition says so.
Sources and sensors ask by namespace and name and get a started bus, or None while there is none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from events.bus import jetstream, subjects
from events.bus.contract import Bus, BusError
from events.bus_config import BadBus, BusPlan, plan
from events.conditions import Condition, StatusWriter
from events.ledger import records
from events.secrets import MissingValue, Secrets
from kube.clock import Clock
from kube.cluster import Cluster, Object
from kube.errors import KubeError
from kube.resources import EVENT_BUSES
from kube.service import Service

BusKey = tuple[str, str]
_RETRY = 2.0
_LOOK = 5.0


class BusConnector(Protocol):
    """Turns a plan into a started bus. The composition root decides where managed buses live."""

    async def connect(self, plan: BusPlan, stream: str) -> Bus:
        """A bus ready for use. Raises BusError."""
        ...


@dataclass(slots=True)
class ManagedJetStream:
    """The `BusConnector` of real use: managed buses on `managed`, others where they say."""

    managed: jetstream.Connection | None
    timing: jetstream.Timing = field(default_factory=jetstream.Timing)

    async def connect(self, plan: BusPlan, stream: str) -> Bus:
        """See `BusConnector`."""
        connection = plan.connection or self.managed
        if connection is None:
            raise BusError("no NATS server is managed here: use jetstreamExotic")
        bus = jetstream.JetStreamBus(connection, stream, plan.limits, self.timing)
        await bus.start(timeout=25.0)
        return bus


@dataclass(slots=True)
class _Entry:
    obj: Object
    plan: BusPlan | None = None
    bus: Bus | None = None
    task: asyncio.Task[None] | None = None


class Buses(Service):
    """See the module. `on_change` is called with the key whenever a bus comes or goes."""

    def __init__(
        self, cluster: Cluster, connector: BusConnector, secrets: Secrets, clock: Clock
    ) -> None:
        super().__init__("events.buses")
        self._connector = connector
        self._secrets = secrets
        self._clock = clock
        self._status = StatusWriter(cluster, EVENT_BUSES)
        self._entries: dict[BusKey, _Entry] = {}
        self.on_change: list[Callable[[BusKey], Awaitable[None]]] = []

    async def run(self) -> None:
        """Hold the connections until stopped."""
        self.mark_started()
        try:
            await asyncio.Event().wait()
        finally:
            for entry in self._entries.values():
                if entry.bus is not None:
                    with contextlib.suppress(BusError, TimeoutError):
                        await asyncio.shield(entry.bus.close())

    def current(self, namespace: str, name: str) -> Bus | None:
        """The started bus, or None."""
        entry = self._entries.get((namespace, name or "default"))
        return entry.bus if entry else None

    def exists(self, namespace: str, name: str) -> bool:
        """Whether there is such an EventBus object, connected or not."""
        return (namespace, name or "default") in self._entries

    def keeps(self, namespace: str, name: str) -> float:
        """Seconds for which the bus keeps consumed events, 0 for no limit; 0 without a bus."""
        entry = self._entries.get((namespace, name or "default"))
        return entry.plan.limits.max_age if entry is not None and entry.plan is not None else 0.0

    @staticmethod
    def prefix(namespace: str, name: str) -> str:
        """Subject prefix (and stream name) of the bus."""
        return subjects.stream(namespace, name or "default")

    async def changed(self, obj: Object) -> None:
        """An EventBus is new or edited."""
        key = _key(obj)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(obj)
        elif entry.obj.get("spec") == obj.get("spec") and entry.task is not None:
            entry.obj = obj
            return
        entry.obj = obj
        if entry.task is not None:
            entry.task.cancel()
        entry.task = self.spawn(self._keep(key, entry), f"{key[0]}/{key[1]}")

    async def deleted(self, obj: Object) -> None:
        """An EventBus is gone; what is stored stays in the server."""
        key = _key(obj)
        entry = self._entries.pop(key, None)
        self._status.forget(obj["metadata"]["uid"])
        if entry is None:
            return
        if entry.task is not None:
            entry.task.cancel()
        bus, entry.bus = entry.bus, None
        await self._tell(key)
        if bus is not None:
            await bus.close()

    async def _keep(self, key: BusKey, entry: _Entry) -> None:
        """Connect, again and again until it works; then the client reconnects by itself. New
        certificates make a new connection."""
        while True:
            try:
                wanted = await plan(self._secrets, key[0], entry.obj.get("spec") or {})
                old, entry.bus = entry.bus, None
                if old is not None:
                    await self._tell(key)
                    await old.close()
                bus = await self._connector.connect(wanted, self.prefix(*key))
                # The sensors' position exists before anybody can publish: nothing slips by.
                await (await bus.subscribe(records.DURABLE)).close()
                entry.bus, entry.plan = bus, wanted
            except (BadBus, MissingValue) as error:
                await self._report(entry, Condition("Configured", False, "InvalidSpec", str(error)))
            except (BusError, KubeError, TimeoutError) as error:
                text = str(error) or "the server did not answer in time"
                await self._report(entry, Condition("Configured", True), why=text)
            else:
                note = Condition("Configured", True, "JetStream", wanted.note)
                await self._report(entry, note, ready=True)
                await self._tell(key)
                await self._while_it_holds(key, entry, wanted)
                continue
            await asyncio.sleep(_RETRY)

    async def _while_it_holds(self, key: BusKey, entry: _Entry, made: BusPlan) -> None:
        """Until the certificates in the Secrets are others; the login is read at each connect."""
        while True:
            await asyncio.sleep(_LOOK)
            if not made.certificates:
                continue
            with contextlib.suppress(BadBus, MissingValue, KubeError):  # then the old ones count
                found = await plan(self._secrets, key[0], entry.obj.get("spec") or {})
                if found.certificates != made.certificates:
                    return

    async def _report(
        self, entry: _Entry, configured: Condition, *, why: str = "", ready: bool = False
    ) -> None:
        reason = "" if ready else "NotConnected"
        conditions = [configured, Condition("Deployed", ready, reason, why)]
        await self._status.write(entry.obj, conditions, self._clock.now())

    async def _tell(self, key: BusKey) -> None:
        for listener in self.on_change:
            await listener(key)


def _key(obj: Mapping[str, Any]) -> BusKey:
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]
