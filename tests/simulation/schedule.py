"""One schedule: a seed makes the workload, the weather, the crashes and every delay."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from engine.runtime.controller import EngineRuntime, Settings
from engine.runtime.fencing import Fence
from engine.runtime.packing import Limits
from kube import resources
from kube.cluster import Object
from kube.errors import KubeError
from kube.throttle import Throttle
from tests.simulation import invariants, workload
from tests.simulation.api import FakeApi
from tests.simulation.faults import FaultyCluster, Weather
from tests.simulation.kubelet import SimulatedKubelet
from tests.simulation.loop import LoopClock, VirtualLoop

START = 1_767_225_600.0
LONGEST = 4 * 3600.0  # virtual seconds until everything must be over
QUIET = 300.0  # after the last workflow's end: pods wait out the grace of a new process
LIVES = 25  # crashes of one schedule, at the most
STORMS = (
    Weather(),
    Weather(refused=0.05, lost=0.05, conflict=0.02),
    Weather(broken=0.1, replayed=0.5, gone=0.1),
    Weather(delay=0.3, slow=0.05),
    Weather(0.1, 0.05, 0.05, 0.02, 0.05, 0.3, 0.05, 0.02),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """`crash_at`: kill the process at that call (counted before and after each effect)."""

    seed: int
    weather: Weather
    crashes: float = 0.0  # probability at each call
    crash_at: int = -1
    workflows: list[Object] = field(default_factory=list)
    packing: Limits = field(default_factory=Limits)
    overlap: bool = False


def drawn(seed: int) -> Plan:
    """The plan of a seed."""
    rng = random.Random(seed)
    weather = rng.choice(STORMS)
    crashes = rng.choice((0.0, 0.0, 0.005, 0.03))
    packing = rng.choice((Limits(), Limits(), Limits(3_000, 900, 4), Limits(2_000)))
    workflows, overlap = workload.workflows(rng), rng.random() < 0.25
    return Plan(seed, weather, crashes, workflows=workflows, packing=packing, overlap=overlap)


@dataclass(slots=True)
class Ending:
    """What became of a schedule: what was broken (nothing, if all is well), and its size."""

    broken: list[str]
    calls: int
    lives: int
    seconds: float


def play(plan: Plan) -> Ending:
    """Play a schedule to its end, in virtual time."""
    random.seed(plan.seed)  # back-offs are jittered
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_Play(plan, loop).run())
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.wait(pending))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class _Play:
    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        self._plan = plan
        self._settings = Settings(node_events=False, packing=plan.packing)
        self._rng = random.Random(plan.seed + 1)
        self._clock = LoopClock(loop, START)
        self._api = FakeApi(self._stamp)
        self._crashed = asyncio.Event()
        self._process: FaultyCluster | None = None
        self._calls = 0
        self._lives = 0
        self._calm = False  # nothing is killed any more

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def run(self) -> Ending:
        kubelet = SimulatedKubelet(self._api, random.Random(self._plan.seed + 2), self._plan.seed)
        watchdog = invariants.Watchdog(self._api)
        living = asyncio.ensure_future(self._live())
        for manifest in self._plan.workflows:
            self._api.create(resources.WORKFLOWS, "ns", manifest)
            await asyncio.sleep(self._rng.random() * 5)
        loop = asyncio.get_running_loop()
        while not self._over() and loop.time() < LONGEST:
            await asyncio.sleep(5)
        self._calm = True
        await asyncio.sleep(QUIET)
        living.cancel()
        await asyncio.wait({living})
        broken = watchdog.broken + invariants.at_the_end(
            self._api, kubelet, self._plan.workflows, self._plan.seed
        )
        if living.done() and not living.cancelled() and living.exception():
            broken.append(f"the engine ended: {living.exception()!r}")
        return Ending(broken, self._calls, self._lives, loop.time())

    def _over(self) -> bool:
        names = [m["metadata"]["name"] for m in self._plan.workflows]
        found = [self._api.get(resources.WORKFLOWS, "ns", name) for name in names]
        return all((w.get("status") or {}).get("phase") in invariants.FINAL for w in found)

    async def _live(self) -> None:
        """One engine process after the other. With `overlap` the next one begins while the last
        one still works, as when a process that lost its lease has not noticed yet."""
        lingering: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._lives += 1
                self._crashed.clear()
                weather = self._plan.weather
                cluster = FaultyCluster(self._api, self._rng, weather, self._called)
                self._process = None if self._plan.overlap else cluster
                fence = self._leased()
                settings = replace(self._settings, fence=fence if self._plan.overlap else None)
                engine = EngineRuntime(cluster, self._clock, Throttle(), settings)
                try:
                    await engine.start(timeout=600)
                    await self._crashed.wait()
                except (KubeError, TimeoutError):
                    self._crashed.set()
                finally:
                    lingering.add(asyncio.ensure_future(self._die(engine, cluster)))
                if not self._plan.overlap:
                    await asyncio.wait(lingering)
                    await asyncio.sleep(self._rng.random() * 10)
        finally:
            for task in lingering:
                task.cancel()
            await asyncio.gather(*lingering, return_exceptions=True)

    def _leased(self) -> Fence:
        """The lease goes to the process that begins now."""
        lease = {"metadata": {"name": "engine"}, "spec": {"leaseTransitions": self._lives}}
        if self._lives == 1:
            self._api.create(resources.LEASES, "ns", lease)
        else:
            self._api.patch(resources.LEASES, "ns", "engine", lease)
        return Fence(self._lives, "ns", "engine")

    async def _die(self, engine: EngineRuntime, cluster: FaultyCluster) -> None:
        try:
            if self._plan.overlap:
                await asyncio.sleep(self._rng.random() * 30)
        finally:
            cluster.dead = True
            await engine.stop()

    def _called(self) -> None:
        self._calls += 1
        unlucky = (
            self._lives <= LIVES and not self._calm and self._rng.random() < self._plan.crashes
        )
        if self._calls == self._plan.crash_at or unlucky:
            self._crashed.set()
            if self._process is not None:
                self._process.dead = True
