"""`k8s`: create, update, patch or delete any Kubernetes object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.sensors import parameters
from events.triggers import k8s_changes, kinds, objects, policy, source
from events.triggers.contract import FiringContext
from events.triggers.kinds import Place
from kube.cluster import PatchType
from kube.errors import NotFound

_OPERATIONS = ("create", "update", "patch", "delete")


class KubernetesTrigger:
    """See `Trigger`."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """The source and the operation."""
        if (spec.get("operation") or "create") not in _OPERATIONS:
            return f"operation: must be one of {', '.join(_OPERATIONS)}"
        strategy = spec.get("patchStrategy")
        if strategy and strategy not in list(PatchType):
            return f"patchStrategy: {strategy!r} is none of {', '.join(PatchType)}"
        return source.fault(spec.get("source"))

    async def fire(self, context: FiringContext, spec: Mapping[str, Any]) -> str:
        """Do the operation."""
        written = await source.fetch(context, spec["source"])
        wanted = spec.get("parameters") or ()
        operation = spec.get("operation") or "create"
        if operation == "update" and spec.get("liveObject"):
            place = await kinds.place_of(context, written)
            made = await k8s_changes.update_live(context, place, wanted)
        else:
            obj = parameters.apply_object(written, wanted, context.events)
            place = await kinds.place_of(context, obj, named=operation != "create")
            match operation:
                case "create":
                    made = await objects.create(context, place, obj)
                case "update":
                    made = await k8s_changes.update(context, place, obj)
                case "patch":
                    strategy = PatchType(spec.get("patchStrategy") or PatchType.MERGE)
                    made = await k8s_changes.patch(context, place, obj, strategy)
                case _:
                    return await _delete(context, place)
        await policy.wait_for_labels(context, place.resource, made)
        return objects.reference(made)


async def _delete(context: FiringContext, place: Place) -> str:
    shown = f"{place.resource.kind}/{place.namespace or ''}/{place.name}"
    try:
        await context.services.cluster.delete(*place)
    except NotFound:
        return f"{shown} (was not there)"
    return f"{shown} (deleted)"
