"""From apiVersion and kind to the resource: what every cluster has is known, the rest by rule.

The rule is English: lower case, plural. A cluster-scoped kind that is not known here must be
written without a namespace and is recognized by that.
"""

from __future__ import annotations

from typing import Any

from kube.resources import Resource

_CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterWorkflowTemplate",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
_PLURALS = {"EventBus": "eventbus", "Endpoints": "endpoints"}


class UnknownKind(ValueError):
    """The object names no kind."""


def resource_of(obj: dict[str, Any]) -> Resource:
    """The resource of `obj`. Raises UnknownKind."""
    version, kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
    if not version or not kind:
        raise UnknownKind("source: apiVersion and kind are required")
    group, _, name = version.rpartition("/")
    return Resource(group, name, plural(kind), kind, kind not in _CLUSTER_SCOPED)


def plural(kind: str) -> str:
    """The plural of a kind, as the API machinery guesses it."""
    if (known := _PLURALS.get(kind)) is not None:
        return known
    word = kind.lower()
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"
