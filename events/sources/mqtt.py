"""`mqtt`: messages of MQTT topics, at QoS 1.

Payload `{topic, messageId, body, metadata?}`. The broker keeps the session under `clientId`, so
what is sent meanwhile waits there; a message is acknowledged once it is durable on the bus. What
the publisher sent with QoS 0 arrives with QoS 0, and MQTT does not promise it.

A message that comes again (the broker marks it) has the id of the first time: client id, topic,
number and content. Brokers use numbers again, so an unmarked message whose id is known is another
one, and gets an id of its own.
"""

from __future__ import annotations

import asyncio

from crds import decode
from crds.eventsource_queues import MQTTEventSource
from events.sources import (
    client_tls,
    http_body,
    mqtt_address,
    mqtt_wire,
    queue_link,
    queue_payload,
)
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.mqtt_address import Address
from events.sources.mqtt_wire import Connection, Login, Publish
from events.sources.queue_link import Link
from events.sources.queue_relay import Outcome

_QOS = 1
_LONGEST = 65_535  # bytes of a text in MQTT


class Mqtt:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Subscribe and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), MQTTEventSource)
        _check(context, spec)

        async def session(link: Link) -> None:
            await _session(link, spec)

        await queue_link.keep(context, ready, session, backoff=spec.connection_backoff)


def _check(context: SourceContext, spec: MQTTEventSource) -> None:
    for name, value in (("url", spec.url), ("topic", spec.topic), ("clientId", spec.client_id)):
        if not value:
            raise SourceError(f"{context.path}.{name}", "is required")
        if len(value.encode()) > _LONGEST or "\0" in value:
            raise SourceError(f"{context.path}.{name}", "is no text MQTT can carry")
    mqtt_address.parse(spec.url, f"{context.path}.url")
    client_tls.check(spec.tls, f"{context.path}.tls")


async def _session(link: Link, spec: MQTTEventSource) -> None:
    path = link.context.path
    address = mqtt_address.parse(spec.url, f"{path}.url")
    login = await _login(link, spec, address)
    tls = await client_tls.context(link.read, spec.tls, f"{path}.tls")
    if tls is None and address.encrypted:
        tls = await client_tls.context(link.read, client_tls.ENABLED, f"{path}.tls")
    connection = await Connection.open(address.host, address.port, tls)
    living = asyncio.create_task(connection.keep_alive())
    try:
        await connection.login(login)
        connection.subscribe(spec.topic, _QOS)
        while True:
            packet = await connection.packet()
            if packet.kind == mqtt_wire.PUBLISH:
                await _take(link, spec, connection, mqtt_wire.publish(packet))
            elif packet.kind == mqtt_wire.SUBACK:
                if packet.body[-1:] == bytes([mqtt_wire.FAILURE]):
                    raise SourceError(f"{path}.topic", "the broker refuses it", "Forbidden")
                link.connected()
    finally:
        living.cancel()
        await connection.close()


async def _login(link: Link, spec: MQTTEventSource, address: Address) -> Login:
    path = f"{link.context.path}.auth"
    if spec.auth is None:
        return Login(spec.client_id, address.user or None, address.password)
    user = await link.text(spec.auth.username, f"{path}.username")
    password = await link.text(spec.auth.password, f"{path}.password")
    return Login(spec.client_id, user, password)


async def _take(
    link: Link, spec: MQTTEventSource, connection: Connection, message: Publish
) -> None:
    """Submit the message, or acknowledge what can never become an event."""
    number = message.number
    if message.qos:
        connection.expect(number)

    async def settled(outcome: Outcome) -> None:
        if message.qos:
            connection.acknowledge(number)

    if not mqtt_wire.matches(spec.topic, message.topic):
        await settled(Outcome.STORED)  # of a subscription the session had before an edit
        return
    if not message.whole:
        link.relay.refuse("larger than 16 MiB")
        await settled(Outcome.REFUSED)
        return
    try:
        body = queue_payload.body(message.payload, json_body=spec.json_body)
    except http_body.BadBody as error:
        link.relay.refuse(f"the body is no JSON: {error}")
        await settled(Outcome.REFUSED)
        return
    data = queue_payload.document(
        link.context,
        {
            "topic": queue_payload.text(message.topic),
            "messageId": b"%d" % number,
            "body": body,
        },
    )
    identity, fresh = _identity(link.context, spec, message)
    await link.relay.submit(data, identity, settled, fresh=fresh)


def _identity(context: SourceContext, spec: MQTTEventSource, message: Publish) -> tuple[str, str]:
    """The event's id, and the one to use when that is another message's."""
    place = (spec.url, spec.client_id, message.topic)
    if message.retained:  # comes with every subscription; the same content is no news
        return queue_payload.stable_id(context, *place, "retained", message.payload), ""
    fresh = queue_payload.arrival_id(context, message.payload)
    if not message.qos:
        return fresh, ""
    identity = queue_payload.stable_id(context, *place, str(message.number), message.payload)
    return identity, "" if message.again else fresh
