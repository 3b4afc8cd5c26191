"""The engine's own kinds: WorkflowTaskSet, WorkflowTaskResult, WorkflowArtifactGCTask.

Users read them; executors and the engine write them. Source: Argo Workflows v4.1.
"""

from __future__ import annotations

from crds.arguments import Outputs
from crds.artifacts import Artifact, ArtifactLocation
from crds.shape import ObjectMeta, Shape
from crds.templates import Template


class NodeResult(Shape, frozen=True):
    """What one node gave."""

    phase: str = ""  # Succeeded, Failed or Error
    message: str = ""  # why
    outputs: Outputs | None = None  # outputs
    progress: str = ""  # done/total


class WorkflowTaskSetSpec(Shape, frozen=True):
    """Work for an agent."""

    tasks: dict[str, Template] | None = None  # templates by node id


class WorkflowTaskSetStatus(Shape, frozen=True):
    """Results of an agent."""

    nodes: dict[str, NodeResult] | None = None  # results by node id


class WorkflowTaskSet(Shape, frozen=True):
    """HTTP and plugin work of one workflow."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always WorkflowTaskSet
    metadata: ObjectMeta | None = None  # the workflow's name
    spec: WorkflowTaskSetSpec | None = None  # work to do
    status: WorkflowTaskSetStatus | None = None  # results


class WorkflowTaskResult(NodeResult, frozen=True):
    """Outputs and progress of one pod; the result is at the top level."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always WorkflowTaskResult
    metadata: ObjectMeta | None = None  # the node's id


class ArtifactNodeSpec(Shape, frozen=True):
    """Artifacts of one node to delete."""

    archive_location: ArtifactLocation | None = None  # where they are
    artifacts: dict[str, Artifact] | None = None  # the artifacts by name


class ArtifactGCSpec(Shape, frozen=True):
    """Artifacts to delete."""

    artifacts_by_node: dict[str, ArtifactNodeSpec] | None = None  # by node id


class ArtifactResult(Shape, frozen=True):
    """What became of one artifact."""

    name: str = ""  # its name
    success: bool = False  # it is deleted
    error: str | None = None  # why not


class ArtifactResultNodeStatus(Shape, frozen=True):
    """What became of the artifacts of one node."""

    artifact_results: dict[str, ArtifactResult] | None = None  # by artifact name


class ArtifactGCTaskStatus(Shape, frozen=True):
    """What became of the artifacts."""

    artifact_results_by_node: dict[str, ArtifactResultNodeStatus] | None = None  # by node id


class WorkflowArtifactGCTask(Shape, frozen=True):
    """Artifacts to delete for one workflow."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always WorkflowArtifactGCTask
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: ArtifactGCSpec | None = None  # what to delete
    status: ArtifactGCTaskStatus | None = None  # what became of it
