"""Admission that workflows feel: LimitRange defaults, priority classes, quotas, accounts.

Source: the Kubernetes admission plugins of the same names. Quota usage is counted from the state
at each creation in a namespace that has a quota; namespaces without one pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from headrace.local.apiserver import refusals
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.state import Key, State
from kube.cluster import Object
from lang import quantity
from lang.errors import LangError

BUILTIN_PRIORITIES = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
COUNTED = {
    "configmaps": "configmaps",
    "secrets": "secrets",
    "services": "services",
    "persistentvolumeclaims": "persistentvolumeclaims",
    "pods": "pods",
}
ENDED = {"Succeeded", "Failed"}


class Admission:
    """Changes and refuses objects on their way in."""

    def __init__(self, state: State, fields: list[Any] | None = None) -> None:
        self._state = state
        self._fields = fields

    def carrying(self, fields: list[Any]) -> Admission:
        """The same, which also puts an applier's `managedFields` on what it creates."""
        return Admission(self._state, fields)

    def create(self, kind: Kind, obj: Object) -> None:
        """Complete a new object, or raise Forbidden."""
        if self._fields is not None:
            obj["metadata"]["managedFields"] = self._fields
        if kind.custom:
            self._quota(kind, obj)
            return
        if kind.resource.kind == "Pod":
            self._limits(kind, obj)
            self._priority(kind, obj)
        self._quota(kind, obj)

    def update(self, kind: Kind, obj: Object, live: Object) -> None:
        """Nothing of this server's admission looks at updates."""

    # -- limit ranges -----------------------------------------------------------------------

    def _limits(self, kind: Kind, pod: Object) -> None:
        for limit_range in self._state.items("limitranges", pod["metadata"]["namespace"]):
            for item in limit_range["spec"].get("limits") or ():
                if item.get("type") == "Container":
                    for container in _containers(pod):
                        _default_limits(container, item)
                        self._within(kind, pod, container, item)

    def _within(
        self, kind: Kind, pod: Object, container: dict[str, Any], item: dict[str, Any]
    ) -> None:
        resources = container["resources"]
        for bound, group, sign, word in (
            ("max", "limits", 1, "maximum"),
            ("min", "requests", -1, "minimum"),
        ):
            for name, amount in (item.get(bound) or {}).items():
                used = (resources.get(group) or {}).get(name)
                if used is None:
                    why = (
                        f"{word} {name} usage per Container is {amount}.  "
                        f"No {group[:-1]} is specified"
                    )
                    raise refusals.forbidden(kind, pod["metadata"]["name"], why)
                if sign * (quantity.parse(used) - quantity.parse(amount)) > 0:
                    why = (
                        f"{word} {name} usage per Container is {amount}, but {group[:-1]} is {used}"
                    )
                    raise refusals.forbidden(kind, pod["metadata"]["name"], why)

    # -- priority ---------------------------------------------------------------------------

    def _priority(self, kind: Kind, pod: Object) -> None:
        spec = pod["spec"]
        name = spec.get("priorityClassName")
        if not name:
            chosen = next(
                (
                    c
                    for c in self._state.items("priorityclasses.scheduling.k8s.io")
                    if c.get("globalDefault")
                ),
                None,
            )
            if chosen is None:
                spec["priority"] = 0
                spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
                return
            spec["priorityClassName"] = chosen["metadata"]["name"]
        else:
            if name in BUILTIN_PRIORITIES:
                spec["priority"] = BUILTIN_PRIORITIES[name]
                return
            chosen = self._state.newest(Key("priorityclasses.scheduling.k8s.io", "", name))
            if chosen is None:
                why = f"no PriorityClass with name {name} was found"
                raise refusals.forbidden(kind, pod["metadata"]["name"], why)
        spec["priority"] = chosen.get("value", 0)
        spec["preemptionPolicy"] = chosen.get("preemptionPolicy", "PreemptLowerPriority")

    # -- quotas -----------------------------------------------------------------------------

    def _quota(self, kind: Kind, obj: Object) -> None:
        namespace = obj["metadata"].get("namespace")
        if not namespace or not self._state.count("resourcequotas", namespace):
            return
        asked = dict(usage_of(kind.key, obj))
        for quota in self._state.items("resourcequotas", namespace):
            hard = (quota.get("spec") or {}).get("hard") or {}
            named = {name: amount for name, amount in asked.items() if name in hard}
            if kind.key == "pods":
                self._must_state(kind, obj, quota, hard)
            if not named:
                continue
            used = used_in(self._state, namespace, set(named), kind.key)
            over = [n for n, a in named.items() if used[n] + a > quantity.parse(str(hard[n]))]
            if over:
                name = quota["metadata"]["name"]
                why = (
                    f"exceeded quota: {name}, requested: {_listed(over, named)}, "
                    f"used: {_listed(over, used)}, limited: "
                    + ",".join(f"{n}={hard[n]}" for n in over)
                )
                raise refusals.forbidden(kind, obj["metadata"]["name"], why)

    def _must_state(self, kind: Kind, pod: Object, quota: Object, hard: dict[str, Any]) -> None:
        """A quota on requests or limits refuses pods that do not state them."""
        missing: dict[str, list[str]] = {}
        for name in hard:
            group, _, resource = name.partition(".")
            if name in {"cpu", "memory"}:
                group, resource = "requests", name
            if group not in {"requests", "limits"} or resource not in {"cpu", "memory"}:
                continue
            for container in pod["spec"].get("containers") or ():
                if not ((container.get("resources") or {}).get(group) or {}).get(resource):
                    missing.setdefault(name, []).append(container["name"])
        if missing:
            listed = "; ".join(f"{n} for: {','.join(c)}" for n, c in sorted(missing.items()))
            why = f"failed quota: {quota['metadata']['name']}: must specify {listed}"
            raise refusals.forbidden(kind, pod["metadata"]["name"], why)


