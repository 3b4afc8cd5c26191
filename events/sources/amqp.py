"""`amqp`: messages of an AMQP 0-9-1 broker such as RabbitMQ.

Declares the exchange and the queue, binds, consumes. A message is acknowledged once it is
durable on the bus, whatever `consume.autoAck` says; one that can never be an event is rejected,
which hands it to the queue's dead-letter exchange if it has one. Payload: the message's
properties, exchange, routing key and `body`.

The event's id comes from the message's `messageId` and content; without one from its arrival. A
message that comes again after a lost connection is known by its content as long as this process
lives; after a crash only a `messageId` makes it the same event.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import yaml

from crds import decode
from crds.eventsource_queues import (
    AMQPConsumeConfig,
    AMQPEventSource,
    AMQPExchangeDeclareConfig,
    AMQPQueueDeclareConfig,
)
from events.sources import amqp_client, client_tls, http_body, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import WINDOW, Outcome

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage
    from aiormq.channel import Channel

_TYPES = frozenset({"direct", "fanout", "topic", "headers"})
_LOOK = 1.0  # seconds between looks at whether the broker cancelled the consumer
_ANSWER_SECONDS = 5.0
_TEXTS = (
    ("contentType", "content_type"),
    ("contentEncoding", "content_encoding"),
    ("correlationId", "correlation_id"),
    ("replyTo", "reply_to"),
    ("expiration", "expiration"),
    ("messageId", "message_id"),
    ("type", "message_type"),
    ("appId", "app_id"),
)


class Amqp:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Consume until cancelled."""
        spec, _ = decode.decode(dict(context.spec), AMQPEventSource)
        arguments = _check(context, spec)
        memory = _Memory()

        async def session(link: Link) -> None:
            async with amqp_client.channel(link, spec) as channel:
                queue = await _declare(channel, spec, arguments)
                await _consume(link, spec, channel, queue, memory)

        await queue_link.keep(context, ready, session, backoff=spec.connection_backoff)


def _check(context: SourceContext, spec: AMQPEventSource) -> dict[str, Any]:
    """Raises SourceError; gives the queue's arguments."""
    path = context.path
    if bool(spec.url) == bool(spec.url_secret):
        raise SourceError(f"{path}.url", "exactly one of url and urlSecret is required")
    if spec.url:
        amqp_client.check(spec.url, f"{path}.url")
    if not spec.routing_key:
        raise SourceError(f"{path}.routingKey", "is required")
    if spec.exchange_type not in _TYPES and not spec.exchange_type.startswith("x-"):
        known = ", ".join(sorted(_TYPES))
        raise SourceError(f"{path}.exchangeType", f"must be one of {known}, or begin with x-")
    client_tls.check(spec.tls, f"{path}.tls")
    text = spec.queue_declare.arguments if spec.queue_declare else ""
    field = f"{path}.queueDeclare.arguments"
    try:
        arguments = yaml.safe_load(text) if text else {}
    except yaml.YAMLError:
        raise SourceError(field, "is no YAML") from None
    if not isinstance(arguments, dict):
        raise SourceError(field, "must map names to values")
    return {str(name): value for name, value in arguments.items()}


async def _declare(channel: Channel, spec: AMQPEventSource, arguments: dict[str, Any]) -> str:
    """Exchange, queue and binding; the queue's name. The defaults are the reference's."""
    exchange = spec.exchange_declare or AMQPExchangeDeclareConfig(durable=True)
    queue = spec.queue_declare or AMQPQueueDeclareConfig(exclusive=True)
    if spec.exchange_name:
        await channel.exchange_declare(
            exchange=spec.exchange_name,
            exchange_type=spec.exchange_type,
            durable=exchange.durable,
            auto_delete=exchange.auto_delete,
            internal=exchange.internal,
        )
    declared = await channel.queue_declare(
        # The default exchange knows queues by their name only, and nothing binds to it.
        queue=queue.name or ("" if spec.exchange_name else spec.routing_key),
        durable=queue.durable,
        auto_delete=queue.auto_delete,
        exclusive=queue.exclusive,
        arguments=arguments,
    )
    name = str(declared.queue)
    if spec.exchange_name:
        await channel.queue_bind(
            queue=name, exchange=spec.exchange_name, routing_key=spec.routing_key
        )
    return name


