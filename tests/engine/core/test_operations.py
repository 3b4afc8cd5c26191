"""Retry and resubmit as functions on the object."""

from __future__ import annotations

import pytest

from crds import resubmission, retrying
from crds.operations import OperationError
from crds.retrying import RetryOptions
from engine.core import project
from engine.core.decisions import StartLeaf
from engine.core.facts import LeafChanged, LeafOutputs
from engine.core.phases import Phase
from lang import naming
from tests.engine.core.playing import START, World, workflow

LEAF = {"name": "w", "container": {"image": "alpine", "command": ["true"]}}
MAIN = {
    "name": "main",
    "steps": [[{"name": "a", "template": "w"}], [{"name": "b", "template": "w"}]],
}


def failed() -> tuple[World, dict[str, object]]:
    bad = LeafOutputs(exit_code="1")

    def answer(leaf: object) -> LeafChanged:
        node_id = leaf.node_id  # type: ignore[attr-defined]
        if leaf.node_name.endswith(".b"):  # type: ignore[attr-defined]
            return LeafChanged(node_id, Phase.FAILED, "main: Error (exit code 1)", bad)
        return LeafChanged(node_id, Phase.SUCCEEDED)

    world = World(workflow([MAIN, LEAF]), answer)
    run = world.play()
    manifest = {**world.manifest, "status": project.status(run)}
    manifest["metadata"] = {**manifest["metadata"], "labels": dict(run.labels)}
    return world, manifest


def test_retry_keeps_what_was_good_and_names_the_pods_to_delete() -> None:
    world, manifest = failed()
    again = retrying.retry(manifest, START + 100)
    rows = {row["name"]: row for row in again.workflow["status"]["nodes"].values()}
    assert "wf[1].b" not in rows
    assert rows["wf[0].a"]["phase"] == "Succeeded"
    assert rows["wf"]["phase"] == "Running"
    assert len(again.pods) == 1
    assert again.workflow["status"]["phase"] == ""
    assert "workflows.argoproj.io/completed" not in again.workflow["metadata"]["labels"]
    second = World(again.workflow)
    second.pods = {node_id: fact for node_id, fact in world.pods.items() if fact}
    second.pods = {n: f for n, f in second.pods.items() if f and f.phase is Phase.SUCCEEDED}
    assert second.play().phase is Phase.SUCCEEDED
    assert len(second.starts) == 1


def test_a_good_workflow_is_retried_only_by_choice() -> None:
    world = World(workflow([{**LEAF, "name": "main"}]))
    run = world.play()
    manifest = {**world.manifest, "status": project.status(run)}
    with pytest.raises(OperationError, match="To retry a succeeded workflow"):
        retrying.retry(manifest, START)
    chosen = RetryOptions(restart_successful=True, node_fields="displayName=wf")
    assert retrying.retry(manifest, START, chosen).pods == ("wf",)


def test_resubmit_makes_a_new_object_that_names_the_old_one() -> None:
    _, manifest = failed()
    found = resubmission.resubmit(manifest)
    assert found["metadata"]["generateName"] == "wf-"
    labels = found["metadata"]["labels"]
    assert labels == {"workflows.argoproj.io/resubmitted-from-workflow": "wf"}
    assert "status" not in found


def test_a_memoized_copy_skips_what_was_good() -> None:
    _, manifest = failed()
    made = resubmission.memoized(manifest, "again", START + 100)
    rows = {row["name"]: row for row in made["status"]["nodes"].values()}
    assert rows["again[0].a"]["message"].startswith("original pod: wf-")
    made["metadata"] |= {"uid": "v", "creationTimestamp": "2026-01-01T00:00:00Z"}
    second = World(made)
    run = second.play()
    assert run.phase is Phase.SUCCEEDED
    assert second.starts == [naming.node_id("again", "again[1].b")]


def test_a_handled_failure_and_a_good_retry_are_left_alone() -> None:
    retried = {**LEAF, "name": "r", "retryStrategy": {"limit": 2}}
    steps = [
        [{"name": "a", "template": "w", "continueOn": {"failed": True}}],
        [{"name": "b", "template": "r"}],
        [{"name": "c", "template": "w"}],
    ]
    bad = LeafOutputs(exit_code="1")

    def answer(leaf: StartLeaf) -> LeafChanged:
        if leaf.node_name.endswith((".a", ".b(0)", ".c")):
            return LeafChanged(leaf.node_id, Phase.FAILED, "main: Error (exit code 1)", bad)
        return LeafChanged(leaf.node_id, Phase.SUCCEEDED)

    world = World(workflow([{"name": "main", "steps": steps}, LEAF, retried]), answer)
    run = world.play()
    assert run.phase is Phase.FAILED
    again = retrying.retry({**world.manifest, "status": project.status(run)}, START + 100)
    second = World(again.workflow)
    assert second.play().phase is Phase.SUCCEEDED
    assert second.starts == [naming.node_id("wf", "wf[2].c")]
    rows = {row["name"]: row for row in project.status(second.run)["nodes"].values()}
    assert rows["wf[0].a"]["phase"] == "Failed"
    assert "wf[1].b(0)" not in rows
    assert rows["wf[1].b"]["phase"] == "Succeeded"
