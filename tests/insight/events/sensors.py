"""Sensors and stored events for the tests of this folder."""

from __future__ import annotations

import json
from typing import Any

from events.bus.memory import MemoryBus
from events.cloudevent import CloudEvent
from events.ledger.reading import EventEntry
from events.sensors.compiled import Sensor, compile_sensor
from tests.events import dispatching


def written(dependencies: list[dict[str, Any]], triggers: list[dict[str, Any]]) -> dict[str, Any]:
    """A Sensor object on the EventSource `hooks`."""
    meta = {"name": "s", "namespace": "argo", "uid": "u", "generation": 1}
    spec = {"dependencies": dependencies, "triggers": triggers}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": meta,
        "spec": spec,
    }


def on(event: str, name: str = "", **more: Any) -> dict[str, Any]:
    """A dependency."""
    return {"name": name or event, "eventSourceName": "hooks", "eventName": event, **more}


def makes(name: str, *keys: str, dependency: str = "push", **more: Any) -> dict[str, Any]:
    """A trigger that puts values of the data into a ConfigMap."""
    resource = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}
    parameters = [
        {"src": {"dependencyName": dependency, "dataKey": key}, "dest": f"data.{key}"}
        for key in keys
    ]
    creates = {
        "operation": "create",
        "source": {"resource": resource},
        "parameters": parameters,
    }
    return {"template": {"name": name, "k8s": creates, **more}}


def logs(name: str, **more: Any) -> dict[str, Any]:
    """A trigger that only logs."""
    return {"template": {"name": name, "log": {}, **more}}


def compiled(dependencies: list[dict[str, Any]], triggers: list[dict[str, Any]]) -> Sensor:
    return compile_sensor(written(dependencies, triggers))


def stored(
    data: Any, event: str = "push", identity: str = "e1", at: float = 1_767_225_600.0
) -> EventEntry:
    """An event as the ledger gives it, `at` in epoch seconds."""
    body = json.dumps(data).encode()
    found = CloudEvent(identity, "hooks", "webhook", event, "2026-01-01T00:00:00Z", body)
    return EventEntry(1, at, identity, "hooks", event, found, (), "")


async def published(bus: MemoryBus, *identities: str, event: str = "push") -> None:
    for identity in identities:
        await dispatching.publish(bus, event, identity)
