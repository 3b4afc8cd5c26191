"""Stop, terminate, suspend, resume as patches on the object."""

from __future__ import annotations

from typing import Any

import pytest

from crds import hydration, operations

NOW = 1_700_000_000.0


def workflow(phase: str = "Running", **nodes: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "wf", "namespace": "ns"},
        "spec": {},
        "status": {"phase": phase, "nodes": nodes},
    }


def waiting(**fields: Any) -> dict[str, Any]:
    return {"type": "Suspend", "phase": "Running", "displayName": "approve", **fields}


def test_stop_and_terminate_set_the_strategy() -> None:
    assert operations.stop(workflow(), NOW) == {"spec": {"shutdown": "Stop"}}
    assert operations.terminate(workflow()) == {"spec": {"shutdown": "Terminate"}}


def test_a_finished_workflow_cannot_be_stopped() -> None:
    with pytest.raises(operations.OperationError) as error:
        operations.terminate(workflow("Succeeded"))
    assert str(error.value) == (
        'cannot shutdown a completed workflow: workflow: "wf", namespace: "ns"'
    )


def test_resume_ends_every_waiting_suspend_node() -> None:
    patch = operations.resume(workflow(a=waiting(), b={"type": "Pod", "phase": "Running"}), NOW)
    assert patch == {
        "spec": {"suspend": None},
        "status": {"nodes": {"a": {"phase": "Succeeded", "finishedAt": "2023-11-14T22:13:20Z"}}},
    }


def test_resume_by_selector_leaves_the_others_waiting() -> None:
    found = workflow(a=waiting(), b=waiting(displayName="other"))
    patch = operations.resume(found, NOW, node_fields="displayName=other")
    assert list(patch["status"]["nodes"]) == ["b"]
    assert "spec" not in patch


def test_a_selector_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(operations.OperationError, match="no waiting suspend node"):
        operations.resume(workflow(a=waiting()), NOW, node_fields="displayName=zz")


def test_resume_fills_supplied_outputs_with_their_defaults() -> None:
    outputs = {"parameters": [{"name": "ok", "valueFrom": {"supplied": {}, "default": "yes"}}]}
    patch = operations.resume(workflow(a=waiting(outputs=outputs)), NOW)
    changed = patch["status"]["nodes"]["a"]["outputs"]["parameters"]
    assert changed == [{"name": "ok", "value": "yes"}]


def test_stop_by_selector_fails_the_node_with_the_message() -> None:
    found = workflow(a=waiting(message="needs a look"))
    patch = operations.stop(found, NOW, node_fields="displayName=approve", message="no")
    changed = patch["status"]["nodes"]["a"]
    assert (changed["phase"], changed["message"]) == ("Failed", "needs a look; no")


def test_resume_works_on_a_compressed_table() -> None:
    found = workflow()
    found["status"] = {"phase": "Running", "compressedNodes": hydration.compress({"a": waiting()})}
    patch = operations.resume(found, NOW)
    changed = hydration.nodes_of(patch)
    assert changed["a"]["phase"] == "Succeeded"
    assert changed["a"]["displayName"] == "approve"
