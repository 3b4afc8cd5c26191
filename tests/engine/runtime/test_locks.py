"""The lock table: who gets which lock when. Limits come from a dictionary here."""

from __future__ import annotations

import asyncio

from engine.core import facts
from engine.core.decisions import AcquireLocks, LockRequest
from engine.runtime.locks import LimitUnknown, LockTable

SEMAPHORE = "ns/ConfigMap/limits/db"
MUTEX = "ns/Mutex/only-one"


class Table:
    """A lock table with its answers by holder."""

    def __init__(self, **limits: int) -> None:
        self.limits = {SEMAPHORE: limits.get("db", 1)}
        self.answers: dict[str, list[facts.Fact]] = {}
        self.table = LockTable(self._limit)

    async def _limit(self, key: str) -> int:
        if key not in self.limits:
            raise LimitUnknown(f"no limit for {key}")
        return self.limits[key]

    async def acquire(
        self, holder: str, *keys: str, priority: int = 0, created: float = 0.0
    ) -> None:
        locks = tuple(LockRequest(key, "/Mutex/" in key) for key in keys)
        told = self.answers.setdefault(holder, [])
        await self.table.acquire(AcquireLocks(holder, locks, priority, created), told.append)

    def granted(self, holder: str) -> bool:
        return facts.LockGranted(holder) in self.answers.get(holder, [])


async def test_a_mutex_goes_to_one_holder_and_then_to_the_next() -> None:
    table = Table()
    await table.acquire("a", MUTEX)
    await table.acquire("b", MUTEX)
    assert table.granted("a")
    assert table.answers["b"] == [
        facts.LockWaiting("b", MUTEX, f"Waiting for {MUTEX} lock. Lock status: 0/1")
    ]
    await table.table.release("a")
    assert table.granted("b")


async def test_a_semaphore_has_as_many_holders_as_its_limit() -> None:
    table = Table(db=2)
    for holder in "abc":
        await table.acquire(holder, SEMAPHORE)
    assert [table.granted(h) for h in "abc"] == [True, True, False]


async def test_a_higher_priority_goes_first_and_then_the_older_one() -> None:
    table = Table()
    await table.acquire("holder", MUTEX)
    await table.acquire("young", MUTEX, created=9)
    await table.acquire("old", MUTEX, created=1)
    await table.acquire("urgent", MUTEX, priority=5, created=20)
    for expected, other in (("urgent", "old"), ("old", "young")):
        await table.table.release("holder" if expected == "urgent" else "urgent")
        assert table.granted(expected)
        assert not table.granted(other)


async def test_locks_are_taken_all_or_nothing() -> None:
    table = Table()
    await table.acquire("a", MUTEX)
    await table.acquire("b", SEMAPHORE, MUTEX, created=1)
    await table.acquire("c", SEMAPHORE, created=2)
    assert not table.granted("b")
    await table.table.release("a")
    assert table.granted("b")
    await table.table.release("b")
    assert table.granted("c")


async def test_an_unknown_limit_is_refused_with_its_reason() -> None:
    table = Table()
    await table.acquire("a", "ns/ConfigMap/gone/key")
    assert table.answers["a"] == [facts.LockRefused("a", "no limit for ns/ConfigMap/gone/key")]


async def test_a_raised_limit_counts_at_the_next_check() -> None:
    table = Table(db=1)
    await table.acquire("a", SEMAPHORE)
    await table.acquire("b", SEMAPHORE)
    table.limits[SEMAPHORE] = 2
    await table.table.recheck([SEMAPHORE])
    assert table.granted("b")


async def test_a_holder_of_before_a_restart_holds_still() -> None:
    table = Table()
    table.table.restore("a", [MUTEX])
    await table.acquire("b", MUTEX)
    await table.acquire("a", MUTEX)
    assert table.granted("a")
    assert not table.granted("b")


async def test_who_gives_up_waiting_does_not_block_the_queue() -> None:
    table = Table()
    await table.acquire("a", MUTEX)
    await table.acquire("b", MUTEX, created=1)
    await table.acquire("c", MUTEX, created=2)
    await table.table.release("b")
    await table.table.release("a")
    assert table.granted("c")


async def test_a_holder_that_leaves_while_its_limit_is_read_is_not_queued() -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: str) -> int:
        reading.set()
        await go_on.wait()
        return 1

    table = LockTable(slow)
    told: list[facts.Fact] = []
    request = AcquireLocks("gone", (LockRequest(SEMAPHORE, mutex=False),), 0, 0.0)
    asking = asyncio.create_task(table.acquire(request, told.append))
    await reading.wait()
    await table.forget("gone")
    go_on.set()
    await asking
    assert told == []
    assert not table.watches([SEMAPHORE])


async def test_two_locks_are_asked_for_while_another_holder_gives_one_back() -> None:
    limits = {SEMAPHORE: asyncio.Event(), "ns/Database/b": asyncio.Event()}
    limits[SEMAPHORE].set()

    async def limit_of(key: str) -> int:
        await limits[key].wait()
        return 1

    table = LockTable(limit_of)
    told: list[facts.Fact] = []
    table.restore("before", [SEMAPHORE])
    both = tuple(LockRequest(key, mutex=False) for key in limits)
    asking = asyncio.create_task(table.acquire(AcquireLocks("both", both, 0, 0.0), told.append))
    await asyncio.sleep(0)
    await table.release("before")
    limits["ns/Database/b"].set()
    await asking
    assert told == [facts.LockGranted("both")]
