"""How a Workflow comes from a manifest or a stored template and the options of `submit`.

Pure. Source: Argo Workflows `util.ApplySubmitOpts`, `common.ConvertWorkflowTemplateToWorkflow`:
a given parameter replaces the whole declared one and moves to the front, in the given order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

PREFIX = "workflows.argoproj.io/"


class SubmissionError(ValueError):
    """The options make no sense; the text says which."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `submit` may change. Parameter values are texts."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    entrypoint: str | None = None
    name: str | None = None
    generate_name: str | None = None
    service_account: str | None = None
    priority: int | None = None


def parse_parameter(text: str) -> tuple[str, str]:
    """`NAME=VALUE`. Raises SubmissionError with Argo's words."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SubmissionError(f"expected parameter of the form: NAME=VALUE. Received: {text}")
    return name, value


def parse_labels(text: str) -> dict[str, str]:
    """`a=b,c=d`. Raises SubmissionError."""
    labels = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise SubmissionError(f"expected label of the form: KEY=VALUE. Received: {part}")
        labels[name] = value
    return labels


def parameter_text(value: Any) -> str:
    """A value of a parameter file as the text that the parameter gets."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def with_options(workflow: dict[str, Any], options: Options) -> dict[str, Any]:
    """A copy of the workflow with the options applied, ready to be created."""
    spec = dict(workflow.get("spec") or {})
    meta = dict(workflow.get("metadata") or {})
    if options.parameters:
        arguments = dict(spec.get("arguments") or {})
        kept = arguments.get("parameters") or []
        given = [{"name": n, "value": v} for n, v in options.parameters.items()]
        arguments["parameters"] = given + [p for p in kept if p["name"] not in options.parameters]
        spec["arguments"] = arguments
    if options.entrypoint:
        spec["entrypoint"] = options.entrypoint
    if options.service_account:
        spec["serviceAccountName"] = options.service_account
    if options.priority is not None:
        spec["priority"] = options.priority
    if options.labels:
        meta["labels"] = {**(meta.get("labels") or {}), **options.labels}
    if options.generate_name:
        meta["generateName"] = options.generate_name
    if options.name:
        meta["name"] = options.name
    made = {k: v for k, v in workflow.items() if k != "status"}
    return {**made, "metadata": meta, "spec": spec}


def from_stored(stored: dict[str, Any], options: Options) -> dict[str, Any]:
    """A new workflow of a WorkflowTemplate, ClusterWorkflowTemplate or CronWorkflow object."""
    kind, name = stored["kind"], stored["metadata"]["name"]
    meta: dict[str, Any] = {"generateName": f"{name}-", "labels": {}}
    if kind == "CronWorkflow":
        spec = dict(stored["spec"].get("workflowSpec") or {})
        extra = stored["spec"].get("workflowMetadata") or {}
        meta["labels"] = {**(extra.get("labels") or {}), PREFIX + "cron-workflow": name}
        if extra.get("annotations"):
            meta["annotations"] = dict(extra["annotations"])
    else:
        reference: dict[str, Any] = {"name": name}
        label = "workflow-template"
        if kind == "ClusterWorkflowTemplate":
            reference["clusterScope"] = True
            label = "cluster-workflow-template"
        extra = stored["spec"].get("workflowMetadata") or {}
        meta["labels"] = {**(extra.get("labels") or {}), PREFIX + label: name}
        if extra.get("annotations"):
            meta["annotations"] = dict(extra["annotations"])
        spec = {"workflowTemplateRef": reference}
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": meta,
        "spec": spec,
    }
    return with_options(workflow, options)
