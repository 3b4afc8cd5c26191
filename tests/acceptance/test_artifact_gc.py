"""Artifacts go when they are to go: with the workflow's end, with the workflow, or never."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from kube import resources
from tests.acceptance.cli import Cli

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]
FINALIZER = "workflows.argoproj.io/artifact-gc"


def workflow(name: str, default: str = "", own: dict[str, str] | None = None, **gc: Any) -> Any:
    """Three artifacts, `a`, `b` and `c`; `own` are strategies of their own."""
    artifacts = [
        {"name": each, "path": f"/tmp/{each}"}
        | ({"artifactGC": {"strategy": own[each]}} if own and each in own else {})
        for each in "abc"
    ]
    script = "for f in a b c; do echo $f > /tmp/$f; done"
    leaf = {
        "name": "main",
        "container": {"image": "alpine", "command": ["sh", "-c", script]},
        "outputs": {"artifacts": artifacts},
    }
    spec: dict[str, Any] = {"entrypoint": "main", "templates": [leaf]}
    if default:
        spec["artifactGC"] = {"strategy": default, **gc}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": spec,
    }


def files(cli: Cli, name: str) -> list[str]:
    """The names of the artifacts that are stored for a workflow."""
    folder = cli.cluster.folder / "artifacts" / "artifacts" / name
    return sorted(path.name.partition(".")[0] for path in folder.rglob("*") if path.is_file())


def until(check: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def of(cli: Cli, name: str) -> Any:
    return json.loads(cli("get", name, "-o", "json"))


def finalizers(cli: Cli, name: str) -> list[str]:
    return list(of(cli, name)["metadata"].get("finalizers") or ())


def test_they_go_at_the_end_with_the_workflow_or_never(cli: Cli) -> None:
    name = f"{cli.namespace}-mixed"
    own = {"b": "OnWorkflowDeletion", "c": "Never"}
    cli("submit", "-", "--wait", stdin=workflow(name, "OnWorkflowCompletion", own))
    until(lambda: files(cli, name) == ["b", "c"])
    until(lambda: of(cli, name)["status"].get("artifactGCStatus"))
    [row] = of(cli, name)["status"]["nodes"].values()
    assert [bool(a.get("deleted")) for a in row["outputs"]["artifacts"]] == [True, False, False]
    assert finalizers(cli, name) == [FINALIZER]
    cli("delete", name)
    until(lambda: files(cli, name) == ["c"])
    until(lambda: cli.run("get", name).returncode != 0)


def test_a_workflow_without_more_to_delete_is_let_go(cli: Cli) -> None:
    name = f"{cli.namespace}-ends"
    cli("submit", "-", "--wait", stdin=workflow(name, "OnWorkflowCompletion"))
    until(lambda: files(cli, name) == [])
    until(lambda: finalizers(cli, name) == [])
    plain = f"{cli.namespace}-plain"
    cli("submit", "-", "--wait", stdin=workflow(plain))
    assert files(cli, plain) == ["a", "b", "c"]
    assert finalizers(cli, plain) == []


async def misplace(cli: Cli, name: str) -> None:
    """Let the first artifact's place be one that does not answer."""
    async with cli.cluster.api() as cluster:
        found = await cluster.get(resources.WORKFLOWS, cli.namespace, name)
        [(node_id, row)] = found["status"]["nodes"].items()
        gone = {"endpoint": "127.0.0.1:1", "bucket": "b", "key": "k", "insecure": True}
        artifacts = [{**row["outputs"]["artifacts"][0], "s3": gone}]
        nodes = {node_id: {"outputs": {"artifacts": artifacts}}}
        await cluster.patch(resources.WORKFLOWS, cli.namespace, name, {"status": {"nodes": nodes}})


@pytest.mark.parametrize("forced", [False, True])
def test_what_cannot_be_deleted_is_said_and_holds_the_workflow(cli: Cli, forced: bool) -> None:
    name = f"{cli.namespace}-stuck"
    body = workflow(name, "OnWorkflowDeletion", forceFinalizerRemoval=forced)
    cli("submit", "-", "--wait", stdin=body)
    asyncio.run(misplace(cli, name))
    cli("delete", name)
    if forced:
        until(lambda: cli.run("get", name).returncode != 0)
        return
    until(lambda: "ArtifactGCError" in str(of(cli, name)["status"].get("conditions")))
    assert finalizers(cli, name) == [FINALIZER]


def test_a_running_workflow_that_is_deleted_is_ended_first(cli: Cli) -> None:
    name = f"{cli.namespace}-running"
    body = workflow(name, "OnWorkflowDeletion")
    body["spec"]["templates"][0]["container"]["command"][2] += "; sleep 600"
    cli("submit", "-", stdin=body)
    until(lambda: of(cli, name).get("status", {}).get("phase") == "Running")
    until(lambda: finalizers(cli, name) == [FINALIZER])
    cli("delete", name)
    until(lambda: cli.run("get", name).returncode != 0)
