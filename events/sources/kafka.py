"""`kafka`: messages of a Kafka topic, with a consumer group or from one partition.

Payload `{topic, key, partition, body, timestamp, headers, metadata?}`. With a group, an offset is
committed once the events of all messages before it are durable on the bus. Without one the
partition is read from its newest message on; over lost connections nothing is left out, over a
restart what came meanwhile is. The event's id is the reference's:
`source:event:broker:topic:partition:offset`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

from crds import decode
from crds.eventsource_queues import KafkaEventSource
from events.sources import kafka_client, kafka_reading, queue_link, schema_registry
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.kafka_progress import Progress
from events.sources.kafka_reading import Reading
from events.sources.queue_link import ConnectionLost, Link

_COMMIT_EVERY = 0.5
_HAND_OVER = 5.0  # seconds a rebalance waits for what is in flight


class Kafka:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Consume until cancelled."""
        spec, _ = decode.decode(dict(context.spec), KafkaEventSource)
        partition = _check(context, spec)
        tuning = kafka_client.tuning(spec.config, f"{context.path}.config")
        progress = Progress()

        async def session(link: Link) -> None:
            if partition is not None:
                work: Reading = _Partition(link, spec, tuning, progress)
                work.chosen = partition
            else:
                work = _Group(link, spec, tuning, Progress())
            await work.run()

        await queue_link.keep(context, ready, session, backoff=spec.connection_backoff)


def _check(context: SourceContext, spec: KafkaEventSource) -> int | None:
    """The partition, None with a group. Raises SourceError."""
    path = context.path
    kafka_client.check(spec, path)
    if not spec.topic:
        raise SourceError(f"{path}.topic", "is required")
    if spec.limit_events_per_second is not None and spec.limit_events_per_second < 0:
        raise SourceError(f"{path}.limitEventsPerSecond", "is negative")
    schema_registry.check(spec.schema_registry, f"{path}.schemaRegistry")
    if spec.consumer_group is not None:
        return None
    if not spec.partition:
        raise SourceError(f"{path}.partition", "partition or consumerGroup is required")
    if not spec.partition.isascii() or not spec.partition.isdigit():
        raise SourceError(f"{path}.partition", f"{spec.partition!r} is no number")
    return int(spec.partition)


class _Partition(Reading):
    """One partition, without a group: the progress is kept by the event, in memory."""

    async def begin(self) -> None:
        place, chosen = self.place(self.chosen), self.chosen
        if chosen not in self.consumer.partitions_for_topic(self.spec.topic):
            field = f"{self.link.context.path}.partition"
            raise SourceError(field, f"topic {self.spec.topic!r} has no partition {chosen}")
        self.consumer.assign([place])
        position = self.progress.position(chosen)
        if position is None:
            position = (await self.consumer.end_offsets([place]))[place]
        self.consumer.seek(place, position)
        self.progress.begin(chosen, position)
        self.settled.set()

    async def keep_place(self) -> None:
        await asyncio.Event().wait()


class _Group(Reading):
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
