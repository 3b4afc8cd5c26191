"""Changing objects that are there: what `update` and `patch` of the `k8s` trigger do.

Semantics of `update`: Argo Events' deep merge, in which what is empty changes nothing and lists
are replaced. What would be another change the second time, a live object's and a JSON patch's,
is marked with the firing key and done once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events.sensors import parameters
from events.triggers import objects
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.kinds import Place
from kube.cluster import Object, PatchOptions, PatchType
from kube.errors import Conflict, Invalid, NotFound

_TRIES = 5
_MANAGER = "headrace-sensor"
_MARK = f"/metadata/annotations/{objects.CHANGE.replace('/', '~1')}"


async def update(context: FiringContext, place: Place, obj: Object) -> Object:
    """Merge `obj` over the object there is; create a missing one.

    Raises TriggerFailed, KubeError.
    """
    cluster = context.services.cluster
    for attempt in range(_TRIES):
        try:
            current = await cluster.get(*place)
        except NotFound:
            return await objects.create(context, place, obj)
        merged = _merged(current, obj)
        merged["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        try:
            return await cluster.update(place.resource, place.namespace, merged)
        except Conflict:
            if attempt == _TRIES - 1:
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


async def update_live(
    context: FiringContext, place: Place, wanted: Sequence[Mapping[str, Any]]
) -> Object:
    """Put parameters into the object as it is. Raises ParameterError, KubeError."""
    cluster = context.services.cluster
    for attempt in range(_TRIES):
        current = await cluster.get(*place)
        if objects.changed(context, current):
            return current
        changed = parameters.apply_object(current, wanted, context.events)
        marked = objects.with_change(context, changed)
        marked["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        try:
            return await cluster.update(place.resource, place.namespace, marked)
        except Conflict:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def patch(context: FiringContext, place: Place, obj: Object, strategy: PatchType) -> Object:
    """Patch the object with `obj`; create a missing one. Raises TriggerFailed, KubeError."""
    if strategy is PatchType.JSON:
        return await _json_patch(context, place, obj)
    cluster = context.services.cluster
    options = PatchOptions(strategy, field_manager=_MANAGER, force=True)
    try:
        return await cluster.patch(*place, obj, options)
    except NotFound:
        return await objects.create(context, place, obj)


async def _json_patch(context: FiringContext, place: Place, obj: Object) -> Object:
    """Make the steps of the list `patch` that `obj` holds beside its kind and name."""
    steps = obj.get("patch")
    if not isinstance(steps, list):
        raise TriggerFailed("source: a JSON patch needs a list `patch`", permanent=True)
    cluster = context.services.cluster
    options = PatchOptions(PatchType.JSON, field_manager=_MANAGER)
    for attempt in range(_TRIES):
        try:
            current = await cluster.get(*place)
        except NotFound:
            what = f"source: there is no {place.resource.kind} {place.name!r} to patch"
            raise TriggerFailed(what, permanent=True) from None
        if objects.changed(context, current):
            return current
        try:
            return await cluster.patch(*place, [*_marking(context, current), *steps], options)
        except (Conflict, Invalid):
            # Refused because of the version it was made for, or for its own sake?
            now = await cluster.get(*place)
            same = now["metadata"]["resourceVersion"] == current["metadata"]["resourceVersion"]
            if same or attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _marking(context: FiringContext, current: Object) -> list[dict[str, Any]]:
    """Steps that hold a patch to this version of the object and leave the firing's mark."""
    meta = current["metadata"]
    version = meta["resourceVersion"]
    steps = [{"op": "test", "path": "/metadata/resourceVersion", "value": version}]
    if not meta.get("annotations"):
        steps.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    return [*steps, {"op": "add", "path": _MARK, "value": objects.change_mark(context, current)}]
