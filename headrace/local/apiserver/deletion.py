"""What deleting means: preconditions, grace, finalizers, and what happens to dependents.

Source: Kubernetes `registry/rest/delete.go` and `pkg/registry/core/pod/strategy.go`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.local.apiserver import refusals
from headrace.local.apiserver.kinds import Kind
from kube import errors
from kube.cluster import Object

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
ENDED = {"Succeeded", "Failed"}


@dataclass(frozen=True, slots=True)
class Options:
    """As in DeleteOptions; `grace` None is the object's own."""

    uid: str = ""
    resource_version: str = ""
    propagation: str = "Background"
    grace: int | None = None
    dry_run: bool = False


def options_of(body: Any, query: dict[str, str]) -> Options:
    """From a request's body and query; the query fills what the body leaves out."""
    body = body if isinstance(body, dict) else {}
    before = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds")
    if grace is None and query.get("gracePeriodSeconds"):
        grace = int(query["gracePeriodSeconds"])
    propagation = body.get("propagationPolicy") or query.get("propagationPolicy")
    if body.get("orphanDependents") is True or query.get("orphanDependents") == "true":
        propagation = "Orphan"
    return Options(
        uid=before.get("uid") or "",
        resource_version=before.get("resourceVersion") or "",
        propagation=propagation or "Background",
        grace=grace,
        dry_run=bool(body.get("dryRun")) or query.get("dryRun") == "All",
    )


def check(kind: Kind, live: Object, options: Options) -> None:
    """Raises Conflict when the object is not the one that was meant."""
    meta = live["metadata"]
    name = kind.resource.kind
    if options.uid and options.uid != meta["uid"]:
        message = (
            f'Operation cannot be fulfilled on {name} "{meta["name"]}": the UID in the '
            f"precondition {options.uid} does not match the UID in record {meta['uid']}. The "
            "object might have been deleted and then recreated"
        )
        raise refusals.raised(errors.Conflict, message, {"name": meta["name"], "kind": name})
    if options.resource_version and options.resource_version != meta["resourceVersion"]:
        raise refusals.conflict(kind, meta["name"])


def marked(kind: Kind, live: Object, options: Options) -> tuple[Object, bool]:
    """The object as the deletion leaves it, and whether it is gone at once."""
    obj = copy.copy(live)
    meta: dict[str, Any] = dict(live["metadata"])
    obj["metadata"] = meta
    finalizers = [f for f in meta.get("finalizers") or () if f not in {FOREGROUND, ORPHAN}]
    if options.propagation == "Foreground":
        finalizers.append(FOREGROUND)
    elif options.propagation == "Orphan":
        finalizers.append(ORPHAN)
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    grace = _grace(kind, live, options)
    present = meta.get("deletionGracePeriodSeconds")
    if not meta.get("deletionTimestamp"):
        meta["deletionTimestamp"] = _at(grace)
        meta["deletionGracePeriodSeconds"] = grace
        if kind.generation and "generation" in meta:
            meta["generation"] += 1
    elif present is not None and grace < present:
        meta["deletionTimestamp"] = _at(grace)
        meta["deletionGracePeriodSeconds"] = grace
    if kind.resource.kind == "Namespace":
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    return obj, finished(kind, obj)


def finished(kind: Kind, obj: Object) -> bool:
    """Whether an object that is being deleted has nothing left to wait for."""
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers"):
        return False
    if kind.resource.kind == "Namespace":
        return not (obj.get("spec") or {}).get("finalizers")
    return not meta.get("deletionGracePeriodSeconds")


def _grace(kind: Kind, live: Object, options: Options) -> int:
    if kind.resource.kind != "Pod":
        return 0
    spec, status = live.get("spec") or {}, live.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ENDED:
        return 0
    own = spec.get("terminationGracePeriodSeconds", 30)
    return max(0, int(own if options.grace is None else options.grace))


def _at(grace: int) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=grace)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
