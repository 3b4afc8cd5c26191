"""How far each partition of a topic is dealt with: what may be committed, and no further.

Messages are settled in any order; an offset may be committed once all before it are settled.
Offsets have gaps (compaction, transactions), so what counts is what was handed out. Called by
the `kafka` source; no I/O.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable


class _Partition:
    """`floor`: the first offset that is not known to be settled."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.committed = floor
        self._taken: deque[int] = deque()
        self._settled: set[int] = set()

    def take(self, offset: int) -> None:
        self._taken.append(offset)

    def settle(self, offset: int) -> None:
        self._settled.add(offset)
        while self._taken and self._taken[0] in self._settled:
            done = self._taken.popleft()
            self._settled.discard(done)
            self.floor = done + 1

    @property
    def idle(self) -> bool:
        return not self._taken


class Progress:
    """The partitions one consumer has. Partitions are plain numbers: there is one topic."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}
        self._moved = asyncio.Event()

    def begin(self, partition: int, position: int) -> None:
        """It was assigned; reading begins at `position`."""
        self._partitions[partition] = _Partition(position)

    def end(self, partitions: Iterable[int]) -> None:
        """They belong to somebody else now."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    def take(self, partition: int, offset: int) -> _Partition | None:
        """It was handed out; the answer is what `settle` wants. None: not ours any more."""
        held = self._partitions.get(partition)
        if held is not None:
            held.take(offset)
        return held

    def settle(self, held: _Partition | None, offset: int) -> None:
        """Its event is durable, or will never be one."""
        if held is not None:
            held.settle(offset)
            self._moved.set()

    def position(self, partition: int) -> int | None:
        """Where reading must go on so that nothing is left out; None: not begun."""
        held = self._partitions.get(partition)
        return None if held is None else held.floor

    def ahead(self, partitions: Iterable[int] | None = None) -> dict[int, int]:
        """What can be committed and was not, by partition."""
        chosen = self._partitions if partitions is None else partitions
        return {
            p: held.floor
            for p in chosen
            if (held := self._partitions.get(p)) is not None and held.floor > held.committed
        }

    def committed(self, offsets: dict[int, int]) -> None:
        """These were committed."""
        for partition, offset in offsets.items():
            if (held := self._partitions.get(partition)) is not None:
                held.committed = max(held.committed, offset)

    async def quiet(self, partitions: Iterable[int]) -> None:
        """Wait until nothing of these is in flight."""
        wanted = list(partitions)
        while True:
            self._moved.clear()
            held = [h for p in wanted if (h := self._partitions.get(p)) is not None]
            if all(h.idle for h in held):
                return
            await self._moved.wait()
