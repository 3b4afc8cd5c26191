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
from events.sources import http_body, kafka_client, queue_link, queue_payload, schema_registry
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.kafka_client import Tuning
from events.sources.kafka_progress import Progress
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import WINDOW, Outcome
from events.sources.schema_registry import Decoder

_POLL_MS = 1000
_QUIET = 10.0  # seconds without a message before the brokers are asked whether they live
_ANSWER = 20.0
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
                work: _Work = _Partition(link, spec, tuning, progress)
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


class _Work:
    """One connection's consumer, from start to end. Subclasses say whose messages."""

    chosen = 0

    def __init__(
        self, link: Link, spec: KafkaEventSource, tuning: Tuning, progress: Progress
    ) -> None:
        self.link = link
        self.spec = spec
        self.progress = progress
        self._tuning = tuning
        self._pace = _Pace(spec.limit_events_per_second or 0)
        self._decoder: Decoder | None = None
        self.consumer: Any = None

    async def run(self) -> None:
        """Until the connection ends. Raises ConnectionLost, SourceError."""
        from aiokafka.errors import KafkaError

        path = f"{self.link.context.path}.schemaRegistry"
        self._decoder = await schema_registry.decoder(self.link, self.spec.schema_registry, path)
        self.consumer = await kafka_client.consumer(self.link, self.spec, self._tuning)
        try:
            async with asyncio.timeout(_ANSWER * 2):
                await self.consumer.start()
                await self._require_topic()
                await self.begin()
            await self._serve()
        except KafkaError as error:
            raise ConnectionLost(f"Kafka at {self.spec.url}: {_words(error)}") from None
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(8.0):
                    await self.finish()
                    await self.consumer.stop()

    async def begin(self) -> None:
        """Subscribe or assign."""
        raise NotImplementedError

    async def keep_place(self) -> None:
        """Store how far things are, again and again."""
        raise NotImplementedError

    async def finish(self) -> None:
        """The last word before the connection is closed."""

    def place(self, partition: int) -> Any:
        """The partition as the client names it."""
        from aiokafka import TopicPartition

        return TopicPartition(self.spec.topic, partition)

    async def _require_topic(self) -> None:
        # The consumer has no door to a topic's partitions before it is subscribed to.
        await self.consumer._client.set_topics([self.spec.topic])
        if not self.consumer.partitions_for_topic(self.spec.topic):
            raise ConnectionLost(f"Kafka has no topic {self.spec.topic!r}")

    async def _serve(self) -> None:
        names = ", ".join(self._tuning.ignored)
        self.link.connected(f"config: without a meaning here: {names}" if names else "")
        placing = asyncio.create_task(self.keep_place())
        reading = asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait({placing, reading}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (placing, reading):
                task.cancel()
            await asyncio.gather(placing, reading, return_exceptions=True)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while True:
            batch = await self.consumer.getmany(timeout_ms=_POLL_MS, max_records=WINDOW)
            for records in batch.values():
                for record in records:
                    await self._pace.wait()
                    await self._submit(record)
            if batch:
                heard = loop.time()
            elif loop.time() - heard > _QUIET:
                await self._ask()
                heard = loop.time()

    async def _ask(self) -> None:
        """Whether the brokers live: the client itself would try for ever and say nothing."""
        async with asyncio.timeout(_ANSWER):
            await self.consumer.end_offsets(list(self.consumer.assignment()))

    async def _submit(self, record: Any) -> None:
        offset, held = record.offset, self.progress.take(record.partition, record.offset)
        if held is None:
            return  # of a partition that was taken from us meanwhile

        async def settled(outcome: Outcome) -> None:
            self.progress.settle(held, offset)

        context = self.link.context
        try:
            data = queue_payload.document(context, self._members(record))
        except (http_body.BadBody, schema_registry.BadMessage) as error:
            self.link.relay.refuse(f"the body cannot be read: {error}")
            await settled(Outcome.REFUSED)
            return
        first = kafka_client.brokers(self.spec.url, context.path)[0]
        place = (context.source, context.event, first, record.topic)
        identity = ":".join((*place, str(record.partition), str(offset)))
        await self.link.relay.submit(data, identity, settled)

    def _members(self, record: Any) -> dict[str, bytes | None]:
        headers = {
            name: (value or b"").decode("utf-8", "replace") for name, value in record.headers
        }
        return {
            "topic": queue_payload.text(record.topic),
            "key": queue_payload.text(record.key or b""),
            "partition": b"%d" % record.partition,
            "body": self._body(record.value),
            "timestamp": queue_payload.text(queue_payload.go_time(record.timestamp / 1000)),
            "headers": http_body.marshal(headers),
        }

    def _body(self, value: bytes | None) -> bytes:
        if value is None:
            return b"null"
        if self._decoder is not None:
            return self._decoder(value)
        return queue_payload.body(value, json_body=self.spec.json_body)


class _Partition(_Work):
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

    async def keep_place(self) -> None:
        await asyncio.Event().wait()


class _Group(_Work):
    """The partitions a consumer group gives us; the broker keeps the progress."""

    async def begin(self) -> None:
        from aiokafka.abc import ConsumerRebalanceListener

        work = self

        class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
            async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
                await work.give_up([p.partition for p in revoked])

            async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
                await work.take_over(list(assigned))

        self._assigned = asyncio.Event()
        self.consumer.subscribe([self.spec.topic], listener=Listener())
        await self._assigned.wait()

    async def take_over(self, places: list[Any]) -> None:
        """Begin where the group stands; a group that stands nowhere stands here from now on, so
        that what comes next is not skipped by a restart."""
        fresh = {}
        for place in places:
            position = await self.consumer.position(place)
            self.progress.begin(place.partition, position)
            if await self.consumer.committed(place) is None:
                fresh[place] = position
        if fresh:
            await self._commit(fresh)
        self._assigned.set()

    async def give_up(self, partitions: list[int]) -> None:
        """Others go on with these: let what is in flight end, and say how far it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HAND_OVER):
                await self.progress.quiet(partitions)
        await self._commit_ahead(partitions)
        self.progress.end(partitions)

    async def keep_place(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_EVERY)
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
            async with asyncio.timeout(_ANSWER):
                await self.consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return False
        return True


class _Pace:
    """At most so many a second, evenly; 0 is no limit."""

    def __init__(self, limit: int) -> None:
        self._step = 1.0 / limit if limit else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        if not self._step:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._next = max(self._next, now - self._step) + self._step
        if self._next > now:
            await asyncio.sleep(self._next - now)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
