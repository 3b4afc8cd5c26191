"""The operations of `argoWorkflow` on stored Workflows, against the embedded API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from events.triggers import objects, registry
from events.triggers.contract import TriggerFailed
from headrace.local.apiserver.inprocess import InProcessCluster
from kube.cluster import Object
from kube.resources import (
    CLUSTER_WORKFLOW_TEMPLATES,
    CRON_WORKFLOWS,
    WORKFLOW_TEMPLATES,
    WORKFLOWS,
)
from tests.events.triggers import firing

OTHER = "fedcba9876543210fedcba9876543210"
NAMED = {"metadata": {"name": "ci"}}


def template(name: str) -> dict[str, Any]:
    return {"name": name, "container": {"image": "alpine:3.20", "command": [name]}}


def workflow(**status: Any) -> Object:
    """A chain of two tasks; by default the second one has failed."""
    tasks = [
        {"name": "good", "template": "good"},
        {"name": "bad", "template": "bad", "dependencies": ["good"]},
    ]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "ci", "annotations": {"mine": "kept"}},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "ref", "value": "old"}]},
            "templates": [
                {"name": "main", "dag": {"tasks": tasks}},
                *map(template, ("good", "bad")),
            ],
        },
        "status": {"phase": "Failed", "nodes": nodes(), **status},
    }


def nodes() -> dict[str, Any]:
    def node(key: str, name: str, kind: str, phase: str, **more: Any) -> dict[str, Any]:
        return {
            "id": key,
            "name": name,
            "displayName": name.rpartition(".")[2],
            "type": kind,
            "phase": phase,
            "templateName": name.rpartition(".")[2] if "." in name else "main",
            "templateScope": "local/ci",
            "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": "2026-01-01T00:00:01Z",
            **more,
        }

    inside = {"boundaryID": "ci"}
    return {
        "ci": node("ci", "ci", "DAG", "Failed", children=["ci-1"], outboundNodes=["ci-2"]),
        "ci-1": node("ci-1", "ci.good", "Pod", "Succeeded", children=["ci-2"], **inside),
        "ci-2": node("ci-2", "ci.bad", "Pod", "Failed", **inside),
    }


async def fire(
    cluster: InProcessCluster,
    operation: str,
    *args: str,
    source: Any = NAMED,
    key: str = firing.KEY,
) -> str:
    spec = {"operation": operation, "source": {"resource": source}, "args": list(args)}
    trigger = registry.TRIGGERS["argoWorkflow"]
    assert trigger.check(spec) is None
    return await trigger.fire(replace(firing.context(cluster=cluster), key=key), spec)


async def stored(cluster: InProcessCluster, name: str = "ci") -> Object:
    return await cluster.get(WORKFLOWS, "argo", name)


async def test_retry_lets_the_workflow_go_on_once_per_firing(cluster: InProcessCluster) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow())
    assert await fire(cluster, "retry", "-p", "ref=new") == "Workflow/argo/ci (retry)"
    found = await stored(cluster)
    assert found["status"]["phase"] == ""  # the engine takes it up anew
    assert {n["phase"] for n in found["status"]["nodes"].values()} == {"Running", "Succeeded"}
    assert found["spec"]["arguments"]["parameters"] == [{"name": "ref", "value": "new"}]
    assert found["metadata"]["annotations"] == {"mine": "kept", objects.CHANGE: firing.KEY}
    version = found["metadata"]["resourceVersion"]
    await fire(cluster, "retry")
    assert (await stored(cluster))["metadata"]["resourceVersion"] == version


async def test_a_workflow_that_succeeded_is_not_retried(cluster: InProcessCluster) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow(phase="Succeeded"))
    with pytest.raises(TriggerFailed, match="To retry a succeeded workflow") as failed:
        await fire(cluster, "retry")
    assert failed.value.permanent


async def test_resubmit_makes_one_new_workflow_per_firing(cluster: InProcessCluster) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow())
    reference = await fire(cluster, "resubmit", "-p", "ref=new", "-l", "by=event")
    assert await fire(cluster, "resubmit", "-p", "ref=new") == reference
    made = await stored(cluster, reference.rpartition("/")[2])
    assert made["metadata"]["name"] == f"ci-{objects.suffix(firing.KEY)}"
    assert made["metadata"]["labels"]["by"] == "event"
    assert made["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == "ci"
    assert made["spec"]["arguments"]["parameters"] == [{"name": "ref", "value": "new"}]
    assert "status" not in made


async def test_a_memoized_resubmit_keeps_what_was_good(cluster: InProcessCluster) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow())
    reference = await fire(cluster, "resubmit", "--memoized")
    name = reference.rpartition("/")[2]
    made = await stored(cluster, name)
    skipped = [n["name"] for n in made["status"]["nodes"].values() if n["phase"] == "Skipped"]
    assert skipped == [f"{name}.good"]
    assert made["metadata"]["annotations"][objects.FIRING] == firing.KEY


@pytest.mark.parametrize(
    ("operation", "field", "value"),
    [
        ("stop", "shutdown", "Stop"),
        ("terminate", "shutdown", "Terminate"),
        ("suspend", "suspend", True),
    ],
)
async def test_a_running_workflow_is_changed(
    cluster: InProcessCluster, operation: str, field: str, value: Any
) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow(phase="Running"))
    assert await fire(cluster, operation) == f"Workflow/argo/ci ({operation})"
    assert (await stored(cluster))["spec"][field] == value


async def test_resume_undoes_suspend(cluster: InProcessCluster) -> None:
    suspended = workflow(phase="Running")
    suspended["spec"]["suspend"] = True
    await cluster.create(WORKFLOWS, "argo", suspended)
    await fire(cluster, "resume")
    assert not (await stored(cluster))["spec"].get("suspend")


async def test_a_firing_that_comes_again_undoes_nobody_elses_change(
    cluster: InProcessCluster,
) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow(phase="Running"))
    await fire(cluster, "suspend")
    await fire(cluster, "resume", key=OTHER)
    await fire(cluster, "suspend")
    assert not (await stored(cluster))["spec"].get("suspend")


async def test_a_change_does_not_hide_which_firing_made_the_workflow(
    cluster: InProcessCluster,
) -> None:
    source = workflow()
    made = await fire(cluster, "submit", source=source)
    await fire(cluster, "suspend", key=OTHER)
    assert await fire(cluster, "submit", source=source) == made


def waiting(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": f"ci.{name}",
        "displayName": name,
        "type": "Suspend",
        "phase": "Running",
        "templateName": "wait",
    }


@pytest.mark.parametrize(
    ("operation", "args", "phase", "message"),
    [
        ("stop", ("--message", "no\tthanks"), "Failed", "no\tthanks"),
        ("resume", (), "Succeeded", ""),
    ],
)
async def test_chosen_suspend_nodes_are_ended(
    cluster: InProcessCluster, operation: str, args: tuple[str, ...], phase: str, message: str
) -> None:
    both = {name: waiting(name) for name in ("a", "b")}
    await cluster.create(WORKFLOWS, "argo", workflow(phase="Running", nodes=both))
    await fire(cluster, operation, "--node-field-selector", "displayName=a", *args)
    found = await stored(cluster)
    nodes = found["status"]["nodes"]
    assert (nodes["a"]["phase"], nodes["a"].get("message", "")) == (phase, message)
    assert nodes["b"]["phase"] == "Running"
    assert "shutdown" not in found["spec"]


async def test_what_is_over_is_neither_stopped_nor_suspended(cluster: InProcessCluster) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow())
    for operation in ("stop", "terminate", "suspend"):
        with pytest.raises(TriggerFailed, match="completed workflow") as failed:
            await fire(cluster, operation)
        assert failed.value.permanent


async def test_submit_makes_one_workflow_per_firing(cluster: InProcessCluster) -> None:
    source = workflow()
    source["metadata"] = {"generateName": "ci-"}
    args = ("-p", "ref=new", "-l", "by=event", "--entrypoint", "good", "--priority=2")
    reference = await fire(cluster, "submit", *args, source=source)
    assert await fire(cluster, "submit", *args, source=source) == reference
    assert await fire(cluster, "submit", *args, source=source, key=OTHER) != reference
    made = await stored(cluster, reference.rpartition("/")[2])
    assert made["metadata"]["name"] == f"ci-{objects.suffix(firing.KEY)}"
    assert made["metadata"]["labels"]["by"] == "event"
    assert (made["spec"]["entrypoint"], made["spec"]["priority"]) == ("good", 2)
    assert made["spec"]["arguments"]["parameters"] == [{"name": "ref", "value": "new"}]
    assert "status" not in made
    named = await fire(cluster, "submit", "--name", "mine", source=source)
    assert named == "Workflow/argo/mine"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "CronWorkflow", "metadata": {"name": "x"}}, "not a CronWorkflow"),
        ({"kind": "Workflow", "metadata": {}}, "generateName is required"),
        ({"kind": "Workflow", "metadata": {"name": "a/b"}}, "'a/b' is no name"),
    ],
)
async def test_what_cannot_be_submitted_is_permanent(
    cluster: InProcessCluster, source: Object, words: str
) -> None:
    source = {"apiVersion": "argoproj.io/v1alpha1", "spec": {}, **source}
    with pytest.raises(TriggerFailed, match=words) as failed:
        await fire(cluster, "submit", source=source)
    assert failed.value.permanent


@pytest.mark.parametrize("kind", ["WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"])
async def test_submit_from_makes_one_workflow_per_firing(
    cluster: InProcessCluster, kind: str
) -> None:
    spec: dict[str, Any] = {"entrypoint": "good", "templates": [template("good")]}
    if kind == "CronWorkflow":
        spec = {"schedules": ["0 0 1 1 *"], "workflowSpec": spec}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "ci"},
        "spec": spec,
    }
    resource = {
        "WorkflowTemplate": WORKFLOW_TEMPLATES,
        "ClusterWorkflowTemplate": CLUSTER_WORKFLOW_TEMPLATES,
        "CronWorkflow": CRON_WORKFLOWS,
    }[kind]
    await cluster.create(resource, "argo" if resource.namespaced else None, body)
    source = {"kind": kind, "metadata": {"name": "ci"}}
    args = ("--priority", "3", "-p", "ref=new")
    reference = await fire(cluster, "submit-from", *args, source=source)
    assert await fire(cluster, "submit-from", *args, source=source) == reference
    made = await stored(cluster, reference.rpartition("/")[2])
    assert made["metadata"]["name"] == f"ci-{objects.suffix(firing.KEY)}"
    assert made["spec"]["priority"] == 3
    assert made["spec"]["arguments"]["parameters"] == [{"name": "ref", "value": "new"}]
    if kind == "CronWorkflow":
        assert made["spec"]["entrypoint"] == "good"
    else:
        wanted = {"name": "ci"} | ({"clusterScope": True} if not resource.namespaced else {})
        assert made["spec"]["workflowTemplateRef"] == wanted


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"operation": "restart"}, "operation: 'restart' is not one of submit, submit-from,"),
        ({"args": ["--wait"]}, "args: unknown flag --wait"),
        ({"args": ["ci"]}, "args: unexpected argument 'ci'"),
        ({"args": ["--priority", "high"]}, "args: --priority: 'high' is no number"),
        (
            {"operation": "resubmit", "args": ["--memoized=maybe"]},
            "args: --memoized: 'maybe' is neither true nor false",
        ),
        (
            {"operation": "resubmit", "args": ["--memoized", "--priority", "3"]},
            "args: --priority does not go with --memoized",
        ),
        ({"operation": "submit", "args": ["--memoized"]}, "args: --memoized means nothing to sub"),
        ({"operation": "retry", "args": ["-l", "a=b"]}, "args: --labels means nothing to retry"),
        ({"operation": "terminate", "args": ["-p", "a=b"]}, "args: --parameter means nothing"),
        ({"operation": "stop", "args": ["--priority=3"]}, "args: --priority means nothing to st"),
    ],
)
def test_a_wrong_operation_or_flag_is_refused(spec: dict[str, Any], words: str) -> None:
    fault = registry.TRIGGERS["argoWorkflow"].check({"source": {"resource": NAMED}, **spec})
    assert fault is not None
    assert fault.startswith(words)
