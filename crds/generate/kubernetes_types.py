"""The table of Kubernetes' own types, read off the installed client's models.

One line per field in the small grammar of `crds.kubernetes`. What the client's models do not say
(integer widths, quantities, defaults, keyed lists) is listed here; source: the Kubernetes API.
"""

from __future__ import annotations

import re
from typing import Any

ROOTS = [
    "ObjectMeta",
    "Container",
    "Volume",
    "VolumeMount",
    "Affinity",
    "Toleration",
    "HostAlias",
    "PodSecurityContext",
    "SecurityContext",
    "ResourceRequirements",
    "PodResourceClaim",
    "LocalObjectReference",
    "PersistentVolumeClaim",
    "LabelSelector",
    "PodDNSConfig",
    "PodDisruptionBudgetSpec",
    "EnvVar",
    "EnvFromSource",
    "ServicePort",
    "SecretKeySelector",
    "ConfigMapKeySelector",
    "ObjectReference",
]

INT64 = frozenset(
    [
        "run_as_user",
        "run_as_group",
        "fs_group",
        "supplemental_groups",
        "toleration_seconds",
        "generation",
        "termination_grace_period_seconds",
        "expiration_seconds",
        "deletion_grace_period_seconds",
        "active_deadline_seconds",
        "observed_generation",
    ]
)

QUANTITIES = frozenset(
    {
        "ResourceRequirements.limits",
        "ResourceRequirements.requests",
        "VolumeResourceRequirements.limits",
        "VolumeResourceRequirements.requests",
        "EmptyDirVolumeSource.size_limit",
        "ResourceFieldSelector.divisor",
        "PersistentVolumeClaimStatus.allocated_resources",
        "PersistentVolumeClaimStatus.capacity",
    }
)

DEFAULTS: dict[str, Any] = {
    "ContainerPort.protocol": "TCP",
    "ServicePort.protocol": "TCP",
    "GRPCAction.service": "",
    "SecretKeySelector.name": "",
    "ConfigMapKeySelector.name": "",
    "SecretEnvSource.name": "",
    "ConfigMapEnvSource.name": "",
    "SecretProjection.name": "",
    "ConfigMapProjection.name": "",
    "ConfigMapVolumeSource.name": "",
    "LocalObjectReference.name": "",
    "ISCSIVolumeSource.iscsiInterface": "default",
    "RBDVolumeSource.keyring": "/etc/ceph/keyring",
    "RBDVolumeSource.pool": "rbd",
    "RBDVolumeSource.user": "admin",
    "ScaleIOVolumeSource.fsType": "xfs",
    "ScaleIOVolumeSource.storageMode": "ThinProvisioned",
    "AzureDiskVolumeSource.cachingMode": "ReadWrite",
    "AzureDiskVolumeSource.fsType": "ext4",
    "AzureDiskVolumeSource.kind": "Shared",
    "AzureDiskVolumeSource.readOnly": False,
}

LIST_KEYS = {
    "Container.ports": ["containerPort", "protocol"],
    "Container.env": ["name"],
    "Container.volumeMounts": ["mountPath"],
    "Container.volumeDevices": ["devicePath"],
    "ResourceRequirements.claims": ["name"],
}

_CONTAINER_EXTRAS = {
    "ContainerNode": {"dependencies": "[]string"},
    "UserContainer": {"mirrorVolumeMounts": "boolean"},
    "ScriptTemplate": {"source": "string"},
}

_SCALARS = {
    "str": "string",
    "bool": "boolean",
    "float": "number",
    "datetime": "time",
    "object": "json",
    "bytearray": "string",
    "bytes": "string",
}
_LIST = re.compile(r"List\[(.*)\]")
_MAP = re.compile(r"Dict\[str, (.*)\]")


def reachable(roots: list[str]) -> dict[str, dict[str, str]]:
    """Every type reachable from `roots`: its fields in the grammar of `crds.kubernetes`."""
    found: dict[str, dict[str, str]] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _fields(name, waiting)
    return dict(sorted(found.items()))


def table() -> dict[str, dict[str, str]]:
    """The types inside Argo's kinds, with what Argo adds to containers."""
    found = reachable(ROOTS)
    for name, extra in _CONTAINER_EXTRAS.items():
        fields = {**found["Container"], **extra}
        if name == "ScriptTemplate":
            fields["name"] = "string"
        found[name] = dict(sorted(fields.items()))
    # An EventSource or workflow names no container: the step does.
    found["Container"]["name"] = "string"
    return dict(sorted(found.items()))


def _fields(name: str, waiting: list[str]) -> dict[str, str]:
    source = model(name)
    fields = {}
    for attribute, written in source.openapi_types.items():
        kind = _kind(f"{name}.{attribute}", attribute, written, waiting)
        names = (attribute, f"var{attribute}", f"var_{attribute}", f"{attribute}_")
        declared = next(filter(None, map(source.model_fields.get, names)), None)
        required = declared is not None and declared.is_required()
        field = source.attribute_map[attribute]
        optional = f"{name}.{field}" in DEFAULTS
        fields[field] = kind + ("!" if required and not optional else "")
    return dict(sorted(fields.items()))


def _kind(place: str, attribute: str, written: str, waiting: list[str]) -> str:
    if listed := _LIST.fullmatch(written):
        return "[]" + _kind(place, attribute, listed[1], waiting)
    if mapped := _MAP.fullmatch(written):
        return "{}" + _kind(place, attribute, mapped[1], waiting)
    if written == "int":
        return "int64" if attribute in INT64 else "int32"
    if written == "str" and place in QUANTITIES:
        return "quantity"
    if written == "object" and place not in _ANY:
        return "intOrString"
    if written in _SCALARS:
        return _SCALARS[written]
    name = re.sub(r"^(Core)?V1", "", written)
    waiting.append(name)
    return name


_ANY = frozenset({"ManagedFieldsEntry.fields_v1"})


def model(name: str) -> Any:
    """The client's model of a type. Raises LookupError."""
    from kubernetes.client import models

    for spelling in (f"V1{name}", f"CoreV1{name}", name):
        found = getattr(models, spelling, None)
        if found is not None:
            return found
    raise LookupError(f"the client has no model {name}")
