"""`kafka`: messages of a Kafka topic, with a consumer group or from one partition.

Payload `{topic, key, partition, body, timestamp, headers, metadata?}`. With a group, an offset is
committed once the events of all messages before it are durable on the bus. Without one the
partition is read from its newest message on; over lost connections nothing is left out, over a
restart what came meanwhile is. The event's id is the reference's:
`source:event:broker:topic:partition:offset`.
"""

from __future__ import annotations

import asyncio

from crds import decode
from crds.eventsource_queues import KafkaEventSource
from events.sources import kafka_client, queue_link, schema_registry
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.kafka_group import Group
from events.sources.kafka_progress import Progress
from events.sources.kafka_reading import Reading
from events.sources.queue_link import Link


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
                work = Group(link, spec, tuning, Progress())
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
