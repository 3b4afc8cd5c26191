"""A container's environment, as the kubelet makes it.

Order: `envFrom` in order, then `env` in order, each value expanded with what came before it.
Source: Kubernetes `kubelet_pods.go makeEnvironmentVariables`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headrace.local.kubelet import expansion, fields
from headrace.local.kubelet.amounts import Amount
from headrace.local.kubelet.errors import ConfigError
from headrace.local.kubelet.references import References
from kube.cluster import Object

_NAME = re.compile(r"[^\x00=]+")


async def variables(
    pod: Object, container: Object, references: References, node: Amount, given: Mapping[str, str]
) -> dict[str, str]:
    """All variables; `given` are the machine's own, which the pod may override.

    Raises ConfigError with the kubelet's message.
    """
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix") or ""
        for key, content in (await _from(source, references)).items():
            if _NAME.fullmatch(prefix + key):
                found[prefix + key] = content.decode(errors="replace")
    for entry in container.get("env") or ():
        name = entry["name"]
        if entry.get("valueFrom"):
            value = await _value(pod, container, entry["valueFrom"], references, node)
            if value is None:
                continue
        else:
            value = expansion.expand(str(entry.get("value") or ""), found)
        found[name] = value
    return {**given, **found}


async def _from(source: Mapping[str, Any], references: References) -> dict[str, bytes]:
    if chosen := source.get("configMapRef"):
        found = await references.config_map(
            chosen.get("name", ""), optional=bool(chosen.get("optional"))
        )
    elif chosen := source.get("secretRef"):
        found = await references.secret(
            chosen.get("name", ""), optional=bool(chosen.get("optional"))
        )
    else:
        return {}
    return found or {}


async def _value(
    pod: Object,
    container: Object,
    source: Mapping[str, Any],
    references: References,
    node: Amount,
) -> str | None:
    if chosen := source.get("fieldRef"):
        return fields.field(pod, chosen["fieldPath"])
    if chosen := source.get("resourceFieldRef"):
        return fields.resource(pod, chosen, container["name"], node)
    namespace = pod["metadata"].get("namespace", "")
    if chosen := source.get("configMapKeyRef"):
        optional = bool(chosen.get("optional"))
        data = await references.config_map(chosen.get("name", ""), optional=optional)
        what = f"ConfigMap {namespace}/{chosen.get('name', '')}"
    elif chosen := source.get("secretKeyRef"):
        optional = bool(chosen.get("optional"))
        data = await references.secret(chosen.get("name", ""), optional=optional)
        what = f"Secret {namespace}/{chosen.get('name', '')}"
    else:
        return None
    if data is None:
        return None
    if chosen["key"] not in data:
        if optional:
            return None
        raise ConfigError(f"couldn't find key {chosen['key']} in {what}")
    return data[chosen["key"]].decode(errors="replace")
