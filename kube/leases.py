"""Who owns a piece of work: `coordination.k8s.io/v1` Leases with a fencing epoch.

Owns taking, renewing and giving back one Lease. The epoch is the Lease's `leaseTransitions`: it
grows each time the holder changes, so a write that carries an older one comes from somebody who
has lost the work without knowing. The times are client-go's. A holder trusts its own clock only
for how long ago *it* renewed; it compares no other machine's clock with its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kube.clock import Clock
from kube.cluster import Cluster, Object
from kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from kube.resources import LEASES
from kube.service import Service


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: after which others may take an unrenewed lease; for which the holder goes on
    without having renewed; between two attempts."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0


@dataclass(frozen=True, slots=True)
class Holding:
    """What a holder holds. `epoch` is greater than that of every holder before."""

    name: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Which lease, for whom, and whom to tell.

    `gained(holding)` is called once for each time it is held; `lost()` when it is no longer. Work
    must stop within `lost()`: nobody else can hold the lease before `duration` has passed since
    the last renewal, which is later than `renew_deadline`.
    """

    namespace: str
    name: str
    identity: str
    gained: Callable[[Holding], Awaitable[None]]
    lost: Callable[[], Awaitable[None]]


class Lease(Service):
    """Takes a lease as soon as it is free, keeps it, and tells when it is gained and lost."""

    def __init__(
        self, cluster: Cluster, claim: Claim, clock: Clock, times: LeaseTimes | None = None
    ) -> None:
        super().__init__(f"lease {claim.name}")
        self._cluster = cluster
        self._namespace = claim.namespace
        self._lease = claim.name
        self._identity = claim.identity
        self._clock = clock
        self._gained = claim.gained
        self._lost = claim.lost
        self._times = times or LeaseTimes()
        self._seen: tuple[str, float] = ("", 0.0)  # a foreign version, and when we saw it first
        self.holding: Holding | None = None

    async def run(self) -> None:
        """Until stopped; a lease that is held is given back then."""
        self.mark_started()
        renewed = 0.0
        try:
            while True:
                started = self._clock.now()
                held = await self._attempt(started)
                if held is not None:
                    renewed = started
                    await self._hold(held)
                elif self.holding is not None and self._expired(renewed):
                    await self._release_work()
                await self._clock.sleep_until(started + self._times.retry)
        finally:
            await self._give_back()

    def _expired(self, renewed: float) -> bool:
        return self._clock.now() - renewed >= self._times.renew_deadline

    async def _hold(self, held: Holding) -> None:
        if self.holding == held:
            return
        if self.holding is not None:
            await self._release_work()
        self.holding = held
        self.log.info("lease gained", epoch=held.epoch)
        await self._gained(held)

    async def _release_work(self) -> None:
        self.holding = None
        self.log.warning("lease lost")
        await self._lost()

    async def _attempt(self, now: float) -> Holding | None:
        """One try to take or renew; None when somebody else has it or the API is away."""
        try:
            async with asyncio.timeout(self._times.renew_deadline):
                return await self._take(now)
        except (Conflict, AlreadyExists):
            return None  # somebody was faster; look again
        except (KubeError, TimeoutError) as error:
            self.log.info("lease not renewed", error=str(error))
            return None

    async def _take(self, now: float) -> Holding | None:
        try:
            found = await self._cluster.get(LEASES, self._namespace, self._lease)
        except NotFound:
            body: Object = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._lease},
                "spec": self._spec(now, now, 1),
            }
            await self._cluster.create(LEASES, self._namespace, body)
            return Holding(self._lease, 1)
        spec = found.get("spec") or {}
        epoch = int(spec.get("leaseTransitions") or 0)
        holder = spec.get("holderIdentity") or ""
        mine = holder == self._identity and self.holding is not None
        if not mine and holder and not self._abandoned(found, now):
            return None
        acquired = spec.get("acquireTime") if mine else None
        epoch = epoch if mine else epoch + 1
        changed = {**found, "spec": self._spec(now, acquired or now, epoch)}
        await self._cluster.update(LEASES, self._namespace, changed)
        return Holding(self._lease, epoch)

    def _abandoned(self, found: Object, now: float) -> bool:
        """Whether a foreign lease has not changed for its duration, by our own clock."""
        version = found["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, now)
            return False
        seconds = (found.get("spec") or {}).get("leaseDurationSeconds") or self._times.duration
        return now - self._seen[1] >= float(seconds)

    def _spec(self, now: float, acquired: float | str, epoch: int) -> Object:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._times.duration)),
            "acquireTime": acquired if isinstance(acquired, str) else _micro_time(acquired),
            "renewTime": _micro_time(now),
            "leaseTransitions": epoch,
        }

    async def _give_back(self) -> None:
        if self.holding is None:
            return
        await self._release_work()
        try:
            async with asyncio.timeout(self._times.retry):
                found = await self._cluster.get(LEASES, self._namespace, self._lease)
                spec = found.get("spec") or {}
                if spec.get("holderIdentity") == self._identity:
                    freed = {**found, "spec": {**spec, "holderIdentity": ""}}
                    await self._cluster.update(LEASES, self._namespace, freed)
        except (KubeError, TimeoutError) as error:
            self.log.info("lease not given back", error=str(error))


def _micro_time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
