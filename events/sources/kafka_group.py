"""The partitions a consumer group gives, read to the end of the connection; the broker keeps the
progress. An offset is committed once the events of all messages before it are durable. Called by
the `kafka` and `azureEventsHub` sources.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

from events.sources import kafka_reading
from events.sources.kafka_reading import Reading
from events.sources.queue_link import ConnectionLost

_COMMIT_EVERY = 0.5
_HAND_OVER = 5.0  # seconds a rebalance waits for what is in flight


class Group(Reading):
    """The partitions a consumer group gives us; the broker keeps the progress."""

    async def begin(self) -> None:
        from aiokafka.abc import ConsumerRebalanceListener

        work = self
        self._failure: Exception | None = None

        class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
            async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
                await work.give_up([p.partition for p in revoked])

            async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
                await work.take_over(list(assigned))

        self.consumer.subscribe([self.spec.topic], listener=Listener())
        await self.settled.wait()
        self._check()

    async def take_over(self, places: list[Any]) -> None:
        """Begin where the group stands; a group that stands nowhere stands here from now on, so
        that what comes next is not skipped by a restart."""
        self.consumer.pause(*places)  # else reading may move the position we ask for
        try:
            fresh = {}
            for place in places:
                position = await self.consumer.position(place)
                self.progress.begin(place.partition, position)
                if await self.consumer.committed(place) is None:
                    fresh[place] = position
            if fresh:
                await self._commit(fresh)
        except Exception as error:
            # The client would only log it, and go on with partitions nobody began.
            self._failure = error
        self.consumer.resume(*places)
        self.settled.set()

    async def give_up(self, partitions: list[int]) -> None:
        """Others go on with these: let what is in flight end, and say how far it is."""
        self.epoch += 1
        self.settled.clear()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HAND_OVER):
                    await self.progress.quiet(partitions)
            await self._commit_ahead(partitions)
        finally:
            self.progress.end(partitions)

    def _check(self) -> None:
        if self._failure is not None:
            why = f"Kafka at {self.spec.url}: {kafka_reading.words(self._failure)}"
            raise ConnectionLost(why) from self._failure

    async def keep_place(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_EVERY)
            self._check()
            if self.settled.is_set():
                await self._commit_ahead()

    async def finish(self) -> None:
        await self._commit_ahead()

    async def _commit_ahead(self, partitions: list[int] | None = None) -> None:
        ahead = self.progress.ahead(partitions)
        if ahead and await self._commit({self.place(p): offset for p, offset in ahead.items()}):
            self.progress.committed(ahead)

    async def _commit(self, offsets: dict[Any, int]) -> bool:
        """False when the group was rebalanced meanwhile: whoever has the partitions now reads
        from the last commit, and the bus drops what it knows."""
        from aiokafka.errors import CommitFailedError, IllegalStateError

        try:
            async with asyncio.timeout(kafka_reading.ANSWER):
                await self.consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return False
        return True
