"""How lists and maps of an object merge: which are keyed, which are sets, which are atomic.

One view over two sources: the types of builtin kinds with their merge keys, and the structural
schemas of custom ones. Used by strategic merge patches and by server-side apply.
"""

from __future__ import annotations

from typing import Any

from headrace.local.apiserver import types
from headrace.local.apiserver.kinds import Kind

# Kubernetes API types, `patchMergeKey` (or list-map-keys where there are more than one).
MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "PodSpec.containers": ("name",),
    "PodSpec.initContainers": ("name",),
    "PodSpec.ephemeralContainers": ("name",),
    "PodSpec.volumes": ("name",),
    "PodSpec.imagePullSecrets": ("name",),
    "PodSpec.hostAliases": ("ip",),
    "PodSpec.resourceClaims": ("name",),
    "PodSpec.schedulingGates": ("name",),
    "PodSpec.topologySpreadConstraints": ("topologyKey",),
    "Container.env": ("name",),
    "Container.ports": ("containerPort",),
    "Container.volumeMounts": ("mountPath",),
    "Container.volumeDevices": ("devicePath",),
    "EphemeralContainer.env": ("name",),
    "EphemeralContainer.ports": ("containerPort",),
    "EphemeralContainer.volumeMounts": ("mountPath",),
    "EphemeralContainer.volumeDevices": ("devicePath",),
    "ObjectMeta.ownerReferences": ("uid",),
    "PodStatus.conditions": ("type",),
    "PodStatus.podIPs": ("ip",),
    "PodStatus.hostIPs": ("ip",),
    "NodeStatus.conditions": ("type",),
    "NodeStatus.addresses": ("type",),
    "NamespaceStatus.conditions": ("type",),
    "ServiceStatus.conditions": ("type",),
    "ServiceSpec.ports": ("port",),
    "ServiceAccount.secrets": ("name",),
    "ServiceAccount.imagePullSecrets": ("name",),
    "PersistentVolumeClaimStatus.conditions": ("type",),
    "PodDisruptionBudgetStatus.conditions": ("type",),
}
SETS = {"ObjectMeta.finalizers", "NodeSpec.podCIDRs"}


class Shape:
    """The shape at one place of an object."""

    __slots__ = ()

    def member(self, name: str) -> Shape:
        """Of a member of this object or map."""
        return ANY

    def item(self) -> Shape:
        """Of the items of this list."""
        return ANY

    @property
    def keys(self) -> tuple[str, ...]:
        """What identifies an item of a keyed list; empty for others."""
        return ()

    @property
    def is_set(self) -> bool:
        """A list of scalars that merge by value."""
        return False

    @property
    def atomic(self) -> bool:
        """Replaced as a whole."""
        return False


ANY = Shape()
SCALAR_SET = type("ScalarSet", (Shape,), {"is_set": property(lambda _: True), "__slots__": ()})()


class TypeShape(Shape):
    """A builtin type, as the table writes it."""

    __slots__ = ("_keys", "_set", "_written")

    def __init__(self, written: str, place: str = "") -> None:
        self._written = written.rstrip("!")
        self._keys = MERGE_KEYS.get(place, ())
        self._set = place in SETS

    def member(self, name: str) -> Shape:
        if self._written.startswith("{}"):
            return TypeShape(self._written[2:])
        fields = types.table().get(self._written)
        if fields is None or name not in fields:
            return ANY
        return TypeShape(fields[name], f"{self._written}.{name}")

    def item(self) -> Shape:
        return TypeShape(self._written[2:]) if self._written.startswith("[]") else ANY

    @property
    def keys(self) -> tuple[str, ...]:
        return self._keys

    @property
    def is_set(self) -> bool:
        return self._set


class SchemaShape(Shape):
    """A custom kind, as its structural schema says."""

    __slots__ = ("_schema",)

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema

    def member(self, name: str) -> Shape:
        properties = self._schema.get("properties") or {}
        if name in properties:
            return SchemaShape(properties[name])
        more = self._schema.get("additionalProperties")
        return SchemaShape(more) if isinstance(more, dict) else ANY

    def item(self) -> Shape:
        items = self._schema.get("items")
        return SchemaShape(items) if isinstance(items, dict) else ANY

    @property
    def keys(self) -> tuple[str, ...]:
        if self._schema.get("x-kubernetes-list-type") != "map":
            return ()
        return tuple(self._schema.get("x-kubernetes-list-map-keys") or ())

    @property
    def is_set(self) -> bool:
        return self._schema.get("x-kubernetes-list-type") == "set"

    @property
    def atomic(self) -> bool:
        return self._schema.get("x-kubernetes-map-type") == "atomic"


class RootShape(Shape):
    """A custom object: its metadata is a builtin type, the rest is its schema's."""

    __slots__ = ("_schema",)

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = SchemaShape(schema)

    def member(self, name: str) -> Shape:
        return TypeShape("ObjectMeta") if name == "metadata" else self._schema.member(name)


def of(kind: Kind) -> Shape:
    """The shape of a kind's objects."""
    if kind.custom:
        return RootShape(kind.document or {})
    if types.known(kind.resource.kind):
        return TypeShape(kind.resource.kind)
    return ANY
