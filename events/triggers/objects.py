"""Creating Kubernetes objects once per firing.

The name is derived from the firing key (the user's generateName stays the prefix), so a second
create meets 409 and finds its own mark on the object.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from events.triggers.contract import FiringContext, TriggerFailed
from kube.cluster import Object
from kube.errors import AlreadyExists
from kube.resources import Resource

SENSOR_LABEL = "events.argoproj.io/sensor"
TRIGGER_LABEL = "events.argoproj.io/trigger"
TIME_LABEL = "events.argoproj.io/action-timestamp"
FIRING = "headrace.dev/firing"
EVENTS = "headrace.dev/events"
TRACE = "headrace.dev/traceparent"
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z", re.ASCII)
_ALPHABET = "0123456789bcdfghjklmnpqrstvwxz"
_SUFFIX = 8
_MAX_NAME = 63


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
        found = await cluster.get(resource, namespace, name)
        mark = (found["metadata"].get("annotations") or {}).get(FIRING)
        if mark == context.key:
            return found
        what = f"{resource.kind} {name!r} already exists and is not of this firing"
        raise TriggerFailed(what, permanent=True) from None


def reference(obj: Object) -> str:
    """`Kind/namespace/name`."""
    meta = obj["metadata"]
    return f"{obj.get('kind', '')}/{meta.get('namespace', '')}/{meta['name']}"
