"""A bus in memory with the guarantees of the real one, except surviving the process.

For tests and dry runs. `MemoryStore` is what would be the disk: a second `MemoryBus` on the
same store sees what the first left, so that restarts can be tested without a server.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from events.bus import subjects as subject_rules
from events.bus.contract import EVERYTHING, BusFull, Delivered, Fenced, Message, Range, Receipt


@dataclass(slots=True)
class _Stored:
    message: Message
    sequence: int
    stored_at: float


@dataclass(slots=True)
class _Position:
    """A durable consumer: where it is, what is unanswered and when it may come again."""

    next: int
    subjects: tuple[str, ...]
    attempts: dict[int, int] = field(default_factory=dict)
    due: dict[int, float] = field(default_factory=dict)


@dataclass(slots=True)
class MemoryStore:
    """What outlives one `MemoryBus`. `max_messages` 0 is no limit."""

    max_messages: int = 0
    ack_wait: float = 30.0
    log: list[_Stored] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    positions: dict[str, _Position] = field(default_factory=dict)
    tables: dict[str, dict[str, bytes]] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let every waiting subscriber look again."""
        self.changed.set()
        self.changed = asyncio.Event()


class MemoryBus:
    """`Bus` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()

    async def publish(self, message: Message) -> Receipt:
        """Store it, unless its id is known."""
        store = self.store
        await asyncio.sleep(0)
        if (known := store.ids.get(message.id)) is not None:
            return Receipt(known, True)
        if store.max_messages and len(store.log) >= store.max_messages:
            self._drop_consumed()
            if len(store.log) >= store.max_messages:
                raise BusFull(f"{store.max_messages} messages are waiting to be consumed")
        sequence = store.log[-1].sequence + 1 if store.log else 1 + len(store.ids)
        store.log.append(_Stored(message, sequence, time.time()))
        store.ids[message.id] = sequence
        store.wake()
        return Receipt(sequence, False)

    async def subscribe(self, durable: str, subjects: Sequence[str] = ()) -> MemorySubscription:
        """Continue or begin the position `durable`."""
        store = self.store
        position = store.positions.get(durable)
        if position is None:
            start = store.log[-1].sequence + 1 if store.log else 1 + len(store.ids)
            position = store.positions[durable] = _Position(start, tuple(subjects))
        position.subjects = tuple(subjects)
        return MemorySubscription(store, position)

    async def replay(self, stretch: Range = EVERYTHING) -> AsyncIterator[Delivered]:
        """Stored messages in order."""
        for stored in list(self.store.log):
            if _inside(stored, stretch):
                yield Delivered(stored.message, stored.sequence, stored.stored_at, 1, "")

    def table(self, name: str) -> MemoryTable:
        """The table `name`; the newest caller owns it."""
        return MemoryTable(self.store, name)

    async def floor(self, durable: str) -> int:
        """What the position has behind it."""
        position = self.store.positions.get(durable)
        if position is None:
            return 0
        return min(position.due, default=position.next) - 1

    async def last(self) -> int:
        """Of the newest event."""
        return self.store.log[-1].sequence if self.store.log else len(self.store.ids)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _drop_consumed(self) -> None:
        positions = self.store.positions.values()
        floor = min((min(p.due, default=p.next) for p in positions), default=0)
        self.store.log = [s for s in self.store.log if s.sequence >= floor]


def _inside(stored: _Stored, stretch: Range) -> bool:
    return (
        (stretch.first is None or stored.sequence >= stretch.first)
        and (stretch.last is None or stored.sequence <= stretch.last)
        and (stretch.since is None or stored.stored_at >= stretch.since)
        and (stretch.until is None or stored.stored_at <= stretch.until)
        and _wanted(stored, stretch.subjects)
    )


def _wanted(stored: _Stored, patterns: Sequence[str]) -> bool:
    return not patterns or any(
        subject_rules.matches(pattern, stored.message.subject) for pattern in patterns
    )


class MemorySubscription:
    """`Subscription` over a `_Position`."""

    def __init__(self, store: MemoryStore, position: _Position) -> None:
        self._store = store
        self._position = position

    async def next(self) -> Delivered:
        """The next one due."""
        while True:
            changed = self._store.changed
            if (delivered := self._take()) is not None:
                return delivered
            wait = min(self._position.due.values(), default=None)
            timeout = None if wait is None else max(0.0, wait - time.monotonic())
            try:
                async with asyncio.timeout(timeout):
                    await changed.wait()
            except TimeoutError:
                continue

    def _take(self) -> Delivered | None:
        position, now = self._position, time.monotonic()
        for stored in self._store.log:
            again = position.due.get(stored.sequence)
            if again is not None and again > now:
                continue
            if again is None and stored.sequence < position.next:
                continue
            position.next = max(position.next, stored.sequence + 1)
            if not _wanted(stored, position.subjects):
                continue
            position.due[stored.sequence] = now + self._store.ack_wait
            attempt = position.attempts.get(stored.sequence, 0) + 1
            position.attempts[stored.sequence] = attempt
            return Delivered(stored.message, stored.sequence, stored.stored_at, attempt, "")
        return None

    def ack(self, delivered: Delivered) -> None:
        """Forget it."""
        self._position.due.pop(delivered.sequence, None)
        self._position.attempts.pop(delivered.sequence, None)

    def nak(self, delivered: Delivered, delay: float) -> None:
        """Due again in `delay` seconds."""
        self._position.due[delivered.sequence] = time.monotonic() + delay
        self._store.wake()

    def progress(self, delivered: Delivered) -> None:
        """Restart the wait time."""
        self.nak(delivered, self._store.ack_wait)

    async def close(self) -> None:
        """As a lost connection: what is unanswered is due at once for the next subscriber."""
        for sequence in self._position.due:
            self._position.due[sequence] = 0.0
        self._store.wake()


_OWNERS = itertools.count(1)


class MemoryTable:
    """`Table` over a dict; `ttl` is accepted and nothing expires."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self._store = store
        self._name = name
        self._owner = 0

    async def commit(
        self,
        changes: Mapping[str, bytes | None],
        expiring: Mapping[str, bytes] | None = None,
        *,
        ttl: float = 0,
    ) -> None:
        """Apply all changes at once."""
        await asyncio.sleep(0)
        owners = self._store.owners
        if not self._owner:
            self._owner = owners[self._name] = next(_OWNERS)
        if owners[self._name] != self._owner:
            raise Fenced(f"table {self._name} has another writer")
        table = self._store.tables.setdefault(self._name, {})
        for key, value in {**changes, **(expiring or {})}.items():
            if not value:
                table.pop(key, None)
            else:
                table[key] = value

    async def scan(self, pattern: str) -> AsyncIterator[tuple[str, bytes]]:
        """Matching keys, a snapshot."""
        for key, value in list(self._store.tables.get(self._name, {}).items()):
            if subject_rules.matches(pattern, key):
                yield key, value
