"""resourcesDuration: how long the containers of a pod held which resources.

Owns the sum over terminated containers of seconds times request, in units of one CPU, 100Mi of
memory, 10Gi of storage; each container and resource is cut to whole seconds on its own.
Semantics: Argo Workflows. Caller: the engine's status.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from lang import quantity

_DEFAULTS = {"cpu": "100m", "memory": "100Mi"}
_UNITS = {
    "memory": quantity.parse("100Mi"),
    "storage": quantity.parse("10Gi"),
    "ephemeral-storage": quantity.parse("10Gi"),
}
_ONE = Decimal(1)


def pod_durations(pod: Mapping[str, Any]) -> dict[str, int]:
    """Seconds by resource of a Pod object. Raises LangError(VALUE) for a bad quantity."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    seconds = _seconds(status)
    shared = spec.get("resources") or {}
    total: dict[str, int] = {}
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        held = seconds.get(container.get("name", ""), Decimal(0))
        for resource, amount in _requests(container, shared).items():
            # Requests count in thousandths, as the scheduler sees them.
            milli = Decimal(amount.milli_value()) / 1000
            used = int(milli * held / _UNITS.get(resource, _ONE))
            total[resource] = total.get(resource, 0) + used
    return total


def _seconds(status: Mapping[str, Any]) -> dict[str, Decimal]:
    """How long each terminated container ran, by name."""
    found: dict[str, Decimal] = {}
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            ended = (container.get("state") or {}).get("terminated")
            if ended and ended.get("startedAt") and ended.get("finishedAt"):
                begin = datetime.fromisoformat(ended["startedAt"])
                end = datetime.fromisoformat(ended["finishedAt"])
                found[container["name"]] = Decimal((end - begin).total_seconds())
    return found


def _requests(
    container: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, quantity.Quantity]:
    """What a container asks for: requests, filled by limits, then by the defaults.

    A container that asks for nothing has the pod's own resources.
    """
    own = container.get("resources") or {}
    if not own.get("requests") and not own.get("limits"):
        own = shared
    wanted = _DEFAULTS | (own.get("limits") or {}) | (own.get("requests") or {})
    return {name: quantity.parse_quantity(str(amount)) for name, amount in wanted.items()}
