"""The CustomResourceDefinitions: names, columns, sub-resources and schemas of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crds import (
    cron,
    eventbinding,
    eventbus,
    events_shared,
    eventsource,
    sensor,
    status,
    tasks,
    workflow,
)
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

_COLUMN_TYPES = {
    "string": {"type": "string"},
    "date": {"type": "date", "format": "date-time"},
}

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
    Definition(
        eventbus.EventBus,
        "eventbus",
        ("eb",),
        status_resource=True,
        status=eventbus.EventBusStatus,
        open_spec=True,
    ),
    Definition(
        eventsource.EventSource,
        "eventsources",
        ("es",),
        status_resource=True,
        status=events_shared.EventsStatus,
        open_spec=True,
    ),
    Definition(
        sensor.Sensor,
        "sensors",
        ("sn",),
        status_resource=True,
        status=events_shared.EventsStatus,
        open_spec=True,
    ),
)
"""Every kind."""


def definition(
    each: Definition, table: dict[str, dict[str, str]], *, minimal: bool = False
) -> dict[str, Any]:
    """One CustomResourceDefinition. `table` is the one of Kubernetes' types.

    `minimal`: any spec is taken, as Argo's minimal definitions do. The full ones are too large
    for `kubectl apply` without `--server-side`.
    """
    kind = each.kind.__name__
    version: dict[str, Any] = {
        "name": VERSION,
        "schema": {"openAPIV3Schema": _schema(each, table, minimal)},
        "served": True,
        "storage": True,
    }
    if each.columns:
        version["additionalPrinterColumns"] = [
            {"name": name, **_COLUMN_TYPES[of], "jsonPath": path, "description": text}
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


def _schema(each: Definition, table: dict[str, dict[str, str]], minimal: bool) -> dict[str, Any]:
    if minimal and not each.open_spec:
        return {**_open(each.kind), "required": list(each.required)}
    if each.kind is tasks.WorkflowTaskSet:
        # An agent is told the name of every container.
        table = {**table, "Container": {**table["Container"], "name": "string!"}}
    builder = Builder(table)
    schema = _open(each.kind) if each.open_spec else builder.of(each.kind)
    properties = schema["properties"]
    properties["metadata"] = {"type": "object"}
    if each.status is not None and not each.open_spec:
        properties["status"] = builder.of(each.status)
    schema["required"] = list(each.required)
    return schema


def _open(kind: type[Shape]) -> dict[str, Any]:
    """A kind whose spec and status may be any object; its own checks come later."""
    properties: dict[str, Any] = {"metadata": {"type": "object"}}
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    for attribute, name in names:
        if name == "metadata":
            continue
        plain = name in ("apiVersion", "kind", "phase", "message", "progress")
        shape = {"type": "string"} if plain else limits.OPEN
        properties[name] = {"description": comments.of_field(kind, attribute), **shape}
    schema = {"description": comments.of_type(kind), "type": "object"}
    return {**schema, "properties": dict(sorted(properties.items()))}
