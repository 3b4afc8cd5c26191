"""The operations of `argoWorkflow` on stored Workflows, against the embedded API."""

from __future__ import annotations

from typing import Any

import pytest

from events.triggers import objects, registry
from events.triggers.contract import TriggerFailed
from headrace.local.apiserver.inprocess import InProcessCluster
from kube.cluster import Object
from kube.resources import WORKFLOW_TEMPLATES, WORKFLOWS
from tests.events.triggers import firing

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


async def fire(cluster: InProcessCluster, operation: str, *args: str, source: Any = NAMED) -> str:
    spec = {"operation": operation, "source": {"resource": source}, "args": list(args)}
    trigger = registry.TRIGGERS["argoWorkflow"]
    assert trigger.check(spec) is None
    return await trigger.fire(firing.context(cluster=cluster), spec)


async def stored(cluster: InProcessCluster, name: str = "ci") -> Object:
    return await cluster.get(WORKFLOWS, "argo", name)


async def test_retry_lets_the_workflow_go_on_once_per_firing(cluster: InProcessCluster) -> None:
    await cluster.create(WORKFLOWS, "argo", workflow())
    assert await fire(cluster, "retry", "-p", "ref=new") == "Workflow/argo/ci (retry)"
    found = await stored(cluster)
    assert found["status"]["phase"] == ""  # the engine takes it up anew
    assert {n["phase"] for n in found["status"]["nodes"].values()} == {"Running", "Succeeded"}
    assert found["spec"]["arguments"]["parameters"] == [{"name": "ref", "value": "new"}]
    assert found["metadata"]["annotations"] == {"mine": "kept", objects.FIRING: firing.KEY}
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


@pytest.mark.parametrize("kind", ["WorkflowTemplate"])
async def test_submit_from_makes_a_workflow_of_a_template(
    cluster: InProcessCluster, kind: str
) -> None:
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "ci"},
        "spec": {"entrypoint": "good", "templates": [template("good")]},
    }
    await cluster.create(WORKFLOW_TEMPLATES, "argo", body)
    reference = await fire(cluster, "submit-from", "--priority", "3", source=body)
    made = await stored(cluster, reference.rpartition("/")[2])
    assert made["spec"]["workflowTemplateRef"]["name"] == "ci"
    assert made["spec"]["priority"] == 3


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"operation": "restart"}, "operation: 'restart' is not one of submit, submit-from,"),
        ({"args": ["--wait"]}, "args: unknown flag --wait"),
        ({"args": ["ci"]}, "args: unexpected argument 'ci'"),
        ({"args": ["--priority", "high"]}, "args: --priority: 'high' is no number"),
        ({"args": ["--memoized=maybe"]}, "args: --memoized: 'maybe' is neither true nor false"),
    ],
)
def test_a_wrong_operation_or_flag_is_refused(spec: dict[str, Any], words: str) -> None:
    fault = registry.TRIGGERS["argoWorkflow"].check({"source": {"resource": NAMED}, **spec})
    assert fault is not None
    assert fault.startswith(words)
