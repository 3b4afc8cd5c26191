"""A pod with one container: it runs, its end and its status are what a kubelet reports."""

from __future__ import annotations

import pytest

from kube import resources
from tests.kubelet.cluster import Machine, condition, container, is_running, pod, terminated


async def test_a_pod_succeeds_and_its_status_is_complete(machine: Machine) -> None:
    await machine.create(pod("one", "echo hello"))
    found = await machine.ended("one")
    status = found["status"]
    assert status["phase"] == "Succeeded"
    assert found["spec"]["nodeName"] == "headrace"
    assert status["podIP"] == status["hostIP"] == "127.0.0.1"
    assert status["qosClass"] == "BestEffort"
    assert [c["type"] for c in status["conditions"]] == [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    assert condition(found, "Ready")["reason"] == "PodCompleted"
    assert condition(found, "Ready")["status"] == "False"
    entry = container(found)
    assert entry["ready"] is False
    assert entry["started"] is False
    assert entry["restartCount"] == 0
    ended = terminated(found)
    assert ended["exitCode"] == 0
    assert ended["reason"] == "Completed"
    assert ended["containerID"] == entry["containerID"]
    assert await machine.logs("one") == "hello\n"


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("kill -TERM $$$$", 143), ("kill -KILL $$$$", 137)]
)
async def test_exit_codes_and_signals(machine: Machine, script: str, code: int) -> None:
    await machine.create(pod("bad", script))
    found = await machine.ended("bad")
    assert found["status"]["phase"] == "Failed"
    assert condition(found, "ContainersReady")["reason"] == "PodFailed"
    assert terminated(found)["exitCode"] == code
    assert terminated(found)["reason"] == "Error"


async def test_a_running_pod_is_ready(machine: Machine) -> None:
    await machine.create(pod("long", "sleep 100"))
    found = await machine.until("long", is_running)
    assert found["status"]["phase"] == "Running"
    assert condition(found, "Ready")["status"] == "True"
    assert container(found)["started"] is True
    await machine.cluster.delete(resources.PODS, "default", "long", grace_seconds=0)
    await machine.gone("long")
