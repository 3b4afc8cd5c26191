"""Shared by the tests of the dispatcher: one on a bus in memory, and events for it."""

from __future__ import annotations

from typing import cast

from events import cloudevent
from events.bus import subjects
from events.bus.contract import Message
from events.bus.memory import MemoryBus
from events.cloudevent import CloudEvent
from events.secrets import Secrets
from events.sensors.compiled import Sensor
from events.sensors.dispatcher import Dispatcher
from events.triggers.contract import TriggerServices
from kube.clock import SystemClock
from kube.cluster import Cluster
from kube.egress import Egress
from tests.events.support import SecretsOnly


async def started(bus: MemoryBus, sensor: Sensor) -> Dispatcher:
    """A dispatcher of the namespace argo; stop it in the end."""
    cluster, clock = cast("Cluster", SecretsOnly({})), SystemClock()
    services = TriggerServices(cluster, Secrets(cluster, clock), clock, Egress())
    dispatcher = Dispatcher(bus, services, "argo.default", ttl=60.0)
    dispatcher.put(sensor)
    await dispatcher.start()
    return dispatcher


async def publish(bus: MemoryBus, name: str, identity: str, data: bytes = b"{}") -> None:
    """An event of the EventSource `hooks`."""
    event = CloudEvent(identity, "hooks", "webhook", name, "2026-01-01T00:00:00Z", data)
    subject = subjects.event("argo_default", "hooks", name)
    await bus.publish(Message(subject, identity, cloudevent.encode(event), {}))
