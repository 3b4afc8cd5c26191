"""`policy`: when a firing counts. By labels of the object it made, or by the answer's status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.sensors import retrying
from events.sensors.retrying import RetryPolicyError
from events.triggers.contract import FiringContext, TriggerFailed
from kube.cluster import Object
from kube.resources import Resource


def judged(context: FiringContext, status: int) -> bool:
    """Whether `policy.status` has decided that `status` counts; False without one.

    Raises TriggerFailed for a status that is not listed.
    """
    wanted = context.policy.get("status")
    if wanted is None:
        return False
    if status not in (wanted.get("allow") or ()):
        raise TriggerFailed(f"policy.status: {status} is not allowed")
    return True


async def wait_for_labels(context: FiringContext, resource: Resource, obj: Object) -> None:
    """Look at the object until all labels are there. Raises TriggerFailed (permanent) when they
    did not come and `errorOnBackoffTimeout` is set; KubeError."""
    spec: Mapping[str, Any] = context.policy.get("k8s") or {}
    wanted = spec.get("labels") or {}
    if not wanted:
        return
    meta = obj["metadata"]
    try:
        backoff = retrying.policy(spec.get("backoff") or {})
    except RetryPolicyError as error:
        raise TriggerFailed(f"policy.k8s.backoff.{error}", permanent=True) from None
    attempts = 0
    clock = context.services.clock
    while True:
        found = await context.services.cluster.get(resource, meta.get("namespace"), meta["name"])
        labels = found["metadata"].get("labels") or {}
        if all(labels.get(key) == value for key, value in wanted.items()):
            return
        attempts += 1
        wait = backoff.wait(attempts)
        if wait is None:
            break
        await clock.sleep_until(clock.now() + wait)
    if spec.get("errorOnBackoffTimeout"):
        what = f"policy.k8s: {objects_name(obj)} did not get the labels in time"
        raise TriggerFailed(what, permanent=True)


def objects_name(obj: Object) -> str:
    """Kind and name for messages."""
    return f"{obj.get('kind', '')} {obj['metadata']['name']}"
