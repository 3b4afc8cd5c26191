"""`k8s`: create, update, patch or delete any Kubernetes object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.sensors import parameters
from events.triggers import kinds, objects, policy, source
from events.triggers.contract import FiringContext, TriggerFailed
from kube.cluster import Object, PatchOptions, PatchType
from kube.errors import Conflict, NotFound
from kube.resources import Resource

_OPERATIONS = ("create", "update", "patch", "delete")
_CONFLICT_TRIES = 5


class KubernetesTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """The source and the operation."""
        if (spec.get("operation") or "create") not in _OPERATIONS:
            return f"operation: must be one of {', '.join(_OPERATIONS)}"
        strategy = spec.get("patchStrategy")
        if strategy and strategy not in list(PatchType):
            return f"patchStrategy: {strategy!r} is no patch type"
        return source.fault(spec.get("source"))

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Do the operation."""
        written = await source.fetch(context, spec["source"])
        try:
            resource = kinds.resource_of(written)
        except kinds.UnknownKind as error:
            raise TriggerFailed(str(error), permanent=True) from None
        operation = spec.get("operation") or "create"
        namespace = _namespace(context, resource, written)
        if spec.get("liveObject") and operation == "update":
            name = (written.get("metadata") or {}).get("name") or ""
            written = await context.services.cluster.get(resource, namespace, name)
        obj = parameters.apply_object(written, spec.get("parameters") or (), context.events)
        namespace = _namespace(context, resource, obj)
        match operation:
            case "create":
                made = await _create(context, resource, namespace, obj)
            case "update":
                made = await _update(context, resource, namespace, obj)
            case "patch":
                strategy = spec.get("patchStrategy") or PatchType.MERGE
                made = await _patch(context, resource, namespace, obj, PatchType(strategy))
            case _:
                return await _delete(context, resource, namespace, obj)
        await policy.wait_for_labels(context, resource, made)
        return objects.reference(made)


def _namespace(context: FiringContext, resource: Resource, obj: Object) -> str | None:
    if not resource.namespaced:
        return None
    return str((obj.get("metadata") or {}).get("namespace") or context.namespace)


async def _create(
    context: FiringContext, resource: Resource, namespace: str | None, obj: Object
) -> Object:
    marked = objects.marked(context, obj)
    meta = marked["metadata"]
    if not meta.get("name"):
        what = "source: metadata.name or metadata.generateName is required"
        raise TriggerFailed(what, permanent=True)
    if namespace is not None:
        meta["namespace"] = namespace
    return await objects.create_once(context, resource, namespace, marked)


def _name(obj: Object) -> str:
    name = (obj.get("metadata") or {}).get("name")
    if not name:
        raise TriggerFailed("source: metadata.name is required", permanent=True)
    return str(name)


async def _update(
    context: FiringContext, resource: Resource, namespace: str | None, obj: Object
) -> Object:
    """Merge `obj` over the object there is (lists are replaced); create a missing one."""
    cluster = context.services.cluster
    for attempt in range(_CONFLICT_TRIES):
        try:
            current = await cluster.get(resource, namespace, _name(obj))
        except NotFound:
            return await _create(context, resource, namespace, obj)
        merged = _merged(current, obj)
        merged["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        try:
            return await cluster.update(resource, namespace, merged)
        except Conflict:
            if attempt == _CONFLICT_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _merged(below: Any, above: Any) -> Any:
    """Objects are merged; anything else above wins unless it is empty."""
    if isinstance(below, dict) and isinstance(above, dict):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _merged(below[key], value) if key in below else value
        return merged
    empty = above is None or above == "" or above == [] or above == {}
    zero = above is False or (isinstance(above, int | float) and above == 0)
    return below if empty or zero else above


async def _patch(
    context: FiringContext,
    resource: Resource,
    namespace: str | None,
    obj: Object,
    strategy: PatchType,
) -> Object:
    cluster = context.services.cluster
    name = _name(obj)
    try:
        await cluster.get(resource, namespace, name)
    except NotFound:
        return await _create(context, resource, namespace, obj)
    body: Any = obj
    if strategy is PatchType.JSON:
        body = obj.get("patch")
        if not isinstance(body, list):
            raise TriggerFailed("source: a JSON patch needs a list `patch`", permanent=True)
    options = PatchOptions(strategy, field_manager="headrace-sensor", force=True)
    return await cluster.patch(resource, namespace, name, body, options)


async def _delete(
    context: FiringContext, resource: Resource, namespace: str | None, obj: Object
) -> str:
    name = _name(obj)
    try:
        await context.services.cluster.delete(resource, namespace, name)
    except NotFound:
        return f"{resource.kind}/{namespace or ''}/{name} (was not there)"
    return f"{resource.kind}/{namespace or ''}/{name} (deleted)"
