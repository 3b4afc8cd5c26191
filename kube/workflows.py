"""Operations on stored Workflows that take more than one call: read whole, retry, resubmit.

The objects are computed in `crds`; this reads what they need and writes the result. Used by the
command line and by triggers.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crds import hydration, paging, resubmission, retrying
from crds.operations import OperationError
from crds.retrying import RetryOptions
from kube import resources
from kube.cluster import Cluster, Object, Selector
from kube.errors import NotFound

TRIES = 5
LARGEST_PLAIN = 700 * 1024  # bytes of a node table that stays readable
LARGEST = 900 * 1024  # bytes of a compressed one in an object


async def whole(cluster: Cluster, workflow: Object) -> Object:
    """The workflow with its node table inside, also where that is kept in pages beside it.

    Raises HydrationError when the table cannot be read.
    """
    meta = workflow["metadata"]
    for attempt in range(1, TRIES + 1):
        pages: dict[str, Object] = {}
        if paging.generations(workflow):
            chosen = Selector(labels=f"{paging.LABEL}={meta['uid']}")
            listed = await cluster.list(resources.CONFIGMAPS, meta["namespace"], chosen)
            pages = {page["metadata"]["name"]: page for page in listed.items}
        try:
            return paging.whole(workflow, pages.get)
        except hydration.HydrationError:
            if attempt == TRIES:
                raise
            # The table has moved on since the workflow was read.
            workflow = await cluster.get(resources.WORKFLOWS, meta["namespace"], meta["name"])
    raise AssertionError("unreachable")


async def retry(
    cluster: Cluster, workflow: Object, now: float, options: RetryOptions | None = None
) -> Object:
    """Let a workflow that is over run again where it failed; the object as written.

    Pods that are to run again are deleted first. Raises OperationError where its state does not
    allow it, HydrationError, KubeError (Conflict: it has changed since it was read).
    """
    found = await whole(cluster, workflow)
    retried = retrying.retry(found, now, options)
    namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
    for pod in retried.pods:
        try:
            await cluster.delete(resources.PODS, namespace, pod)
        except NotFound:
            continue
    return await cluster.update(resources.WORKFLOWS, namespace, storable(retried.workflow, name))


async def resubmit(
    cluster: Cluster,
    workflow: Object,
    now: float,
    *,
    memoized: str = "",
    parameters: Sequence[str] = (),
) -> Object:
    """Create a new workflow like an old one. `memoized`: the name of one in which what was good
    is not run again.

    Raises OperationError, HydrationError, KubeError.
    """
    namespace = workflow["metadata"]["namespace"]
    if not memoized:
        made = resubmission.resubmit(workflow, parameters)
        return await cluster.create(resources.WORKFLOWS, namespace, made)
    made = resubmission.memoized(await whole(cluster, workflow), memoized, now, parameters)
    return await cluster.create(resources.WORKFLOWS, namespace, storable(made, memoized))


def storable(workflow: Object, name: str) -> Object:
    """With the node table compressed when it is large. Raises OperationError: too large."""
    nodes = workflow["status"].get("nodes") or {}
    if len(msgspec.json.encode(nodes)) <= LARGEST_PLAIN:
        return workflow
    packed = hydration.compress(nodes)
    if len(packed) > LARGEST:
        raise OperationError(f"workflow {name}: what would be kept of its nodes is too large")
    status = {k: v for k, v in workflow["status"].items() if k != "nodes"}
    return {**workflow, "status": {**status, "compressedNodes": packed}}
