"""Which object of the API a trigger means: its resource, namespace and name.

What every cluster has is known, anything else the cluster is asked for; where it does not say,
the rule is English: lower case, plural. Name and namespace may come from an event: each must be
one step of a path, so that no event leads to another object's address.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from events.triggers.contract import FiringContext, TriggerFailed
from kube import discovery
from kube.cluster import Object
from kube.errors import KubeError
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
_EVERYWHERE = frozenset(
    {
        "v1",
        "apps/v1",
        "autoscaling/v2",
        "batch/v1",
        "networking.k8s.io/v1",
        "policy/v1",
        "rbac.authorization.k8s.io/v1",
    }
)
_ARGO = frozenset(
    {
        "ClusterWorkflowTemplate",
        "CronWorkflow",
        "EventBus",
        "EventSource",
        "Sensor",
        "Workflow",
        "WorkflowEventBinding",
        "WorkflowTemplate",
    }
)
_PLURALS = {"EventBus": "eventbus", "Endpoints": "endpoints"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z", re.ASCII)
_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[a-z0-9]+\Z", re.ASCII)
_STEP = re.compile(r"(?!\.{1,2}\Z)[^/%?#\\\x00-\x20\x7f]+\Z")


class Place(NamedTuple):
    """Where an object is. `name` may be empty: it gets one when it is created."""

    resource: Resource
    namespace: str | None
    name: str


async def place_of(context: FiringContext, obj: Object, *, named: bool = True) -> Place:
    """Where `obj` is, by what is written in it. Raises TriggerFailed (permanent)."""
    return place_among(context, await resource_of(context, obj), obj, named=named)


def place_among(
    context: FiringContext, resource: Resource, obj: Object, *, named: bool = True
) -> Place:
    """As `place_of`, whatever kind `obj` says it is."""
    meta = obj.get("metadata") or {}
    namespace = str(meta.get("namespace") or context.namespace) if resource.namespaced else None
    name = str(meta.get("name") or "")
    if named and not name:
        raise TriggerFailed("source: metadata.name is required", permanent=True)
    for field, text in (("name", name), ("namespace", namespace)):
        if text and not _STEP.match(text):
            what = f"source: metadata.{field}: {text!r} is no name"
            raise TriggerFailed(what, permanent=True)
    return Place(resource, namespace, name)


async def resource_of(context: FiringContext, obj: dict[str, Any]) -> Resource:
    """The resource of `obj`. Raises TriggerFailed (permanent)."""
    version, kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
    if not version or not kind:
        raise TriggerFailed("source: apiVersion and kind are required", permanent=True)
    if not _VERSION.match(version) or not _WORD.match(kind):
        raise TriggerFailed(f"source: {version} {kind} is no kind", permanent=True)
    argo = version == "argoproj.io/v1alpha1" and kind in _ARGO
    if version not in _EVERYWHERE and not argo:
        try:
            return await context.services.discovery.resource(version, kind)
        except discovery.UnknownKind as error:
            raise TriggerFailed(f"source: {error}", permanent=True) from None
        except KubeError:
            pass  # it may be served nevertheless: the request itself will tell
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
