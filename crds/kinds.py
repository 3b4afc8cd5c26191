"""The kinds of `argoproj.io/v1alpha1`, by name. Imports all of them: use it at the edges."""

from __future__ import annotations

from crds.cron import CronWorkflow
from crds.eventbinding import WorkflowEventBinding
from crds.eventbus import EventBus
from crds.eventsource import EventSource
from crds.sensor import Sensor
from crds.shape import Shape
from crds.tasks import WorkflowArtifactGCTask, WorkflowTaskResult, WorkflowTaskSet
from crds.workflow import ClusterWorkflowTemplate, Workflow, WorkflowTemplate

KINDS: dict[str, type[Shape]] = {
    kind.__name__: kind
    for kind in (
        Workflow,
        WorkflowTemplate,
        ClusterWorkflowTemplate,
        CronWorkflow,
        WorkflowEventBinding,
        WorkflowTaskSet,
        WorkflowTaskResult,
        WorkflowArtifactGCTask,
        EventBus,
        EventSource,
        Sensor,
    )
}
"""Typed kind by its name."""
