"""The PodDisruptionBudget of a workflow that asks for one."""

from __future__ import annotations

import contextlib

from engine.core.decisions import CreateDisruptionBudget
from kube import resources
from kube.cluster import Cluster
from kube.errors import AlreadyExists, NotFound


async def create(cluster: Cluster, namespace: str, wanted: CreateDisruptionBudget) -> None:
    """Create it; one that is there already is ours, by name."""
    with contextlib.suppress(AlreadyExists):
        await cluster.create(resources.PDBS, namespace, wanted.budget)


async def delete(cluster: Cluster, namespace: str, name: str) -> None:
    """Delete it, if it is there."""
    with contextlib.suppress(NotFound):
        await cluster.delete(resources.PDBS, namespace, name)