def usage_of(key: str, obj: Object) -> Iterator[tuple[str, Decimal]]:
    """What one object counts for, by quota resource."""
    one = Decimal(1)
    yield f"count/{key}", one
    if key != "pods":
        if key in COUNTED:
            yield COUNTED[key], one
        if key == "persistentvolumeclaims":
            amount = ((obj["spec"].get("resources") or {}).get("requests") or {}).get("storage")
            if amount:
                yield "requests.storage", quantity.parse(str(amount))
        return
    if (obj.get("status") or {}).get("phase") in ENDED:
        return
    yield "pods", one
    for group in ("requests", "limits"):
        for resource in ("cpu", "memory", "ephemeral-storage"):
            total = sum((_amount(c, group, resource) for c in _containers(obj)), Decimal(0))
            if total:
                yield f"{group}.{resource}", total
                if group == "requests":
                    yield resource, total


def used_in(state: State, namespace: str, names: set[str], only: str = "") -> dict[str, Decimal]:
    """What a namespace uses of some quota resources."""
    used = dict.fromkeys(names, Decimal(0))
    for key in [only] if only else {*COUNTED, *(n.removeprefix("count/") for n in names)}:
        for obj in state.items(key, namespace):
            for name, amount in usage_of(key, obj):
                if name in used:
                    used[name] += amount
    return used


def _containers(pod: Object) -> list[dict[str, Any]]:
    return list(pod["spec"].get("containers") or ())


def _amount(container: dict[str, Any], group: str, resource: str) -> Decimal:
    text = ((container.get("resources") or {}).get(group) or {}).get(resource)
    try:
        return quantity.parse(str(text)) if text is not None else Decimal(0)
    except LangError:
        return Decimal(0)


def _default_limits(container: dict[str, Any], item: dict[str, Any]) -> None:
    resources = container.setdefault("resources", {})
    stated = set(resources.get("limits") or ())
    for name, amount in (item.get("default") or {}).items():
        resources.setdefault("limits", {}).setdefault(name, amount)
    for name, amount in (item.get("defaultRequest") or {}).items():
        if name not in stated:
            resources.setdefault("requests", {}).setdefault(name, amount)
    for name, amount in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, amount)


def _listed(names: list[str], amounts: dict[str, Decimal]) -> str:
    return ",".join(f"{name}={shown(amounts[name])}" for name in names)


def shown(amount: Decimal) -> str:
    """A quantity as people write it."""
    if amount == amount.to_integral_value():
        return str(int(amount))
    return f"{int(amount * 1000)}m"
