"""One holder at a time, whatever dies; each with a greater epoch than the one before."""

from __future__ import annotations

from typing import Any, cast

from kube.cluster import Cluster
from kube.leases import Claim, Holding, Lease, LeaseTimes
from tests.kube.fake import ManualClock, MemoryCluster

TIMES = LeaseTimes(duration=15, renew_deadline=10, retry=2)


class Candidate:
    """A lease and what it was told, in order."""

    def __init__(self, name: str, cluster: MemoryCluster, clock: ManualClock) -> None:
        self.told: list[Any] = []
        claim = Claim("default", "work", name, self._gained, self._lost)
        self.lease = Lease(cast("Cluster", cluster), claim, clock, TIMES)

    async def _gained(self, holding: Holding) -> None:
        self.told.append(holding.epoch)

    async def _lost(self) -> None:
        self.told.append("lost")


async def test_the_first_takes_it_and_the_second_waits() -> None:
    cluster, clock = MemoryCluster(), ManualClock()
    one, two = Candidate("one", cluster, clock), Candidate("two", cluster, clock)
    await one.lease.start()
    await clock.advance(1)
    await two.lease.start()
    await clock.advance(120)
    assert (one.told, two.told) == ([1], [])
    await one.lease.stop()
    await two.lease.stop()


async def test_a_lease_that_is_given_back_is_taken_at_once() -> None:
    cluster, clock = MemoryCluster(), ManualClock()
    one, two = Candidate("one", cluster, clock), Candidate("two", cluster, clock)
    await one.lease.start()
    await clock.advance(1)
    await two.lease.start()
    await clock.advance(1)
    await one.lease.stop()
    await clock.advance(3)
    assert one.told == [1, "lost"]
    assert two.told == [2]
    await two.lease.stop()


async def test_a_holder_that_is_cut_off_stops_before_another_begins() -> None:
    cluster, clock = MemoryCluster(), ManualClock()
    cut_off = MemoryCluster()
    cut_off.objects = cluster.objects
    one, two = Candidate("one", cut_off, clock), Candidate("two", cluster, clock)
    await one.lease.start()
    await clock.advance(1)
    await two.lease.start()
    await clock.advance(1)
    cut_off.down = True
    while one.told == [1]:
        await clock.advance(0.5)
        assert two.told == []
    assert one.told == [1, "lost"]
    await clock.advance(20)
    assert two.told == [2]
    cut_off.down = False
    await clock.advance(60)
    assert one.told == [1, "lost"]
    await one.lease.stop()
    await two.lease.stop()


async def test_a_restarted_holder_gets_a_new_epoch() -> None:
    cluster, clock = MemoryCluster(), ManualClock()
    one = Candidate("one", cluster, clock)
    await one.lease.start()
    await clock.advance(1)
    assert one.told == [1]
    again = Candidate("one", cluster, clock)  # the process died without giving back
    await again.lease.start()
    await clock.advance(40)
    assert again.told == [] or again.told[0] > 1
    await one.lease.stop()
    await again.lease.stop()


async def test_a_short_outage_of_the_api_changes_nothing() -> None:
    cluster, clock = MemoryCluster(), ManualClock()
    one = Candidate("one", cluster, clock)
    await one.lease.start()
    await clock.advance(1)
    cluster.down = True
    await clock.advance(6)
    cluster.down = False
    await clock.advance(30)
    assert one.told == [1]
    await one.lease.stop()
