"""The CronWorkflow controller in virtual time: killed at every call, each moment runs once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.core import cron
from engine.runtime.cronworkflows import CronRuntime
from kube import resources
from kube.cluster import EVERYTHING, Object
from tests.simulation.api import FakeApi
from tests.simulation.faults import FaultyCluster, Weather
from tests.simulation.loop import LoopClock, VirtualLoop

START = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


class World:
    """An API, a clock, and one controller process after the other."""

    def __init__(self, loop: VirtualLoop, weather: Weather, crash_at: int = -1) -> None:
        self.clock = LoopClock(loop, START)
        self.api = FakeApi(self._stamp)
        self.calls = 0
        self._weather = weather
        self._crash_at = crash_at
        self._rng = random.Random(7)
        self._process: FaultyCluster | None = None
        self._died = asyncio.Event()

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _called(self) -> None:
        self.calls += 1
        if self.calls == self._crash_at and self._process is not None:
            self._process.dead = True
            self._died.set()

    async def live(self) -> None:
        while True:
            self._died.clear()
            self._process = FaultyCluster(self.api, self._rng, self._weather, self._called)
            runtime = CronRuntime(self._process, self.clock)
            serving = asyncio.ensure_future(runtime.start(timeout=600))
            try:
                await self._died.wait()
            finally:
                serving.cancel()
                await runtime.stop()

    def runs(self) -> list[Object]:
        return self.api.list(resources.WORKFLOWS, "ns", EVERYTHING).items

    def cron(self) -> Object:
        return self.api.get(resources.CRON_WORKFLOWS, "ns", "c")

    def end(self, workflow: Object, phase: str = "Succeeded") -> None:
        status = {"status": {"phase": phase, "finishedAt": self._stamp()}}
        self.api.patch(resources.WORKFLOWS, "ns", workflow["metadata"]["name"], status)

    async def workers(self, seconds: float) -> None:
        """Every run succeeds after so long."""
        while True:
            await asyncio.sleep(1)
            for run in self.runs():
                born = datetime.fromisoformat(run["metadata"]["creationTimestamp"]).timestamp()
                if "status" not in run and self.clock.now() - born >= seconds:
                    self.end(run)


def created(**spec: Any) -> Object:
    body = {"schedules": ["*/1 * * * *"], "workflowSpec": {"entrypoint": "main"}, **spec}
    return {"metadata": {"name": "c", "namespace": "ns"}, "spec": body}


def played(
    body: Callable[[World], Awaitable[None]],
    weather: Weather | None = None,
    crash_at: int = -1,
) -> World:
    random.seed(1)
    loop = VirtualLoop()

    async def main() -> World:
        world = World(loop, weather or Weather(), crash_at)
        async with asyncio.timeout(7200):
            living = asyncio.ensure_future(world.live())
            try:
                await body(world)
            finally:
                living.cancel()
                await asyncio.wait({living})
        return world

    try:
        return loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def five_minutes(world: World) -> None:
    made = created(successfulJobsHistoryLimit=10, startingDeadlineSeconds=50)
    # It has run before: a CronWorkflow that never did makes up for nothing.
    made["status"] = {"lastScheduledTime": "2026-03-01T00:00:00Z"}
    made["metadata"]["annotations"] = {cron.USED: cron.used_schedule(made["spec"])}
    world.api.create(resources.CRON_WORKFLOWS, "ns", made)
    working = asyncio.ensure_future(world.workers(20))
    try:
        await asyncio.sleep(5 * 60 + 40)
    finally:
        working.cancel()


def expect_five(world: World) -> None:
    names = sorted(run["metadata"]["name"] for run in world.runs())
    assert names == [f"c-{int(START) + 60 * minute}" for minute in range(1, 6)]
    status = world.cron()["status"]
    assert status["succeeded"] == 5
    assert status["active"] == []
    assert status["phase"] == "Active"
    assert status["lastScheduledTime"] == "2026-03-01T00:05:00Z"


def test_each_moment_makes_one_run_and_is_counted_once() -> None:
    expect_five(played(five_minutes))


def test_killed_at_every_call_each_moment_still_runs_once() -> None:
    total = played(five_minutes).calls
    for call in range(1, total + 1):
        expect_five(played(five_minutes, crash_at=call))


@pytest.mark.parametrize("seed", range(20))
def test_bad_weather_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    weather = Weather(
        refused=rng.random() * 0.2,
        lost=rng.random() * 0.2,
        conflict=rng.random() * 0.2,
        broken=rng.random() * 0.2,
        replayed=rng.random(),
        gone=rng.random() * 0.5,
    )
    expect_five(played(five_minutes, weather))


def test_replace_ends_the_run_before() -> None:
    async def body(world: World) -> None:
        world.api.create(resources.CRON_WORKFLOWS, "ns", created(concurrencyPolicy="Replace"))
        await asyncio.sleep(130)

    world = played(body)
    first, second = sorted(world.runs(), key=lambda run: run["metadata"]["name"])
    assert first["spec"]["shutdown"] == "Terminate"
    assert "shutdown" not in second["spec"]
    assert [a["name"] for a in world.cron()["status"]["active"]] == [second["metadata"]["name"]]


def test_history_is_kept_short_and_one_bad_object_stops_no_other() -> None:
    async def body(world: World) -> None:
        bad = created(schedules=["every day"])
        bad["metadata"]["name"] = "bad"
        world.api.create(resources.CRON_WORKFLOWS, "ns", bad)
        world.api.create(resources.CRON_WORKFLOWS, "ns", created(successfulJobsHistoryLimit=2))
        working = asyncio.ensure_future(world.workers(5))
        await asyncio.sleep(10 * 60 + 30)
        working.cancel()

    world = played(body)
    assert len(world.runs()) == 2
    assert world.cron()["status"]["succeeded"] == 10
    bad = world.api.get(resources.CRON_WORKFLOWS, "ns", "bad")
    assert [c["type"] for c in bad["status"]["conditions"]] == ["SpecError"]


def test_a_stop_expression_ends_it() -> None:
    async def body(world: World) -> None:
        strategy = {"expression": "cronworkflow.succeeded >= 2"}
        world.api.create(resources.CRON_WORKFLOWS, "ns", created(stopStrategy=strategy))
        working = asyncio.ensure_future(world.workers(5))
        await asyncio.sleep(10 * 60)
        working.cancel()

    world = played(body)
    found = world.cron()
    assert found["status"]["phase"] == "Stopped"
    assert found["metadata"]["labels"]["cronworkflows.argoproj.io/completed"] == "true"
    assert len(world.runs()) == 2


def test_a_suspended_one_skips_and_goes_on_when_resumed() -> None:
    async def body(world: World) -> None:
        world.api.create(resources.CRON_WORKFLOWS, "ns", created(suspend=True))
        await asyncio.sleep(150)
        assert world.runs() == []
        world.api.patch(resources.CRON_WORKFLOWS, "ns", "c", {"spec": {"suspend": False}})
        await asyncio.sleep(60)

    assert len(played(body).runs()) == 1
