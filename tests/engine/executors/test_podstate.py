"""What a pod's status says about its node, message by message."""

from __future__ import annotations

from typing import Any

import pytest

from engine.executors import podstate

MAIN = ["main"]


def ended(name: str, code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    state: dict[str, Any] = {"exitCode": code, "reason": reason if code else "Completed"}
    if message:
        state["message"] = message
    return {"name": name, "state": {"terminated": state}}


def failed(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"status": {"phase": "Failed", "containerStatuses": list(containers), **status}}


@pytest.mark.parametrize(
    ("pod", "phase", "message"),
    [
        pytest.param(
            failed(ended("main", 3)), "Failed", "main: Error (exit code 3)", id="exit code"
        ),
        pytest.param(
            failed(ended("main", 1, "no disk")),
            "Failed",
            "main: Error (exit code 1): no disk",
            id="termination message",
        ),
        pytest.param(
            failed(ended("main", 137, reason="OOMKilled")),
            "Failed",
            "main: OOMKilled (exit code 137)",
            id="out of memory",
        ),
        pytest.param(
            failed(ended("main", 1), message="Evicted: low on memory"),
            "Failed",
            "Evicted: low on memory",
            id="the pod's own message wins",
        ),
        pytest.param(
            failed(ended("main", 0), ended("wait", 64, "cannot save")),
            "Error",
            "wait: Error (exit code 64): cannot save",
            id="a helper's failure is an error",
        ),
        pytest.param(
            failed(ended("main", 0), ended("proxy", 137)), "Succeeded", "", id="killed sidecar"
        ),
        pytest.param(
            failed(ended("main", 0), ended("proxy", 2)),
            "Failed",
            "proxy: Error (exit code 2)",
            id="failed sidecar",
        ),
        pytest.param(
            {
                "status": {
                    "phase": "Failed",
                    "initContainerStatuses": [ended("fetch", 7)],
                    "containerStatuses": [
                        {"name": "main", "state": {"waiting": {"reason": "PodInitializing"}}}
                    ],
                }
            },
            "Failed",
            "fetch: Error (exit code 7)",
            id="init container before main",
        ),
        pytest.param(
            failed({"name": "main", "state": {"waiting": {"reason": "X", "message": "why"}}}),
            "Error",
            "Pod failed before main container starts due to X: why",
            id="never started",
        ),
    ],
)
def test_a_failed_pod(pod: dict[str, Any], phase: str, message: str) -> None:
    state = podstate.assess(pod, MAIN)
    assert (state.phase, state.message) == (phase, message)


def test_a_pending_pod_tells_why_it_waits() -> None:
    waiting = {"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
    pod = {"status": {"phase": "Pending", "containerStatuses": [waiting]}}
    assert podstate.assess(pod, MAIN).message == "ErrImagePull: no"


def test_a_pod_without_room_tells_what_is_missing() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }
    pod = {"status": {"phase": "Pending", "conditions": [condition]}}
    expected = "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."
    assert podstate.assess(pod, MAIN).message == expected


def test_a_running_pod_is_ready_when_all_its_containers_are() -> None:
    both = [{"name": "main", "ready": True}, {"name": "proxy", "ready": False}]
    pod = {"status": {"phase": "Running", "containerStatuses": both}}
    assert not podstate.assess(pod, MAIN).ready
    both[1]["ready"] = True
    assert podstate.assess(pod, MAIN).ready


def test_the_exit_code_is_mains() -> None:
    pod = failed(ended("proxy", 9), ended("main", 4))
    assert podstate.assess(pod, MAIN).exit_code == 4
