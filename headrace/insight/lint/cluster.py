"""What a cluster adds to the files: stored templates for references, and EventSources."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crds.validation import Library
from headrace.insight.lint.running import Known
from kube import resources
from kube.cluster import Cluster, Object
from kube.errors import Forbidden, NotFound
from kube.resources import Resource

_REFERS = re.compile(r"templateRef|workflowTemplateRef|eventSourceName|kind\W+CronWorkflow")


def needed(texts: Mapping[str, str]) -> bool:
    """Whether any text refers to something that may be stored in a cluster."""
    return any(_REFERS.search(text) for text in texts.values())


async def known(cluster: Cluster, namespace: str) -> Known:
    """The templates and EventSources of a namespace. Raises KubeError."""
    library = Library()
    templates = await _objects(cluster, resources.WORKFLOW_TEMPLATES, namespace)
    templates += await _objects(cluster, resources.CLUSTER_WORKFLOW_TEMPLATES, None)
    for template in templates:
        library.add(template)
    sources = await _objects(cluster, resources.EVENT_SOURCES, namespace)
    return Known(library, tuple(sources), asked=True)


async def _objects(cluster: Cluster, resource: Resource, namespace: str | None) -> list[Object]:
    """The objects; none where the kind is not installed or not for us to see."""
    try:
        items = (await cluster.list(resource, namespace)).items
    except (NotFound, Forbidden):
        return []
    return [{**item, "kind": resource.kind} for item in items]
