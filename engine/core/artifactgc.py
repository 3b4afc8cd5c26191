"""Which artifacts of a workflow are to be deleted, and when. Pure: an object in, facts out.

A strategy of the artifact goes before the one of the workflow; none means never. Only outputs of
pods count, and each once. Semantics: Argo's artifact garbage collection, without its pods: the
engine deletes in its own process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.core import values
from engine.core.values import Json

FINALIZER = "workflows.argoproj.io/artifact-gc"
CONDITION = "ArtifactGCError"
_STORES = ("s3", "gcs", "azure", "oss", "hdfs", "artifactory")
_FORMATS = ("keyFormat", "keyPrefix", "blobNameFormat", "pathFormat")


class Strategy(StrEnum):
    """When an artifact is deleted."""

    COMPLETION = "OnWorkflowCompletion"
    DELETION = "OnWorkflowDeletion"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class Doomed:
    """An artifact to delete; `artifact` holds its whole location."""

    node_id: str
    name: str
    artifact: Json


def wanted(workflow: Mapping[str, Any]) -> bool:
    """Whether anything of this workflow may ever have to be deleted."""
    spec = _spec(workflow)
    if _strategy(spec.get("artifactGC")) not in ("", Strategy.NEVER):
        return True
    return any(
        _strategy(artifact.get("artifactGC")) not in ("", Strategy.NEVER)
        for template in _objects(spec.get("templates"))
        for artifact in _objects(values.mapping(template.get("outputs")).get("artifacts"))
    )


def forced(workflow: Mapping[str, Any]) -> bool:
    """Whether the workflow may go although something could not be deleted."""
    return bool(values.mapping(_spec(workflow).get("artifactGC")).get("forceFinalizerRemoval"))


def processed(workflow: Mapping[str, Any], strategy: Strategy) -> bool:
    """Whether the artifacts of a strategy are dealt with."""
    status = values.mapping(values.mapping(workflow.get("status")).get("artifactGCStatus"))
    return bool(values.mapping(status.get("strategiesProcessed")).get(strategy))


def doomed(workflow: Mapping[str, Any], *strategies: Strategy) -> Iterator[Doomed]:
    """The artifacts of these strategies that still exist. `workflow` has its node table inside."""
    status = values.mapping(workflow.get("status"))
    default = _strategy(_spec(workflow).get("artifactGC"))
    repository = values.mapping(
        values.mapping(status.get("artifactRepositoryRef")).get("artifactRepository")
    )
    for node_id, row in sorted(values.mapping(status.get("nodes")).items()):
        if row.get("type") != "Pod":
            continue
        for artifact in _objects(values.mapping(row.get("outputs")).get("artifacts")):
            chosen = _strategy(artifact.get("artifactGC")) or default
            if chosen in strategies and not artifact.get("deleted"):
                found = _located(artifact, repository)
                if found is not None:
                    yield Doomed(node_id, str(artifact.get("name")), found)


def marked(workflow: Mapping[str, Any], gone: set[tuple[str, str]]) -> Json:
    """The rows in which artifacts (node id, name) are now deleted, as a merge patch of `nodes`."""
    rows = values.mapping(values.mapping(workflow.get("status")).get("nodes"))
    patch: Json = {}
    for node_id in {node_id for node_id, _ in gone}:
        artifacts = [
            {**artifact, "deleted": True}
            if (node_id, str(artifact.get("name"))) in gone
            else artifact
            for artifact in rows[node_id]["outputs"]["artifacts"]
        ]
        patch[node_id] = {"outputs": {"artifacts": artifacts}}
    return patch


def _spec(workflow: Mapping[str, Any]) -> Mapping[str, Any]:
    stored = values.mapping(workflow.get("status")).get("storedWorkflowTemplateSpec")
    return values.mapping(stored or workflow.get("spec"))


def _strategy(block: Any) -> str:
    return str(values.mapping(block).get("strategy") or "")


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (values.mapping(each) for each in value or ())


def _located(artifact: Mapping[str, Any], repository: Mapping[str, Any]) -> Json | None:
    """The artifact with the parts of its location that the repository says for all."""
    for kind in _STORES:
        if isinstance(artifact.get(kind), Mapping):
            store = values.mapping(repository.get(kind))
            shared = {key: value for key, value in store.items() if key not in _FORMATS}
            return {**artifact, kind: shared | dict(artifact[kind])}
    return None
