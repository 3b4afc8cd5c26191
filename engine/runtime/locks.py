"""The lock table: mutexes and semaphores over all workflows of this process.

All-or-nothing: a holder waits until every lock it asked for is free for it, so two holders never
wait for each other. Queues are ordered by priority, then by creation. Semaphore limits are read
by `limit_of` at each check, so an edited limit counts at the next release or `recheck`.
Source: Argo Workflows `workflow/sync`. Rebuilt after a restart from the workflows' own status:
whoever held a lock asks again first (`restore`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from engine.core import facts
from engine.core.decisions import AcquireLocks, LockRequest

LimitOf = Callable[[str], Awaitable[int]]
Tell = Callable[[facts.Fact], None]


class LimitUnknown(Exception):
    """There is no such ConfigMap, key or row, or it is no number; the text says which."""


@dataclass(slots=True)
class _Waiting:
    request: AcquireLocks
    tell: Tell
    told: str = ""

    @property
    def order(self) -> tuple[int, float, str]:
        return (-self.request.priority, self.request.created, self.request.holder)


@dataclass(slots=True)
class _Lock:
    holders: dict[str, None] = field(default_factory=dict)
    queue: dict[str, _Waiting] = field(default_factory=dict)
    limit: int = 1


class LockTable:
    """Who holds what. Single event loop; every change re-examines only the queues it touches."""

    def __init__(self, limit_of: LimitOf) -> None:
        self._limit_of = limit_of
        self._locks: dict[str, _Lock] = {}
        self._held: dict[str, tuple[str, ...]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._asking: set[str] = set()  # whose limits are being read

    def restore(self, holder: str, keys: Iterable[str]) -> None:
        """`holder` held these before a restart: it holds them still, whatever the limit."""
        names = tuple(keys)
        for key in names:
            self._locks.setdefault(key, _Lock()).holders[holder] = None
        self._held[holder] = names

    def watches(self, keys: Iterable[str]) -> bool:
        """Whether anybody holds or waits for one of `keys`."""
        return any(key in self._locks for key in keys)

    def awaited(self) -> list[str]:
        """The keys that somebody waits for."""
        return [key for key, lock in self._locks.items() if lock.queue]

    async def acquire(self, request: AcquireLocks, tell: Tell) -> None:
        """Queue for all locks; the answer comes through `tell`, at once or later."""
        if request.holder in self._held:
            tell(facts.LockGranted(request.holder))
            return
        self._asking.add(request.holder)
        try:
            limits = {lock.key: await self._limit(lock) for lock in request.locks}
        except LimitUnknown as error:
            if request.holder in self._asking:
                self._asking.discard(request.holder)
                tell(facts.LockRefused(request.holder, str(error)))
            return
        if request.holder not in self._asking:
            return  # released while its limits were read
        self._asking.discard(request.holder)
        waiting = self._waiting.get(request.holder) or _Waiting(request, tell)
        waiting.tell = tell
        self._waiting[request.holder] = waiting
        for key, limit in limits.items():
            lock = self._locks.setdefault(key, _Lock())
            lock.limit = limit
            lock.queue[request.holder] = waiting
        self._examine({lock.key for lock in request.locks})

    async def release(self, holder: str) -> None:
        """Give back everything, leave every queue, and let the next ones in."""
        self._asking.discard(holder)
        keys = set(self._held.pop(holder, ()))
        waiting = self._waiting.pop(holder, None)
        if waiting is not None:
            keys |= {lock.key for lock in waiting.request.locks}
        for key in keys:
            lock = self._locks.get(key)
            if lock is not None:
                lock.holders.pop(holder, None)
                lock.queue.pop(holder, None)
        await self.recheck(keys)

    async def forget(self, workflow: str) -> None:
        """The workflow (`namespace/name`) is gone: release whatever it or its nodes hold."""
        inside = f"{workflow}/"
        for holder in {*self._held, *self._waiting, *self._asking}:
            if holder == workflow or holder.startswith(inside):
                await self.release(holder)

    async def recheck(self, keys: Iterable[str]) -> None:
        """Read the limits of `keys` again and grant what has become free."""
        names = set(keys)
        for key in names:
            request = self._first_request(key)
            if request is not None:
                try:
                    limit = await self._limit(request)
                except LimitUnknown:
                    limit = 0
                if key in self._locks:
                    self._locks[key].limit = limit
        self._examine(names)
        for key in names:
            lock = self._locks.get(key)
            if lock is not None and not lock.holders and not lock.queue:
                del self._locks[key]

    def _first_request(self, key: str) -> LockRequest | None:
        """How one of those who wait for `key` asked for it."""
        lock = self._locks.get(key)
        for waiting in lock.queue.values() if lock is not None else ():
            return next(asked for asked in waiting.request.locks if asked.key == key)
        return None

    async def _limit(self, request: LockRequest) -> int:
        return 1 if request.mutex else await self._limit_of(request.key)

    def _examine(self, keys: set[str]) -> None:
        touched = {
            w.request.holder: w
            for k in keys
            if k in self._locks
            for w in self._locks[k].queue.values()
        }
        for waiting in sorted(touched.values(), key=lambda w: w.order):
            blocked = self._blocking(waiting)
            if blocked is None:
                self._grant(waiting)
            elif waiting.told != blocked:
                waiting.told = blocked
                lock = self._locks[blocked]
                free = max(0, lock.limit - len(lock.holders))
                waiting.tell(
                    facts.LockWaiting(
                        waiting.request.holder,
                        blocked,
                        f"Waiting for {blocked} lock. Lock status: {free}/{lock.limit}",
                    )
                )

    def _blocking(self, waiting: _Waiting) -> str | None:
        """The first lock that `waiting` cannot have now, or None."""
        for request in waiting.request.locks:
            lock = self._locks[request.key]
            ahead = min((w.order for w in lock.queue.values()), default=waiting.order)
            if len(lock.holders) >= lock.limit or (ahead < waiting.order):
                return request.key
        return None

    def _grant(self, waiting: _Waiting) -> None:
        holder = waiting.request.holder
        for request in waiting.request.locks:
            lock = self._locks[request.key]
            lock.queue.pop(holder, None)
            lock.holders[holder] = None
        self._waiting.pop(holder, None)
        self._held[holder] = tuple(lock.key for lock in waiting.request.locks)
        waiting.tell(facts.LockGranted(holder))
