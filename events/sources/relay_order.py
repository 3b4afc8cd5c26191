"""The order of messages over an outage of the bus.

While the bus takes messages they fly together, in the order they came. Once it did not take one,
nobody passes: those behind are called back, the oldest alone asks again, after growing, jittered
pauses, and when it is through the others follow together, in their order. (What was called back
may be stored already; then its id is known.) Called by the relay; no I/O.
"""

from __future__ import annotations

import asyncio
import random

_FIRST = 0.1
_LONGEST = 10.0
_JITTER = 0.3


class Turns:
    """Each attempt to publish is between `begin` and `end`. Messages are their numbers."""

    def __init__(self) -> None:
        self._flying: dict[int, asyncio.Task[object] | None] = {}
        self._recalled: set[int] = set()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._failures = 0  # in a row; 0: the bus takes messages
        self._asking = -1  # the one that asks again

    async def begin(self, number: int) -> None:
        """Wait for the message's turn; `end` must follow, whatever happens."""
        if self._failures:
            turn = self._waiting[number] = asyncio.get_running_loop().create_future()
            self._call_oldest()
            try:
                await turn
            finally:
                del self._waiting[number]
        self._flying[number] = asyncio.current_task()
        if self._failures:
            self._asking = number
            grown = min(_FIRST * 2.0 ** min(self._failures - 1, 32), _LONGEST)
            await asyncio.sleep(grown + random.uniform(0.0, _JITTER))

    def end(self, number: int, taken: bool | None) -> None:
        """Whether the bus took it; None when it was not asked, or would never. One that was not
        taken begins again at once."""
        self._flying.pop(number, None)
        self._recalled.discard(number)
        if taken is False:
            if not self._failures or number == self._asking:
                self._failures += 1
            self._call_back(number)
            return
        if taken and self._failures:
            self._failures = 0
            for each in sorted(self._waiting):
                self._call(each)
        self._call_oldest()

    def was_called_back(self, number: int) -> bool:
        """Whether the cancellation its task was just given means this, and no end."""
        task = self._flying.get(number)
        return number in self._recalled and task is not None and task.uncancel() == 0

    def _call_back(self, number: int) -> None:
        for each, task in self._flying.items():
            if each > number and each not in self._recalled and task is not None:
                self._recalled.add(each)
                task.cancel()

    def _call_oldest(self) -> None:
        if self._failures and not self._flying and self._waiting:
            self._call(min(self._waiting))

    def _call(self, number: int) -> None:
        turn = self._waiting[number]
        if not turn.done():
            turn.set_result(None)
