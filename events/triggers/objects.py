"""Creating Kubernetes objects once per firing, and changing them once.

The name is derived from the firing key (the user's generateName stays the prefix), so a second
create meets 409 and finds its own mark on the object. A change that would be another one the
second time (a retry, an item appended to a list) leaves a mark of its own, `CHANGE`: the mark of
the firing that made the object stays.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.kinds import Place
from kube.cluster import Object
from kube.errors import AlreadyExists, NotFound
from kube.resources import Resource

SENSOR_LABEL = "events.argoproj.io/sensor"
TRIGGER_LABEL = "events.argoproj.io/trigger"
TIME_LABEL = "events.argoproj.io/action-timestamp"
FIRING = "headrace.dev/firing"
CHANGE = "headrace.dev/change"
EVENTS = "headrace.dev/events"
TRACE = "headrace.dev/traceparent"
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z", re.ASCII)
_ALPHABET = "0123456789bcdfghjklmnpqrstvwxz"
_SUFFIX = 8
_MAX_NAME = 63
_CHANGES = 16


def suffix(key: str) -> str:
    """Eight letters and digits that stand for a firing key (39 bits)."""
    number = int(key, 16)
    letters = []
    for _ in range(_SUFFIX):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def named(prefix: str, key: str) -> str:
    """The name that a firing gives an object with this `generateName`."""
    return prefix[: _MAX_NAME - _SUFFIX] + suffix(key)


def marked(context: FiringContext, obj: Object) -> Object:
    """A copy of `obj` with its name, and the marks of the firing."""
    obj = copy.deepcopy(obj)
    meta: dict[str, Any] = obj.setdefault("metadata", {})
    if not meta.get("name") and meta.get("generateName"):
        prefix = str(meta.pop("generateName"))
        meta["name"] = named(prefix, context.key)
    labels = dict(meta.get("labels") or {})
    names = {SENSOR_LABEL: context.sensor, TRIGGER_LABEL: context.trigger}
    labels |= {label: value for label, value in names.items() if _LABEL.match(value)}
    labels[TIME_LABEL] = str(int(context.services.clock.now() * 1000))
    meta["labels"] = labels
    annotations = dict(meta.get("annotations") or {})
    annotations[FIRING] = context.key
    annotations[EVENTS] = ",".join(context.event_ids)
    if context.traceparent:
        annotations[TRACE] = context.traceparent
    meta["annotations"] = annotations
    return obj


async def create(context: FiringContext, place: Place, obj: Object) -> Object:
    """Create `obj`, marked, at its place. Raises TriggerFailed, KubeError."""
    made = marked(context, obj)
    if not made["metadata"].get("name"):
        what = "source: metadata.name or metadata.generateName is required"
        raise TriggerFailed(what, permanent=True)
    if place.namespace is not None:
        made["metadata"]["namespace"] = place.namespace
    return await create_once(context, place.resource, place.namespace, made)


async def create_once(
    context: FiringContext, resource: Resource, namespace: str | None, obj: Object
) -> Object:
    """Create the marked `obj`; an object that carries this firing's mark is the same one.

    Raises TriggerFailed when the name belongs to something else, KubeError.
    """
    cluster = context.services.cluster
    try:
        return await cluster.create(resource, namespace, obj)
    except AlreadyExists:
        name = obj["metadata"]["name"]
        try:
            found = await cluster.get(resource, namespace, name)
        except NotFound:
            raise TriggerFailed(f"{resource.kind} {name!r} was there and is gone") from None
        if (found["metadata"].get("annotations") or {}).get(FIRING) == context.key:
            return found
        what = f"{resource.kind} {name!r} already exists and is not of this firing"
        raise TriggerFailed(what, permanent=True) from None


def changed(context: FiringContext, obj: Object) -> bool:
    """Whether this firing has changed `obj` already."""
    return context.key in _changes(obj)


def with_change(context: FiringContext, obj: Object) -> Object:
    """`obj` with the mark of this firing's change; shares everything else with it."""
    meta = obj["metadata"]
    annotations = {**(meta.get("annotations") or {}), CHANGE: change_mark(context, obj)}
    return {**obj, "metadata": {**meta, "annotations": annotations}}


def change_mark(context: FiringContext, obj: Object) -> str:
    """The annotation `CHANGE`: the keys of this and the last firings that changed `obj`."""
    return ",".join([context.key, *_changes(obj)][:_CHANGES])


def _changes(obj: Object) -> list[str]:
    text = (obj["metadata"].get("annotations") or {}).get(CHANGE) or ""
    return [key for key in str(text).split(",") if key]


def reference(obj: Object) -> str:
    """`Kind/namespace/name`."""
    meta = obj["metadata"]
    return f"{obj.get('kind', '')}/{meta.get('namespace', '')}/{meta['name']}"
