"""The CustomResourceDefinitions: names, columns, sub-resources and schemas of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crds import cron, eventbinding, eventbus, eventsource, sensor, status, tasks, workflow
from crds.generate import comments, limits
from crds.generate.schemas import Builder
from crds.shape import Shape

GROUP, VERSION = "argoproj.io", "v1alpha1"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a kind's definition says besides its schema."""

    kind: type[Shape]
    plural: str
    short: tuple[str, ...] = ()
    scope: str = "Namespaced"
    status_resource: bool = False
    columns: tuple[tuple[str, str, str, str], ...] = ()  # name, type, path, description
    status: type[Shape] | None = None  # typed status where the kind keeps it plain
    open_spec: bool = False  # spec and status may be any object
    required: tuple[str, ...] = ("metadata", "spec")


_WORKFLOW_COLUMNS = (
    ("Status", "string", ".status.phase", "Status of the workflow"),
    ("Age", "date", ".status.startedAt", "When the workflow was started"),
    ("Message", "string", ".status.message", "Human readable message indicating details"),
)

DEFINITIONS = (
    Definition(
        workflow.Workflow,
        "workflows",
        ("wf",),
        columns=_WORKFLOW_COLUMNS,
        status=status.WorkflowStatus,
    ),
    Definition(workflow.WorkflowTemplate, "workflowtemplates", ("wftmpl",)),
    Definition(
        workflow.ClusterWorkflowTemplate,
        "clusterworkflowtemplates",
        ("clusterwftmpl", "cwft"),
        scope="Cluster",
    ),
    Definition(cron.CronWorkflow, "cronworkflows", ("cwf", "cronwf")),
    Definition(eventbinding.WorkflowEventBinding, "workfloweventbindings", ("wfeb",)),
    Definition(tasks.WorkflowTaskSet, "workflowtasksets", ("wfts",), status_resource=True),
    Definition(tasks.WorkflowTaskResult, "workflowtaskresults", required=("metadata",)),
    Definition(
        tasks.WorkflowArtifactGCTask, "workflowartifactgctasks", ("wfat",), status_resource=True
    ),
    Definition(eventbus.EventBus, "eventbus", ("eb",), status_resource=True, open_spec=True),
    Definition(
        eventsource.EventSource, "eventsources", ("es",), status_resource=True, open_spec=True
    ),
    Definition(sensor.Sensor, "sensors", ("sn",), status_resource=True, open_spec=True),
)
"""Every kind."""


def definition(each: Definition, table: dict[str, dict[str, str]]) -> dict[str, Any]:
    """One CustomResourceDefinition. `table` is the one of Kubernetes' types."""
    kind = each.kind.__name__
    version: dict[str, Any] = {
        "name": VERSION,
        "schema": {"openAPIV3Schema": _schema(each, table)},
        "served": True,
        "storage": True,
    }
    if each.columns:
        version["additionalPrinterColumns"] = [
            {"name": name, "type": of, "jsonPath": path, "description": text}
            for name, of, path, text in each.columns
        ]
    if each.status_resource:
        version["subresources"] = {"status": {}}
    names: dict[str, Any] = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": each.plural,
        "singular": kind.lower(),
    }
    if each.short:
        names["shortNames"] = list(each.short)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{each.plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": each.scope, "versions": [version]},
    }


def _schema(each: Definition, table: dict[str, dict[str, str]]) -> dict[str, Any]:
    if each.kind is tasks.WorkflowTaskSet:
        # An agent is told the name of every container.
        table = {**table, "Container": {**table["Container"], "name": "string!"}}
    builder = Builder(table)
    schema = _open(each.kind) if each.open_spec else builder.of(each.kind)
    properties = schema["properties"]
    properties["metadata"] = {"type": "object"}
    if each.status is not None:
        properties["status"] = builder.of(each.status)
    schema["required"] = list(each.required)
    return schema


def _open(kind: type[Shape]) -> dict[str, Any]:
    """A kind whose spec and status may be any object; its own checks come later."""
    names = ("apiVersion", "kind", "spec", "status")
    attributes = ("api_version", "kind", "spec", "status")
    properties: dict[str, Any] = {
        name: {
            "description": comments.of_field(kind, attribute),
            **(limits.OPEN if name in ("spec", "status") else {"type": "string"}),
        }
        for name, attribute in zip(names, attributes, strict=True)
    }
    return {"description": comments.of_type(kind), "type": "object", "properties": properties}
