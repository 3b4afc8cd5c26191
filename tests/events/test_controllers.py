"""Controllers of EventSources and Sensors when an edit and a change of the bus come together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from events.buses import Buses
from events.conditions import Condition, StatusWriter
from events.secrets import Secrets
from events.sensors import controller as sensors
from events.sources import registry
from events.sources.contract import SourceContext, SourceServices
from events.sources.controller import SourceController
from events.sources.http_gateway import GatewaySettings, HttpGateway
from events.triggers.contract import TriggerServices
from kube.clock import SystemClock
from kube.cluster import Cluster
from kube.egress import Egress
from kube.resources import EVENT_SOURCES
from kube.service import Service


class Patches:
    """The part of a cluster that takes statuses; the first patch is longest on its way."""

    def __init__(self) -> None:
        self.conditions: list[list[str]] = []
        self.turns = 10

    async def patch(self, resource: Any, namespace: str, name: str, body: Any, how: Any) -> None:
        turns, self.turns = self.turns, 0
        for _ in range(turns):
            await asyncio.sleep(0)
        self.conditions.append([c["type"] for c in body["status"]["conditions"]])


class OneBus:
    """The buses of a namespace with at most one bus, which is nothing but a name."""

    def __init__(self) -> None:
        self.bus: object | None = None
        self.on_change: list[Callable[[tuple[str, str]], Awaitable[None]]] = []

    def current(self, namespace: str, name: str) -> object | None:
        return self.bus

    def keeps(self, namespace: str, name: str) -> float:
        return 0.0

    def exists(self, namespace: str, name: str) -> bool:
        return True

    @staticmethod
    def prefix(namespace: str, name: str) -> str:
        return f"{namespace}_{name}"

    async def connected(self) -> None:
        """Another bus is there now."""
        self.bus = object()
        for listener in self.on_change:
            await listener(("argo", "default"))


class Running:
    """Counts what runs at the same time; `began` is set with the first."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.buses: list[object] = []
        self.contexts: list[SourceContext] = []
        self.began = asyncio.Event()

    async def hold(self, bus: object) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        self.buses.append(bus)
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.now -= 1

    async def on(self, bus: object) -> None:
        """Wait until something runs on `bus`."""
        async with asyncio.timeout(5):
            while not self.buses or self.buses[-1] is not bus:
                await asyncio.sleep(0)


def manifest(kind: str, spec: dict[str, Any], generation: int = 1) -> dict[str, Any]:
    meta = {"name": "x", "namespace": "argo", "uid": "1", "generation": generation}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


@pytest.fixture
def running() -> Running:
    return Running()


@pytest.fixture
def buses() -> OneBus:
    return OneBus()


@pytest.fixture
def cluster() -> Cluster:
    return cast("Cluster", Patches())


@pytest.fixture
def source_controller(
    monkeypatch: pytest.MonkeyPatch, running: Running, buses: OneBus, cluster: Cluster
) -> SourceController:
    class Held:
        async def run(self, context: SourceContext, ready: Any) -> None:
            running.contexts.append(context)
            await running.hold(context.bus)

    monkeypatch.setitem(registry.SOURCES, "webhook", registry.SourceType("webhook", Held))
    clock = SystemClock()
    services = SourceServices(
        HttpGateway(GatewaySettings()), Secrets(cluster, clock), clock, cluster
    )
    return SourceController(cluster, cast("Buses", buses), services)


@pytest.fixture
def sensor_controller(
    monkeypatch: pytest.MonkeyPatch, running: Running, buses: OneBus, cluster: Cluster
) -> sensors.SensorController:
    class Held(Service):
        serving = True

        def __init__(self, bus: object, *_: Any, **__: Any) -> None:
            super().__init__("held")
            self.bus = bus

        def put(self, sensor: Any) -> None:
            pass

        async def run(self) -> None:
            self.mark_started()
            await running.hold(self.bus)

    monkeypatch.setattr(sensors, "Dispatcher", Held)
    clock = SystemClock()
    services = TriggerServices(cluster, Secrets(cluster, clock), clock, Egress())
    return sensors.SensorController(cluster, cast("Buses", buses), services)


