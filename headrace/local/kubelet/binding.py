"""Telling the API on which node a pod runs."""

from __future__ import annotations

from kube.cluster import Cluster, Object
from kube.errors import AlreadyExists, Conflict, NotFound
from kube.resources import Resource


async def bind(cluster: Cluster, pod: Object, node_name: str) -> None:
    """Create the pod's binding, as a scheduler does; fine when it is bound already."""
    meta = pod["metadata"]
    resource = Resource("", "v1", f"pods/{meta['name']}/binding", "Binding")
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node_name},
    }
    try:
        await cluster.create(resource, meta["namespace"], body)
    except (AlreadyExists, Conflict, NotFound):
        return  # bound already, or gone: the watch says which