async def _consume(
    link: Link, spec: AMQPEventSource, channel: Channel, queue: str, memory: _Memory
) -> None:
    consume = spec.consume or AMQPConsumeConfig()
    receiver = _Receiver(link, spec, channel, memory)
    await channel.basic_qos(prefetch_count=WINDOW)
    try:
        answer = await channel.basic_consume(
            queue,
            receiver.take,
            exclusive=consume.exclusive,
            consumer_tag=consume.consumer_tag or None,
        )
        link.connected()
        closing = asyncio.ensure_future(channel.closing)
        while answer.consumer_tag in channel.consumers:
            done, _ = await asyncio.wait({closing}, timeout=_LOOK)
            if done:
                closing.result()
                raise ConnectionLost("the broker closed the connection")
        raise ConnectionLost(f"the broker cancelled the consumer of queue {queue!r}")
    finally:
        memory.forsake()


class _Memory:
    """Ids given to messages that were not acknowledged, by their content's hash.

    `forsake` when their connection is gone: each of them will come again.
    """

    def __init__(self) -> None:
        self._open: dict[bytes, list[str]] = defaultdict(list)
        self._orphans: dict[bytes, list[str]] = defaultdict(list)

    def name(self, content: bytes, fresh: str, *, again: bool) -> str:
        """The id of a message: `fresh`, unless it is one that had an id."""
        orphans = self._orphans.get(content) if again else None
        identity = orphans.pop() if orphans else fresh
        self._open[content].append(identity)
        return identity

    def answered(self, content: bytes, identity: str) -> None:
        """It was acknowledged and will not come again."""
        names = self._open.get(content, [])
        if identity in names:
            names.remove(identity)
        if not names:
            self._open.pop(content, None)

    def forsake(self) -> None:
        """The connection is gone."""
        self._orphans = self._open
        self._open = defaultdict(list)


class _Receiver:
    """Turns one channel's deliveries into events."""

    def __init__(
        self, link: Link, spec: AMQPEventSource, channel: Channel, memory: _Memory
    ) -> None:
        self._link = link
        self._spec = spec
        self._channel = channel
        self._memory = memory

    async def take(self, message: DeliveredMessage) -> None:
        """One delivery."""
        try:
            body = queue_payload.body(message.body, json_body=self._spec.json_body)
        except http_body.BadBody as error:
            self._link.relay.refuse(f"the body is no JSON: {error}")
            await self._answer(message, Outcome.REFUSED)
            return
        context = self._link.context
        data = queue_payload.document(context, _members(message, body))
        content = hashlib.sha256(data).digest()
        identity = _given_id(context, message)
        if not identity:
            fresh = queue_payload.arrival_id(context, message.body)
            identity = self._memory.name(content, fresh, again=bool(message.redelivered))

        async def settled(outcome: Outcome) -> None:
            if await self._answer(message, outcome):
                self._memory.answered(content, identity)

        await self._link.relay.submit(data, identity, settled)

    async def _answer(self, message: DeliveredMessage, outcome: Outcome) -> bool:
        """Acknowledge or reject; false when the connection is gone, then it comes again."""
        tag = message.delivery_tag or 0
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):  # a dead writer's queue may stay full
                if outcome is Outcome.REFUSED:
                    await self._channel.basic_reject(tag, requeue=False, wait=False)
                else:
                    await self._channel.basic_ack(tag, wait=False)
        except amqp_client.gone():
            return False
        return True


def _given_id(context: SourceContext, message: DeliveredMessage) -> str:
    name = message.header.properties.message_id
    if not name:
        return ""
    place = (message.exchange or "", message.routing_key or "", name)
    return queue_payload.stable_id(context, *place, message.body)


def _members(message: DeliveredMessage, body: bytes) -> dict[str, bytes | None]:
    properties = message.header.properties
    texts = {
        name: queue_payload.text(str(getattr(properties, attribute, None) or ""))
        for name, attribute in _TEXTS
    }
    stamp: Any = properties.timestamp  # seconds, see amqp_decoding
    return {
        "contentType": texts["contentType"],
        "contentEncoding": texts["contentEncoding"],
        "deliveryMode": b"%d" % (properties.delivery_mode or 0),
        "priority": b"%d" % (properties.priority or 0),
        "correlationId": texts["correlationId"],
        "replyTo": texts["replyTo"],
        "expiration": texts["expiration"],
        "messageId": texts["messageId"],
        "timestamp": queue_payload.text(queue_payload.go_time(stamp)),
        "type": texts["type"],
        "appId": texts["appId"],
        "exchange": queue_payload.text(message.exchange or ""),
        "routingKey": queue_payload.text(message.routing_key or ""),
        "body": body,
    }
