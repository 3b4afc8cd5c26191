"""WorkflowEventBinding: workflows from events posted to the server. Source: Argo Workflows v4.1."""

from __future__ import annotations

from crds.arguments import Arguments
from crds.shape import ObjectMeta, Shape
from crds.workflow import WorkflowTemplateRef


class Event(Shape, frozen=True):
    """Which events are meant."""

    selector: str = ""  # expression over payload, metadata, discriminator and namespace


class Submit(Shape, frozen=True):
    """What is submitted."""

    workflow_template_ref: WorkflowTemplateRef | None = None  # the stored spec to run
    metadata: ObjectMeta | None = None  # name, labels, annotations; each value is an expression
    arguments: Arguments | None = None  # parameters with valueFrom.event


class WorkflowEventBindingSpec(Shape, frozen=True):
    """Which events start what."""

    event: Event | None = None  # which events
    submit: Submit | None = None  # what is submitted


class WorkflowEventBinding(Shape, frozen=True):
    """Events posted to the server start workflows."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always WorkflowEventBinding
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: WorkflowEventBindingSpec | None = None  # which events start what
