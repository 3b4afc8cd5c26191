"""`emitter`: messages of an Emitter channel, which is MQTT with a key in front of the topic.

Payload `{topic, body, metadata?}`. Emitter sends each message once and numbers none: what is sent
while nobody listens is gone, and every message is a new event. What it refuses it explains in a
message of the topic `emitter/error/`. Semantics: Emitter's own MQTT clients.
"""

from __future__ import annotations

import asyncio

import msgspec

from crds import decode
from crds.eventsource_queues import EmitterEventSource
from events.sources import (
    client_tls,
    http_body,
    mqtt_address,
    mqtt_wire,
    queue_link,
    queue_payload,
)
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.mqtt_address import Address, Ports
from events.sources.mqtt_wire import Connection, Login, Publish
from events.sources.queue_link import Link

_PORTS = Ports(8080, 443)
_OWN = "emitter/"  # topics on which the broker answers requests
_ERROR = "emitter/error/"
_LONGEST = 65_535  # bytes of a text in MQTT


class _Error(msgspec.Struct, frozen=True):
    """As the broker explains a refusal."""

    status: int = 0
    message: str = ""


_decode = msgspec.json.Decoder(_Error).decode


class Emitter:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Subscribe and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), EmitterEventSource)
        address = _check(context.path, spec)

        async def session(link: Link) -> None:
            await _session(link, spec, address)

        await queue_link.keep(context, ready, session, backoff=spec.connection_backoff, lossy=True)


def _check(path: str, spec: EmitterEventSource) -> Address:
    """The broker's address. Raises SourceError."""
    given = {
        "broker": spec.broker,
        "channelName": spec.channel_name,
        "channelKey": spec.channel_key,
    }
    for name, value in given.items():
        if not value.strip("/"):
            raise SourceError(f"{path}.{name}", "is required")
        if "\0" in value:
            raise SourceError(f"{path}.{name}", "is no text MQTT can carry")
    if len(_topic(spec).encode()) > _LONGEST:
        raise SourceError(f"{path}.channelName", "is no text MQTT can carry")
    client_tls.check(spec.tls, f"{path}.tls")
    return mqtt_address.parse(spec.broker, f"{path}.broker", _PORTS)


def _topic(spec: EmitterEventSource) -> str:
    """What is subscribed to: key and channel, the slash at the end included."""
    return f"{spec.channel_key.strip('/')}/{spec.channel_name.strip('/')}/"


async def _session(link: Link, spec: EmitterEventSource, address: Address) -> None:
    path = link.context.path
    login = await _login(link, spec, address)
    config = spec.tls or (client_tls.ENABLED if address.encrypted else None)
    tls = await client_tls.context(link.read, config, f"{path}.tls")
    connection = await Connection.open(address.host, address.port, tls)
    living = asyncio.create_task(connection.keep_alive())
    why = ""
    try:
        await connection.login(login)
        connection.subscribe(_topic(spec), 0)
        while True:
            packet = await connection.packet()
            if packet.kind == mqtt_wire.PUBLISH:
                message = mqtt_wire.publish(packet)
                if message.topic == _ERROR:
                    why = _explained(message.payload)
                elif not message.topic.startswith(_OWN):
                    await _take(link, spec, connection, message)
            elif packet.kind == mqtt_wire.SUBACK:
                if packet.body[-1:] == bytes([mqtt_wire.FAILURE]):
                    what = f"the broker refuses it{why}"
                    raise SourceError(f"{path}.channelKey", what, "Forbidden")
                link.connected()
    finally:
        living.cancel()
        await connection.close()


async def _login(link: Link, spec: EmitterEventSource, address: Address) -> Login:
    path, context = link.context.path, link.context
    # Emitter keeps no sessions, but the protocol wants a name of those that ask for one.
    name = f"headrace-{queue_payload.stable_id(context, 'client')[:14]}"
    if spec.username is None and spec.password is None:
        return Login(name, address.user or None, address.password)
    user = await link.text(spec.username, f"{path}.username")
    password = await link.text(spec.password, f"{path}.password")
    return Login(name, user, password)


def _explained(payload: bytes) -> str:
    try:
        error = _decode(payload)
    except msgspec.MsgspecError:
        return ""
    return f": {error.message} ({error.status})" if error.message else ""


async def _take(
    link: Link, spec: EmitterEventSource, connection: Connection, message: Publish
) -> None:
    if message.qos:  # not for what we asked, but then the protocol wants an answer
        connection.expect(message.number)
        connection.acknowledge(message.number)
    if not message.whole:
        link.relay.refuse("larger than 16 MiB")
        return
    try:
        body = queue_payload.body(message.payload, json_body=spec.json_body)
    except http_body.BadBody as error:
        link.relay.refuse(f"the body is no JSON: {error}")
        return
    members = {"topic": queue_payload.text(message.topic), "body": body}
    data = queue_payload.document(link.context, members)
    await link.relay.submit(data, queue_payload.arrival_id(link.context, message.payload))
