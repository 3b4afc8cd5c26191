"""CPU and memory of containers and pods: requests, limits, divisors, quality of service.

Source: Kubernetes `pkg/api/v1/resource/helpers.go` (a pod needs the sum of its containers with
the restartable init containers, or the peak of its init phase where that is more).
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple

from kube.cluster import Object
from lang import quantity
from lang.errors import LangError

NOTHING = Decimal(0)


class Amount(NamedTuple):
    """CPU in cores, memory in bytes."""

    cpu: Decimal = NOTHING
    memory: Decimal = NOTHING

    def plus(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.cpu + other.cpu, self.memory + other.memory)

    def minus(self, other: Amount) -> Amount:
        """What is left without `other`."""
        return Amount(self.cpu - other.cpu, self.memory - other.memory)

    def at_least(self, other: Amount) -> Amount:
        """The larger of each."""
        return Amount(max(self.cpu, other.cpu), max(self.memory, other.memory))


def parsed(text: Any) -> Decimal:
    """A quantity; what admission let through malformed counts as nothing."""
    try:
        return quantity.parse(str(text))
    except LangError:
        return NOTHING


def of(container: Object, which: str) -> Amount:
    """`requests` or `limits`; a limit without a request is the request."""
    resources = container.get("resources") or {}
    chosen = dict(resources.get(which) or {})
    if which == "requests":
        chosen = {**(resources.get("limits") or {}), **chosen}
    return Amount(parsed(chosen.get("cpu", 0)), parsed(chosen.get("memory", 0)))


def pod_requests(spec: Object) -> Amount:
    """What the scheduler counts for a pod."""
    total = Amount()
    for container in spec.get("containers") or ():
        total = total.plus(of(container, "requests"))
    sidecars, peak = Amount(), Amount()
    for container in spec.get("initContainers") or ():
        wanted = of(container, "requests")
        if container.get("restartPolicy") == "Always":
            sidecars = sidecars.plus(wanted)
            peak = peak.at_least(sidecars)
        else:
            peak = peak.at_least(sidecars.plus(wanted))
    overhead = spec.get("overhead") or {}
    extra = Amount(parsed(overhead.get("cpu", 0)), parsed(overhead.get("memory", 0)))
    return total.plus(sidecars).at_least(peak).plus(extra)


def memory_limit(container: Object) -> int:
    """Bytes, 0 for none."""
    return int(of(container, "limits").memory)


def divided(amount: Decimal, divisor: Any) -> str:
    """`resourceFieldRef` with its divisor: whole units, rounded up."""
    unit = parsed(divisor or "1") or Decimal(1)
    return str(math.ceil(amount / unit))


def qos_class(spec: Object) -> str:
    """BestEffort, Burstable or Guaranteed."""
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    pairs = [(of(c, "requests"), of(c, "limits")) for c in containers]
    if not any(any(request) or any(limit) for request, limit in pairs):
        return "BestEffort"
    exact = all(all(limit) and request == limit for request, limit in pairs)
    return "Guaranteed" if exact else "Burstable"
