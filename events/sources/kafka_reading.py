"""One connection's reading of a Kafka topic, whoever's messages they are.

Owns the consumer from start to end, the pace, and the way of a record into the relay. Invariant:
a record is taken from the progress before it is submitted and settled once, so that what may be
committed is known at any time. Called by `kafka` and `kafka_group`, which say whose messages.
"""

from __future__ import annotations

import asyncio
from typing import Any

from crds.eventsource_queues import KafkaEventSource
from events.sources import http_body, kafka_client, queue_payload, schema_registry
from events.sources.kafka_client import Tuning
from events.sources.kafka_progress import Progress
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import WINDOW, Outcome
from events.sources.schema_registry import Decoder

ANSWER = 20.0  # seconds the brokers have for one answer
_POLL_MS = 1000
_QUIET = 10.0  # seconds without a message before the brokers are asked whether they live
_ALIVE = 10.0  # seconds they have to say so
_CLOSING = 3.0  # seconds for each step of the end
_JOIN = 120.0  # seconds to get a place in the group: it waits for members that died


class Reading:
    """One connection's consumer, from start to end. Subclasses say whose messages."""

    chosen = 0

    def __init__(
        self, link: Link, spec: KafkaEventSource, tuning: Tuning, progress: Progress
    ) -> None:
        self.link = link
        self.spec = spec
        self.progress = progress
        self._tuning = tuning
        self._pace = Pace(spec.limit_events_per_second or 0)
        self._decoder: Decoder | None = None
        self.consumer: Any = None
        # A rebalance: what was read before it and is not submitted is dropped, for whoever has
        # the partition then reads it again. While `settled` is not set nothing is submitted.
        self.epoch = 0
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Until the connection ends. Raises ConnectionLost, SourceError."""
        from aiokafka.errors import KafkaError

        path = f"{self.link.context.path}.schemaRegistry"
        self._decoder = await schema_registry.decoder(self.link, self.spec.schema_registry, path)
        self.consumer = await self.make()
        try:
            async with asyncio.timeout(ANSWER * 2):
                await self.consumer.start()
                await self._require_topic()
            async with asyncio.timeout(_JOIN):
                await self.begin()
            await self._serve()
        except KafkaError as error:
            raise ConnectionLost(f"Kafka at {self.spec.url}: {words(error)}") from None
        finally:
            await self._close()

    async def _close(self) -> None:
        """The client may end in a cancellation nobody asked for, with its connections left open:
        each step is a task of its own, and must not end ours."""
        for step in (self.finish, self.consumer.stop, self.consumer._client.close):
            task = asyncio.ensure_future(step())
            _, late = await asyncio.wait({task}, timeout=_CLOSING)
            if late:
                task.cancel()
                await asyncio.wait({task}, timeout=_CLOSING)
            if task.done() and not task.cancelled():
                task.exception()  # seen: what cannot be closed is given up

    async def make(self) -> Any:
        """The consumer, not started. Raises SourceError, MissingValue."""
        return await kafka_client.consumer(self.link, self.spec, self._tuning)

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
        most = min(WINDOW, self._pace.limit * 30 or WINDOW)  # who polls rarely leaves the group
        while True:
            batch = await self.consumer.getmany(timeout_ms=_POLL_MS, max_records=most)
            epoch = self.epoch
            for record in (record for records in batch.values() for record in records):
                await self._pace.wait()
                await self.settled.wait()
                if epoch != self.epoch:
                    break
                await self._submit(record)
            if batch:
                heard = loop.time()
            elif loop.time() - heard > _QUIET:
                await self._ask()
                heard = loop.time()

    async def _ask(self) -> None:
        """Whether the brokers live: the client itself would try for ever and say nothing."""
        async with asyncio.timeout(_ALIVE):
            await self.consumer.end_offsets(list(self.consumer.assignment()))

    async def _submit(self, record: Any) -> None:
        offset, held = record.offset, self.progress.take(record.partition, record.offset)
        if held is None:
            raise ConnectionLost(f"partition {record.partition} came unasked")

        async def settled(outcome: Outcome) -> None:
            self.progress.settle(held, offset)

        context = self.link.context
        try:
            data = queue_payload.document(context, self.members(record))
        except (http_body.BadBody, schema_registry.BadMessage) as error:
            self.link.relay.refuse(f"the body cannot be read: {error}")
            await settled(Outcome.REFUSED)
            return
        first = kafka_client.brokers(self.spec.url, context.path)[0]
        place = (context.source, context.event, first, record.topic)
        identity = ":".join((*place, str(record.partition), str(offset)))
        await self.link.relay.submit(data, identity, settled)

    def members(self, record: Any) -> dict[str, bytes | None]:
        """The payload of a record. Raises BadBody, BadMessage."""
        known = record.timestamp is not None and record.timestamp >= 0
        moment = record.timestamp / 1000 if known else None
        headers = {
            name: (value or b"").decode("utf-8", "replace") for name, value in record.headers
        }
        return {
            "topic": queue_payload.text(record.topic),
            "key": queue_payload.text(record.key or b""),
            "partition": b"%d" % record.partition,
            "body": self._body(record.value),
            "timestamp": queue_payload.text(queue_payload.go_time(moment)),
            "headers": http_body.marshal(headers),
        }

    def _body(self, value: bytes | None) -> bytes:
        if value is None:
            return b"null"
        if self._decoder is not None:
            return self._decoder(value)
        return queue_payload.body(value, json_body=self.spec.json_body)


class Pace:
    """At most so many a second, evenly; 0 is no limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
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


def words(error: BaseException) -> str:
    """What a foreign error says."""
    return str(error) or type(error).__name__