WEBHOOK = {"webhook": {"hook": {"port": "1", "endpoint": "/", "method": "POST"}}}
SENSOR = {
    "dependencies": [{"name": "a", "eventSourceName": "s", "eventName": "e"}],
    "triggers": [{"template": {"name": "t", "log": {}}}],
}


async def test_an_event_runs_once_when_the_bus_comes_during_an_edit(
    source_controller: SourceController, running: Running, buses: OneBus
) -> None:
    await source_controller.start()
    await buses.connected()
    await source_controller.changed(manifest("EventSource", WEBHOOK))
    await running.on(buses.bus)
    edited = {"webhook": {"hook": {**WEBHOOK["webhook"]["hook"], "endpoint": "/other"}}}
    await asyncio.gather(
        buses.connected(), source_controller.changed(manifest("EventSource", edited, 2))
    )
    await running.on(buses.bus)
    assert (running.now, running.most) == (1, 1)
    await source_controller.stop()
    assert running.now == 0


async def test_an_event_of_a_deleted_object_does_not_come_back_with_the_bus(
    source_controller: SourceController, running: Running, buses: OneBus
) -> None:
    await source_controller.start()
    await buses.connected()
    obj = manifest("EventSource", WEBHOOK)
    await source_controller.changed(obj)
    await running.on(buses.bus)
    await asyncio.gather(source_controller.deleted(obj), buses.connected())
    assert running.now == 0
    await source_controller.stop()


async def test_an_event_that_ends_knows_whether_it_is_still_wanted(
    source_controller: SourceController, running: Running, buses: OneBus
) -> None:
    await source_controller.start()
    await buses.connected()
    await source_controller.changed(manifest("EventSource", WEBHOOK))
    await running.on(buses.bus)
    context = running.contexts[0]
    assert context.wanted() == WEBHOOK["webhook"]["hook"]
    await buses.connected()
    assert context.wanted() == WEBHOOK["webhook"]["hook"]
    edited = {"webhook": {"hook": {**WEBHOOK["webhook"]["hook"], "endpoint": "/other"}}}
    await source_controller.changed(manifest("EventSource", edited, 2))
    assert context.wanted() == edited["webhook"]["hook"]
    moved = manifest("EventSource", {"github": WEBHOOK["webhook"]}, 3)
    await source_controller.changed(moved)
    assert context.wanted() is None
    await source_controller.changed(manifest("EventSource", WEBHOOK, 4))
    await source_controller.stop()
    assert context.wanted() == WEBHOOK["webhook"]["hook"]  # it comes back
    await source_controller.deleted(manifest("EventSource", WEBHOOK))
    assert context.wanted() is None


async def test_a_bus_has_one_dispatcher_whatever_comes_together(
    sensor_controller: sensors.SensorController, running: Running, buses: OneBus
) -> None:
    await sensor_controller.start()
    await sensor_controller.changed(manifest("Sensor", SENSOR))
    await sensor_controller.begin()
    await buses.connected()
    await running.on(buses.bus)
    other = manifest("Sensor", SENSOR)
    other["metadata"] |= {"name": "y", "uid": "2"}
    await asyncio.gather(buses.connected(), sensor_controller.changed(other), buses.connected())
    await running.on(buses.bus)
    assert (running.now, running.most) == (1, 1)
    await sensor_controller.stop()
    assert running.now == 0


async def test_the_newest_conditions_stand_last() -> None:
    cluster = Patches()
    writer = StatusWriter(cast("Cluster", cluster), EVENT_SOURCES)
    obj = manifest("EventSource", WEBHOOK)
    await asyncio.gather(
        *(writer.write(obj, [Condition(kind, True)], 0.0) for kind in ("Old", "New"))
    )
    assert cluster.conditions[-1] == ["New"]
