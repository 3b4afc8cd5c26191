"""What the definitions limit: for each rule an object that keeps it and one that breaks it.

A case is the key of the table in `crds.generate.limits` that it is about, the two specs, and what
kubectl must say of the bad one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One rule: `about` is its key, `says` a part of the refusal."""

    about: str
    good: Spec
    bad: Spec
    says: str
    kind: str = "WorkflowTemplate"


def main(**fields: Any) -> Spec:
    """A spec with one template; a container when no type is given."""
    return {"entrypoint": "main", "templates": [{"name": "main", **fields}]}


def run(**fields: Any) -> Spec:
    return main(container={"image": "alpine"}, **fields)


def leaves(count: int, name: str = "t{}") -> list[Spec]:
    return [{"name": name.format(i), "container": {"image": "alpine"}} for i in range(count)]


def dag(*tasks: Spec) -> Spec:
    return main(dag={"tasks": list(tasks)})


def task(name: str = "b", **fields: Any) -> Spec:
    return {"name": name, "template": "x", **fields}


def step(**fields: Any) -> Spec:
    return main(steps=[[{"name": "a", "template": "x", **fields}]])


def metric(**fields: Any) -> Spec:
    return run(metrics={"prometheus": [{"name": "m", "help": "h", **fields}]})


def resource(**fields: Any) -> Spec:
    return main(resource={"action": "get", "manifest": "x", **fields})


def inputs(**fields: Any) -> Spec:
    return run(inputs=fields)


def many(count: int) -> list[Spec]:
    return [{"name": f"p{i}"} for i in range(count)]


def cron(**fields: Any) -> Spec:
    return {"suspend": True, "schedules": ["0 0 * * *"], "workflowSpec": run(), **fields}


_PLACES = {"s3": {"key": "k"}, "raw": {"data": "d"}}
_LONG = "a" * 128

