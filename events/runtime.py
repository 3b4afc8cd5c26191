"""The events half of headrace as one service: EventBus, EventSource and Sensor objects, live.

Used by the composition root, which decides the cluster, where managed buses live, and the
settings. Order of start: secrets, HTTP, buses; then the objects; Sensors begin to take events
once all of them are known, so that no event meets half of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from events.buses import BusConnector, Buses
from events.secrets import Secrets
from events.sensors.controller import SensorController
from events.sources.contract import SourceServices
from events.sources.controller import SourceController
from events.sources.http_gateway import GatewaySettings, HttpGateway
from events.triggers.clients import ClientPool
from events.triggers.contract import TriggerServices
from events.triggers.open_files import OpenFiles
from kube.clock import Clock
from kube.cluster import Cluster, Object, WatchEvent
from kube.egress import Egress, EgressSettings
from kube.informers import Informer
from kube.resources import EVENT_BUSES, EVENT_SOURCES, SENSORS, Resource
from kube.service import Service

Change = Callable[[Object], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EventsSettings:
    """`namespace` None: all namespaces."""

    namespace: str | None = None
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    egress: EgressSettings = field(default_factory=EgressSettings)
    files: OpenFiles = field(default_factory=OpenFiles)


class EventsRuntime(Service):
    """See the module."""

    def __init__(
        self,
        cluster: Cluster,
        connector: BusConnector,
        clock: Clock,
        settings: EventsSettings | None = None,
    ) -> None:
        super().__init__("events")
        settings = settings or EventsSettings()
        self._cluster = cluster
        self._namespace = settings.namespace
        self.secrets = Secrets(cluster, clock)
        self.gateway = HttpGateway(settings.gateway)
        self.buses = Buses(cluster, connector, self.secrets, clock)
        self.sources = SourceController(
            cluster, self.buses, SourceServices(self.gateway, self.secrets, clock, cluster)
        )
        self.trigger_clients = ClientPool()
        self.sensors = SensorController(
            cluster,
            self.buses,
            TriggerServices(
                cluster,
                self.secrets,
                clock,
                Egress(settings.egress),
                self.trigger_clients,
                settings.files,
            ),
        )

    async def run(self) -> None:
        """Serve until stopped; parts stop in the reverse order."""
        parts: Sequence[Service] = (
            self.secrets,
            self.gateway,
            self.buses,
            self.trigger_clients,
            self.sensors,
            self.sources,
            self._follow(EVENT_BUSES, self.buses.changed, self.buses.deleted),
            self._follow(SENSORS, self.sensors.changed, self.sensors.deleted),
        )
        async with AsyncExitStack() as stack:
            for part in parts:
                stack.push_async_callback(part.stop)
                await part.start()
            await self.sensors.begin()
            last = self._follow(EVENT_SOURCES, self.sources.changed, self.sources.deleted)
            stack.push_async_callback(last.stop)
            await last.start()
            self.mark_started()
            waits = [asyncio.ensure_future(part.wait()) for part in (*parts, last)]
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for finished in done:
                    finished.result()
                raise RuntimeError("a part of the events runtime ended")
            finally:
                for wait in waits:
                    wait.cancel()

    def _follow(self, resource: Resource, changed: Change, deleted: Change) -> Informer:
        informer = Informer(self._cluster, resource, self._namespace)

        async def handle(event: WatchEvent) -> None:
            await (deleted if event.type == "DELETED" else changed)(event.object)

        informer.add_handler(handle)
        return informer
