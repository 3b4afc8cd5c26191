"""What the API server checks beyond types: required fields, bounds, patterns, words, rules.

This is another gate than lint (`crds.validation`): the two disagree in both directions, as
Argo's do. Keys are `Type.field` with the names of the typed kinds. Source: the full CRDs of
Argo Workflows v4.1.
"""

from __future__ import annotations

from typing import Any

NAME = {"pattern": "^[a-zA-Z0-9][-a-zA-Z0-9]*$", "maxLength": 128}
PARAMETER_NAME = {"pattern": "^[-a-zA-Z0-9_]+$"}
ARTIFACT_NAME = {"pattern": "^[-a-zA-Z0-9_{}.]+$"}
METRIC_NAME = {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}
SCHEDULE = (
    r"^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)"
    r"|@every\s+([0-9]+(ns|us|µs|ms|s|m|h))+"
    r"|([A-Za-z0-9*,/?-]+\s+){4}[A-Za-z0-9*,/?-]+)$"
)

REQUIRED: dict[str, list[str]] = {
    "ArtifactResult": ["name"],
    "Artifact": ["name"],
    "ArtifactoryArtifact": ["url"],
    "AzureArtifact": ["blob", "container", "endpoint"],
    "ContainerSetTemplate": ["containers"],
    "ContainerSetRetryStrategy": ["retries"],
    "Counter": ["value"],
    "CronWorkflowSpec": ["schedules", "workflowSpec"],
    "DAGTask": ["name"],
    "DAGTemplate": ["tasks"],
    "DataSource": [],
    "DataTemplate": ["source", "transformation"],
    "Event": ["selector"],
    "Gauge": ["realtime", "value"],
    "GCSArtifact": ["key"],
    "GitArtifact": ["repo"],
    "HDFSArtifact": ["path"],
    "Header": ["name", "value"],
    "Histogram": ["buckets", "value"],
    "HTTPArtifact": ["url"],
    "HTTPHeader": ["name"],
    "HTTPTemplate": ["url"],
    "LabelValueFrom": ["expression"],
    "ManifestFrom": ["artifact"],
    "Memoize": ["cache", "key", "maxAge"],
    "Cache": ["configMap"],
    "MetricLabel": ["key", "value"],
    "Metrics": ["prometheus"],
    "OAuth2EndpointParam": ["key"],
    "OSSArtifact": ["key"],
    "Parameter": ["name"],
    "Prometheus": ["help", "name"],
    "RawArtifact": ["data"],
    "ResourceTemplate": ["action"],
    "StopStrategy": ["expression"],
    "SyncDatabaseRef": ["key"],
    "TransformationStep": ["expression"],
    "WorkflowEventBindingSpec": ["event"],
    "Submit": ["workflowTemplateRef"],
}

LIMITS: dict[str, dict[str, Any]] = {
    "WorkflowSpec.templates": {"maxItems": 200},
    "WorkflowSpec.parallelism": {"minimum": 1},
    "Template.name": NAME,
    "Template.steps": {"minItems": 1},
    "WorkflowStep.name": NAME,
    "DAGTask.name": NAME,
    "DAGTask.parallelism": {"minimum": 1},
    "DAGTemplate.tasks": {"minItems": 1, "maxItems": 200},
    "Inputs.parameters": {"maxItems": 500},
    "Inputs.artifacts": {"maxItems": 500},
    "Outputs.artifacts": {"maxItems": 500},
    "Parameter.name": PARAMETER_NAME,
    "Parameter.enum": {"minItems": 1},
    "Artifact.name": ARTIFACT_NAME,
    "Artifact.mode": {"minimum": 0, "maximum": 511},
    "Metrics.prometheus": {"maxItems": 100},
    "Prometheus.name": METRIC_NAME,
    "MetricLabel.key": METRIC_NAME,
    "Gauge.value": {"maxLength": 256},
    "Gauge.operation": {"enum": ["Set", "Add", "Sub"]},
    "RetryStrategy.retryPolicy": {"enum": ["Always", "OnFailure", "OnError", "OnTransientError"]},
    "ResourceTemplate.action": {"enum": ["get", "create", "apply", "delete", "replace", "patch"]},
    "ResourceTemplate.mergeStrategy": {"enum": ["strategic", "merge", "json"]},
    "PodGC.strategy": {
        "enum": [
            "",
            "OnPodCompletion",
            "OnPodSuccess",
            "OnWorkflowCompletion",
            "OnWorkflowSuccess",
        ]
    },
    "ArtifactGC.strategy": {"enum": ["", "OnWorkflowCompletion", "OnWorkflowDeletion", "Never"]},
    "CronWorkflowSpec.schedules": {"minItems": 1},
    "CronWorkflowSpec.schedules[]": {"pattern": SCHEDULE},
    "CronWorkflowSpec.concurrencyPolicy": {"enum": ["Allow", "Forbid", "Replace"]},
    "CronWorkflowSpec.startingDeadlineSeconds": {"minimum": 0},
    "CronWorkflowSpec.successfulJobsHistoryLimit": {"minimum": 0},
    "CronWorkflowSpec.failedJobsHistoryLimit": {"minimum": 0},
}
"""Bounds by field, `[]` for the items of a list. Some bound what a rule below may cost."""

OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""An object whose fields are not checked."""

REPLACED: dict[str, dict[str, Any]] = {
    "Call.inline": OPEN,  # a schema cannot hold itself
    "WorkflowStatus.nodes": OPEN,  # the engine's own, and large
    "WorkflowStatus.storedTemplates": OPEN,
    "WorkflowStatus.storedWorkflowTemplateSpec": OPEN,
}
"""Fields whose schema is not the one of their type."""

_TYPES = (
    "container",
    "containerSet",
    "dag",
    "data",
    "http",
    "plugin",
    "resource",
    "script",
    "steps",
    "suspend",
)
_PLACES = ("artifactory", "azure", "gcs", "git", "hdfs", "http", "oss", "plugin", "raw", "s3")


def _at_most_one(fields: tuple[str, ...], of: str) -> str:
    # A sum, not a list: API servers estimate what a rule may cost, and refuse dear ones.
    return " + ".join(f"(has({of}.{field}) ? 1 : 0)" for field in fields) + " <= 1"


_ONE_PLACE = [
    {
        "rule": _at_most_one(_PLACES, "self"),
        "message": "at most one artifact location can be specified",
    }
]

RULES: dict[str, list[dict[str, str]]] = {
    "WorkflowSpec.templates": [
        {
            "rule": f"self.all(t, {_at_most_one(_TYPES, 't')})",
            "message": "template must have at most one template type",
        },
        {
            "rule": "self.all(t, !has(t.activeDeadlineSeconds) || (!has(t.steps) && !has(t.dag)))",
            "message": "activeDeadlineSeconds is only valid for leaf templates",
        },
        {
            "rule": "self.all(t, !has(t.timeout) || t.timeout == '' || "
            "(!has(t.steps) && !has(t.dag)))",
            "message": "timeout cannot be applied to steps or dag templates",
        },
    ],
    "DAGTemplate.tasks[]": [
        {
            "rule": "!(has(self.depends) && self.depends != '' && "
            "has(self.dependencies) && self.dependencies.size() > 0)",
            "message": "cannot use both 'depends' and 'dependencies'",
        },
        {
            "rule": "!(has(self.depends) && self.depends != '' && has(self.continueOn))",
            "message": "cannot use 'continueOn' when using 'depends'",
        },
        {
            "rule": "!((has(self.depends) && self.depends != '') || "
            "(has(self.dependencies) && self.dependencies.size() > 0)) || "
            "!self.name.matches('^[0-9]')",
            "message": "task name cannot begin with a digit when using 'depends' or 'dependencies'",
        },
    ],
    "Call.withSequence": [
        {
            "rule": "!(has(self.count) && has(self.end))",
            "message": "only one of count or end can be defined",
        },
    ],
    "Inputs.artifacts[]": _ONE_PLACE,
    "Outputs.artifacts[]": _ONE_PLACE,
    "Template.resource": [
        {
            "rule": "!(has(self.manifest) && self.manifest != '' && has(self.manifestFrom))",
            "message": "only one of manifest or manifestFrom can be specified",
        },
    ],
    "Prometheus.gauge": [
        {
            "rule": "!has(self.realtime) || !self.realtime || "
            "!self.value.contains('resourcesDuration.')",
            "message": "'resourcesDuration.*' metrics cannot be used in real-time gauges",
        },
    ],
}
"""CEL rules by field, `[]` for the items of a list."""

INSIDE: dict[str, tuple[str, dict[str, Any], list[dict[str, str]]]] = {
    "WorkflowSpec.arguments": ("artifacts", {"maxItems": 500}, _ONE_PLACE),
    "Submit.arguments": ("artifacts", {"maxItems": 500}, _ONE_PLACE),
}
"""A list inside a field that is bounded here only: its name, its bounds, rules of its items.

The arguments of steps and tasks are not: an API server would find the rule too dear there.
"""