LIMITS = [
    Case(
        "WorkflowSpec.templates",
        {"templates": leaves(200)},
        {"templates": leaves(201)},
        "spec.templates: Too many: 201",
    ),
    Case(
        "WorkflowSpec.parallelism",
        {"parallelism": 1},
        {"parallelism": 0},
        "spec.parallelism in body should be greater than or equal to 1",
    ),
    Case(
        "Template.name",
        {"templates": leaves(1, _LONG)},
        {"templates": leaves(1, _LONG + "a")},
        "spec.templates[0].name: Too long",
    ),
    Case(
        "Template.name",
        {"templates": leaves(1, "0a-B")},
        {"templates": leaves(1, "a.b")},
        "spec.templates[0].name in body should match '^[a-zA-Z0-9][-a-zA-Z0-9]*$'",
    ),
    Case(
        "Template.steps",
        step(),
        main(steps=[]),
        "spec.templates[0].steps in body should have at least 1 items",
    ),
    Case(
        "WorkflowStep.name",
        step(name="a-1"),
        step(name="a_1"),
        "spec.templates[0].steps[0][0].name in body should match",
    ),
    Case(
        "WorkflowStep.name",
        step(name=_LONG),
        step(name=_LONG + "a"),
        "spec.templates[0].steps[0][0].name: Too long",
    ),
    Case(
        "DAGTask.name",
        dag(task("a-1")),
        dag(task("-a")),
        "spec.templates[0].dag.tasks[0].name in body should match",
    ),
    Case(
        "DAGTask.name",
        dag(task(_LONG)),
        dag(task(_LONG + "a")),
        "spec.templates[0].dag.tasks[0].name: Too long",
    ),
    Case(
        "DAGTask.parallelism",
        dag(task(withItems=[1], parallelism=1)),
        dag(task(withItems=[1], parallelism=0)),
        "spec.templates[0].dag.tasks[0].parallelism in body should be greater than or equal to 1",
    ),
    Case(
        "DAGTemplate.tasks",
        dag(task()),
        dag(),
        "spec.templates[0].dag.tasks in body should have at least 1 items",
    ),
    Case(
        "DAGTemplate.tasks",
        dag(*(task(f"t{i}") for i in range(200))),
        dag(*(task(f"t{i}") for i in range(201))),
        "spec.templates[0].dag.tasks: Too many: 201",
    ),
    Case(
        "Inputs.parameters",
        inputs(parameters=many(500)),
        inputs(parameters=many(501)),
        "spec.templates[0].inputs.parameters: Too many: 501",
    ),
    Case(
        "Inputs.artifacts",
        inputs(artifacts=many(500)),
        inputs(artifacts=many(501)),
        "spec.templates[0].inputs.artifacts: Too many: 501",
    ),
    Case(
        "Outputs.artifacts",
        run(outputs={"artifacts": many(500)}),
        run(outputs={"artifacts": many(501)}),
        "spec.templates[0].outputs.artifacts: Too many: 501",
    ),
    Case(
        "Parameter.name",
        inputs(parameters=[{"name": "-a_B9"}]),
        inputs(parameters=[{"name": "a.b"}]),
        "parameters[0].name in body should match '^[-a-zA-Z0-9_]+$'",
    ),
    Case(
        "Parameter.enum",
        inputs(parameters=[{"name": "p", "enum": ["a"]}]),
        inputs(parameters=[{"name": "p", "enum": []}]),
        "parameters[0].enum in body should have at least 1 items",
    ),
    Case(
        "Artifact.name",
        inputs(artifacts=[{"name": "{a}.b_c-1"}]),
        inputs(artifacts=[{"name": "a b"}]),
        "artifacts[0].name in body should match '^[-a-zA-Z0-9_{}.]+$'",
    ),
    Case(
        "Artifact.mode",
        inputs(artifacts=[{"name": "a", "mode": 511}]),
        inputs(artifacts=[{"name": "a", "mode": 512}]),
        "artifacts[0].mode in body should be less than or equal to 511",
    ),
    Case(
        "Artifact.mode",
        inputs(artifacts=[{"name": "a", "mode": 0}]),
        inputs(artifacts=[{"name": "a", "mode": -1}]),
        "artifacts[0].mode in body should be greater than or equal to 0",
    ),
    Case(
        "Metrics.prometheus",
        run(metrics={"prometheus": [{"name": f"m{i}", "help": "h"} for i in range(100)]}),
        run(metrics={"prometheus": [{"name": f"m{i}", "help": "h"} for i in range(101)]}),
        "spec.templates[0].metrics.prometheus: Too many: 101",
    ),
    Case(
        "Prometheus.name",
        metric(name="runs_total"),
        metric(name="runs-total"),
        "prometheus[0].name in body should match '^[a-zA-Z_][a-zA-Z0-9_]*$'",
    ),
    Case(
        "MetricLabel.key",
        metric(labels=[{"key": "_a", "value": "v"}]),
        metric(labels=[{"key": "1a", "value": "v"}]),
        "labels[0].key in body should match",
    ),
    Case(
        "Gauge.value",
        metric(gauge={"realtime": False, "value": "1" * 256}),
        metric(gauge={"realtime": False, "value": "1" * 257}),
        "gauge.value: Too long",
    ),
    Case(
        "Gauge.operation",
        metric(gauge={"realtime": False, "value": "1", "operation": "Add"}),
        metric(gauge={"realtime": False, "value": "1", "operation": "Multiply"}),
        'gauge.operation: Unsupported value: "Multiply"',
    ),
    Case(
        "RetryStrategy.retryPolicy",
        run(retryStrategy={"retryPolicy": "OnTransientError"}),
        run(retryStrategy={"retryPolicy": "Sometimes"}),
        'retryStrategy.retryPolicy: Unsupported value: "Sometimes"',
    ),
    Case(
        "ResourceTemplate.action",
        resource(action="apply"),
        resource(action="{{inputs.parameters.a}}"),
        'resource.action: Unsupported value: "{{inputs.parameters.a}}"',
    ),
    Case(
        "ResourceTemplate.mergeStrategy",
        resource(mergeStrategy="json"),
        resource(mergeStrategy="apply"),
        'resource.mergeStrategy: Unsupported value: "apply"',
    ),
    Case(
        "PodGC.strategy",
        {"podGC": {"strategy": "OnPodSuccess"}},
        {"podGC": {"strategy": "Never"}},
        'spec.podGC.strategy: Unsupported value: "Never"',
    ),
    Case(
        "ArtifactGC.strategy",
        {"artifactGC": {"strategy": "OnWorkflowDeletion"}},
        {"artifactGC": {"strategy": "OnPodCompletion"}},
        'spec.artifactGC.strategy: Unsupported value: "OnPodCompletion"',
    ),
    Case(
        "CronWorkflowSpec.schedules",
        cron(schedules=["@daily", "@every 1h30m"]),
        cron(schedules=[]),
        "spec.schedules in body should have at least 1 items",
        "CronWorkflow",
    ),
    Case(
        "CronWorkflowSpec.schedules[]",
        cron(schedules=["*/5 0-4 1,15 JAN ?"]),
        cron(schedules=["CRON_TZ=UTC 0 0 * * *"]),
        "spec.schedules[0] in body should match",
        "CronWorkflow",
    ),
    Case(
        "CronWorkflowSpec.concurrencyPolicy",
        cron(concurrencyPolicy="Forbid"),
        cron(concurrencyPolicy="Queue"),
        'spec.concurrencyPolicy: Unsupported value: "Queue"',
        "CronWorkflow",
    ),
    *(
        Case(
            f"CronWorkflowSpec.{name}",
            cron(**{name: 0}),
            cron(**{name: -1}),
            f"spec.{name} in body should be greater than or equal to 0",
            "CronWorkflow",
        )
        for name in (
            "startingDeadlineSeconds",
            "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit",
        )
    ),
]
"""`limits.LIMITS`."""

