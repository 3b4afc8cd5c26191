"""The checks of the simulation notice what they are there for."""

from __future__ import annotations

import asyncio
import random

from kube import resources
from kube.cluster import Object
from tests.simulation import invariants, schedule
from tests.simulation.api import FakeApi
from tests.simulation.kubelet import SimulatedKubelet
from tests.simulation.loop import VirtualLoop


def row(phase: str, **more: object) -> Object:
    return {"id": "wf0", "name": "wf0", "type": "Pod", "phase": phase, **more}


async def broken_by(*statuses: Object) -> list[str]:
    api = FakeApi(lambda: "2026-01-01T00:00:00Z")
    watchdog = invariants.Watchdog(api)
    api.create(resources.WORKFLOWS, "ns", {"metadata": {"name": "wf0"}, "spec": {}})
    for status in statuses:
        api.patch(resources.WORKFLOWS, "ns", "wf0", {"status": status})
    return watchdog.broken


async def test_a_final_phase_that_changes_is_noticed() -> None:
    found = await broken_by({"phase": "Succeeded"}, {"phase": "Running"})
    assert found == ["wf0: the workflow went from Succeeded to Running"]


async def test_a_final_node_that_changes_is_noticed() -> None:
    rows = [{"nodes": {"wf0": row(phase)}} for phase in ("Failed", "Running")]
    assert await broken_by(*rows) == ["wf0: node wf0 went from Failed to Running"]


def test_a_pod_that_runs_twice_is_noticed() -> None:
    async def play() -> list[str]:
        api = FakeApi(lambda: "2026-01-01T00:00:00Z")
        kubelet = SimulatedKubelet(api, random.Random(0), 0)
        body = {
            "metadata": {"name": "p", "annotations": {"workflows.argoproj.io/node-id": "p-1"}},
            "spec": {},
        }
        for _ in range(2):
            api.create(resources.PODS, "ns", body)
            await asyncio.sleep(60)
            api.delete(resources.PODS, "ns", "p")
        return invariants.at_the_end(api, kubelet, [], 0)

    loop = VirtualLoop()
    try:
        assert loop.run_until_complete(play()) == ["pod p ran 2 times"]
        assert loop.time() >= 120
    finally:
        loop.close()


def test_a_workload_depends_on_its_seed_alone() -> None:
    assert schedule.drawn(7) == schedule.drawn(7) != schedule.drawn(8)
