"""PersistentVolumeClaims of a workflow: made before its first pod, deleted by its claim GC."""

from __future__ import annotations

from collections.abc import Callable

from engine.core import facts
from engine.core.decisions import CreateVolumes, DeleteVolumes
from kube import resources
from kube.cluster import Cluster
from kube.errors import AlreadyExists, Conflict, Forbidden, KubeError, NotFound, Transient

Tell = Callable[[facts.Fact], None]
PROTECTION = "kubernetes.io/pvc-protection"


async def create(cluster: Cluster, namespace: str, wanted: CreateVolumes, tell: Tell) -> None:
    """Create the claims and tell their names; a claim of the same workflow counts as made."""
    made = {}
    for claim, volume in zip(wanted.claims, wanted.volumes, strict=True):
        name = claim["metadata"]["name"]
        try:
            await cluster.create(resources.PVCS, namespace, claim)
        except AlreadyExists:
            pass  # the name holds the workflow's own name: it is the one of an earlier try
        except KubeError as error:
            retryable = isinstance(error, (Forbidden, Conflict, Transient))
            tell(facts.VolumesRefused(error.message, retryable))
            return
        made[volume] = name
    tell(facts.VolumesCreated(made))


async def delete(cluster: Cluster, namespace: str, wanted: DeleteVolumes) -> None:
    """Delete claims; the protection finalizer goes first, as no pod uses them any more."""
    for name in wanted.names:
        try:
            claim = await cluster.get(resources.PVCS, namespace, name)
            finalizers = claim["metadata"].get("finalizers") or []
            if PROTECTION in finalizers:
                kept = [f for f in finalizers if f != PROTECTION]
                await cluster.patch(
                    resources.PVCS, namespace, name, {"metadata": {"finalizers": kept}}
                )
            await cluster.delete(resources.PVCS, namespace, name)
        except NotFound:
            continue