RULES = [
    Case(
        "WorkflowSpec.templates",
        main(container={"image": "alpine"}),
        main(container={"image": "alpine"}, suspend={}),
        "spec.templates: Invalid value: template must have at most one template type",
    ),
    Case(
        "WorkflowSpec.templates",
        run(activeDeadlineSeconds=10),
        main(steps=[[task()]], activeDeadlineSeconds=10),
        "spec.templates: Invalid value: activeDeadlineSeconds is only valid for leaf templates",
    ),
    Case(
        "WorkflowSpec.templates",
        run(timeout="10m"),
        main(dag={"tasks": [task()]}, timeout="10m"),
        "spec.templates: Invalid value: timeout cannot be applied to steps or dag templates",
    ),
    Case(
        "DAGTemplate.tasks[]",
        dag(task("a"), task(depends="a")),
        dag(task("a"), task(depends="a", dependencies=["a"])),
        "dag.tasks[1]: Invalid value: cannot use both 'depends' and 'dependencies'",
    ),
    Case(
        "DAGTemplate.tasks[]",
        dag(task("a"), task(dependencies=["a"], continueOn={"failed": True})),
        dag(task("a"), task(depends="a", continueOn={"failed": True})),
        "dag.tasks[1]: Invalid value: cannot use 'continueOn' when using 'depends'",
    ),
    Case(
        "DAGTemplate.tasks[]",
        dag(task("1a")),
        dag(task("a"), task("1b", depends="a")),
        "task name cannot begin with a digit when using 'depends' or 'dependencies'",
    ),
    Case(
        "DAGTemplate.tasks[]",
        dag(task("a"), task("b1", dependencies=["a"])),
        dag(task("a"), task("1b", dependencies=["a"])),
        "task name cannot begin with a digit when using 'depends' or 'dependencies'",
    ),
    Case(
        "Call.withSequence",
        step(withSequence={"count": 3}),
        step(withSequence={"count": 3, "end": 5}),
        "steps[0][0].withSequence: Invalid value: only one of count or end can be defined",
    ),
    Case(
        "Call.withSequence",
        dag(task(withSequence={"start": 1, "end": "{{=3}}"})),
        dag(task(withSequence={"count": 3, "end": 5})),
        "dag.tasks[0].withSequence: Invalid value: only one of count or end can be defined",
    ),
    Case(
        "Inputs.artifacts[]",
        inputs(artifacts=[{"name": "a", "s3": {"key": "k"}}]),
        inputs(artifacts=[{"name": "a", **_PLACES}]),
        "inputs.artifacts[0]: Invalid value: at most one artifact location can be specified",
    ),
    Case(
        "Outputs.artifacts[]",
        run(outputs={"artifacts": [{"name": "a", "raw": {"data": "d"}}]}),
        run(outputs={"artifacts": [{"name": "a", **_PLACES}]}),
        "outputs.artifacts[0]: Invalid value: at most one artifact location can be specified",
    ),
    Case(
        "Template.resource",
        resource(manifest="", manifestFrom={"artifact": {"name": "a"}}),
        resource(manifestFrom={"artifact": {"name": "a"}}),
        "resource: Invalid value: only one of manifest or manifestFrom can be specified",
    ),
    Case(
        "Prometheus.gauge",
        metric(gauge={"realtime": False, "value": "{{resourcesDuration.cpu}}"}),
        metric(gauge={"realtime": True, "value": "{{resourcesDuration.cpu}}"}),
        "'resourcesDuration.*' metrics cannot be used in real-time gauges",
    ),
]
"""`limits.RULES`."""


def binding(**arguments: Any) -> Spec:
    submit = {"workflowTemplateRef": {"name": "t"}, "arguments": arguments}
    return {"event": {"selector": "true"}, "submit": submit}


INSIDE = [
    Case(
        "WorkflowSpec.arguments",
        {"arguments": {"artifacts": many(500)}},
        {"arguments": {"artifacts": many(501)}},
        "spec.arguments.artifacts: Too many: 501",
    ),
    Case(
        "WorkflowSpec.arguments",
        {"arguments": {"artifacts": [{"name": "a", "raw": {"data": "d"}}]}},
        {"arguments": {"artifacts": [{"name": "a", **_PLACES}]}},
        "spec.arguments.artifacts[0]: Invalid value: at most one artifact location",
    ),
    Case(
        "Submit.arguments",
        binding(artifacts=many(500)),
        binding(artifacts=many(501)),
        "spec.submit.arguments.artifacts: Too many: 501",
        "WorkflowEventBinding",
    ),
    Case(
        "Submit.arguments",
        binding(artifacts=[{"name": "a", "raw": {"data": "d"}}]),
        binding(artifacts=[{"name": "a", **_PLACES}]),
        "spec.submit.arguments.artifacts[0]: Invalid value: at most one artifact location",
        "WorkflowEventBinding",
    ),
]
"""`limits.INSIDE`."""

CASES = [*LIMITS, *RULES, *INSIDE]
