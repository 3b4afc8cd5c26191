"""Shared by the tests of this folder: a firing as the sensors hand it to a trigger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from events.cloudevent import CloudEvent
from events.secrets import Secrets
from events.triggers import registry
from events.triggers.contract import FiringContext, TriggerServices
from events.triggers.open_files import OpenFiles
from kube.clock import SystemClock
from kube.cluster import Cluster
from kube.egress import Egress, EgressSettings
from tests.events.support import SecretsOnly

KEY = "0123456789abcdef0123456789abcdef"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DATA = {"body": {"name": "shop", "count": 3, "topic": "orders.new"}}


def event(data: Any = None, name: str = "push") -> CloudEvent:
    body = json.dumps(DATA if data is None else data).encode()
    return CloudEvent(
        id=f"id-{name}",
        source="hooks",
        type="webhook",
        subject=name,
        time="2026-01-02T03:04:05Z",
        data=body,
    )


def context(
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    *,
    policy: Mapping[str, Any] | None = None,
    egress: EgressSettings | None = None,
    events: Mapping[str, CloudEvent] | None = None,
    cluster: Cluster | None = None,
    files: OpenFiles | None = None,
) -> FiringContext:
    clock = SystemClock()
    cluster = cluster or cast("Cluster", SecretsOnly(secrets or {}))
    services = TriggerServices(
        cluster, Secrets(cluster, clock), clock, Egress(egress), files=files or OpenFiles()
    )
    given = {"push": event()} if events is None else events
    return FiringContext(KEY, "argo", "ci", "t", given, TRACE, policy or {}, services)


async def fire(
    kind: str,
    spec: Mapping[str, Any],
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    **more: Any,
) -> str:
    """Check `spec` as a Sensor does, and fire it once."""
    trigger = registry.TRIGGERS[kind]
    assert trigger.check(spec) is None
    return await trigger.fire(context(secrets, **more), spec)


def whole(dest: str = "", key: str = "body") -> dict[str, Any]:
    """A payload entry: a part of the event, as JSON."""
    return {"src": {"dependencyName": "push", "dataKey": key, "useRawData": True}, "dest": dest}


def taken(key: str, dest: str) -> dict[str, Any]:
    """A parameter: a text of the event."""
    return {"src": {"dependencyName": "push", "dataKey": key}, "dest": dest}


def selector(name: str, key: str) -> dict[str, str]:
    return {"name": name, "key": key}
