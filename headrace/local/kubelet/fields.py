"""What a pod may ask about itself: `fieldRef` and `resourceFieldRef`, in env and in volumes.

Source of paths and formats: Kubernetes `pkg/fieldpath` and the downward API's documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from headrace.local.kubelet import amounts
from headrace.local.kubelet.amounts import Amount
from headrace.local.kubelet.errors import ConfigError
from kube.cluster import Object

ADDRESS = "127.0.0.1"
_KEYED = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


def field(pod: Object, path: str) -> str:
    """The value at a field path. Raises ConfigError for a path that is not supported."""
    meta, spec = pod["metadata"], pod["spec"]
    match path:
        case "metadata.name" | "metadata.namespace" | "metadata.uid":
            return str(meta.get(path.removeprefix("metadata.")) or "")
        case "metadata.labels" | "metadata.annotations":
            entries = meta.get(path.removeprefix("metadata.")) or {}
            return "\n".join(f"{k}={json.dumps(v)}" for k, v in sorted(entries.items()))
        case "spec.nodeName":
            return str(spec.get("nodeName") or "")
        case "spec.serviceAccountName":
            return str(spec.get("serviceAccountName") or "default")
        case "status.podIP" | "status.hostIP" | "status.podIPs" | "status.hostIPs":
            return ADDRESS
        case _:
            return _keyed(meta, path)


def _keyed(meta: Object, path: str) -> str:
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return str((meta.get(keyed[1]) or {}).get(keyed[2], ""))
    raise ConfigError(f"unsupported fieldPath: {path}")


def resource(pod: Object, reference: Mapping[str, Any], own: str, node: Amount) -> str:
    """The value of a `resourceFieldRef`; a missing limit is what the node has."""
    name = reference.get("containerName") or own
    spec = pod["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    container = next((c for c in containers if c["name"] == name), None)
    if container is None:
        raise ConfigError(f"container {name} not found")
    wanted = str(reference["resource"])
    which, _, kind = wanted.partition(".")
    if which not in {"limits", "requests"}:
        raise ConfigError(f"unsupported container resource : {wanted}")
    chosen = amounts.of(container, which)
    value = chosen.cpu if kind == "cpu" else chosen.memory
    if kind not in {"cpu", "memory"}:
        given = ((container.get("resources") or {}).get(which) or {}).get(kind, 0)
        value = amounts.parsed(given)
    elif not value and which == "limits":
        value = node.cpu if kind == "cpu" else node.memory
    return amounts.divided(Decimal(value), reference.get("divisor"))
