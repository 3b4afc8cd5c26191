"""Which pods run: room, priority, order, placement."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from headrace.local.kubelet.policy import Capacity
from headrace.local.kubelet.scheduler import Scheduler
from kube import resources
from kube.cluster import Object
from tests.kubelet import cluster
from tests.kubelet.cluster import condition, is_running, pod

LABELS = {"kubernetes.io/arch": "amd64", "zone": "3"}


def _pod(name: str, cpu: str = "0", memory: str = "0", **spec: Any) -> Object:
    requests = {"requests": {"cpu": cpu, "memory": memory}}
    containers = [{"name": "main", "resources": requests}]
    return {"metadata": {"uid": name, "name": name}, "spec": {"containers": containers, **spec}}


def _scheduler(cpu: str = "2", memory: str = "1000", pods: int = 100) -> Scheduler:
    return Scheduler(Capacity(Decimal(cpu), Decimal(memory), pods), "here", LABELS)


def _names(scheduler: Scheduler) -> list[str]:
    return [p["metadata"]["name"] for p in scheduler.decide().admitted]


async def test_first_come_first_served_by_priority() -> None:
    scheduler = _scheduler(cpu="1")
    for name, priority in (("a", 0), ("b", 0), ("urgent", 10)):
        scheduler.add(_pod(name, cpu="1", priority=priority))
    assert _names(scheduler) == ["urgent"]
    assert scheduler.remove("urgent")
    assert _names(scheduler) == ["a"]
    assert scheduler.remove("a")
    assert _names(scheduler) == ["b"]


async def test_what_does_not_fit_does_not_hold_up_what_does() -> None:
    scheduler = _scheduler(cpu="2")
    scheduler.add(_pod("big", cpu="3", memory="2000"))
    scheduler.add(_pod("small", cpu="500m"))
    decision = scheduler.decide()
    assert [p["metadata"]["name"] for p in decision.admitted] == ["small"]
    assert [message for _, message in decision.refused] == [
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."
    ]
    assert scheduler.decide().refused == []  # told once


async def test_too_many_pods() -> None:
    scheduler = _scheduler(pods=2)
    for name in "abc":
        scheduler.add(_pod(name))
    decision = scheduler.decide()
    assert len(decision.admitted) == 2
    assert decision.refused[0][1] == "0/1 nodes are available: 1 Too many pods."


async def test_placement() -> None:
    def affinity(*expressions: Object) -> Object:
        term = {"matchExpressions": list(expressions)}
        required = {"nodeSelectorTerms": [term]}
        return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}

    wants = {
        "plain": {},
        "selected": {"nodeSelector": {"kubernetes.io/arch": "amd64"}},
        "elsewhere": {"nodeSelector": {"disk": "ssd"}},
        "in": {"affinity": affinity({"key": "zone", "operator": "In", "values": ["3"]})},
        "gt": {"affinity": affinity({"key": "zone", "operator": "Gt", "values": ["2"]})},
        "lt": {"affinity": affinity({"key": "zone", "operator": "Lt", "values": ["2"]})},
        "gone": {"affinity": affinity({"key": "gpu", "operator": "DoesNotExist"})},
        "exists": {"affinity": affinity({"key": "gpu", "operator": "Exists"})},
    }
    scheduler = _scheduler()
    for name, spec in wants.items():
        scheduler.add(_pod(name, **spec))
    decision = scheduler.decide()
    assert {p["metadata"]["name"] for p in decision.admitted} == {
        "plain",
        "selected",
        "in",
        "gt",
        "gone",
    }
    text = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    assert {message for _, message in decision.refused} == {text}


async def test_init_containers_count_by_their_peak() -> None:
    scheduler = _scheduler(cpu="2")
    inits = [{"name": "i", "resources": {"requests": {"cpu": "3"}}}]
    scheduler.add(_pod("peak", cpu="1", initContainers=inits))
    assert "Insufficient cpu" in scheduler.decide().refused[0][1]


async def test_a_pod_that_does_not_fit_waits_for_room(tmp_path: Path) -> None:
    capacity = Capacity(Decimal(1), Decimal(10**9))
    async with cluster.machine(tmp_path / "m", capacity=capacity) as machine:
        main = {"resources": {"requests": {"cpu": "600m"}}}
        await machine.create(pod("first", "sleep 1000", main=main))
        await machine.until("first", is_running)
        await machine.create(pod("second", "echo mine", main=main))
        found = await machine.until("second", lambda p: p["status"].get("conditions"))
        assert found["status"]["phase"] == "Pending"
        assert not found["spec"].get("nodeName")
        scheduled = condition(found, "PodScheduled")
        assert scheduled["status"] == "False"
        assert scheduled["reason"] == "Unschedulable"
        assert scheduled["message"] == "0/1 nodes are available: 1 Insufficient cpu."
        await machine.cluster.delete(resources.PODS, "default", "first", grace_seconds=1)
        found = await machine.ended("second")
        assert condition(found, "PodScheduled")["status"] == "True"
