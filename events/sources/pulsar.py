"""`pulsar`: messages of Pulsar topics, through Pulsar's WebSocket API.

Payload `{key, publishTime, body, metadata?}`. The subscription is called as the event, so what is
sent meanwhile waits at the broker; a message is acknowledged once it is durable on the bus, and
at most a window of unacknowledged ones is sent. A message that comes again has the same id.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import ssl
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import ClientWebSocketResponse, WSMsgType
from yarl import URL

from crds import decode
from crds.events_shared import TLSConfig
from crds.eventsource_queues import PulsarEventSource
from events import pulsar_web
from events.sources import client_tls, http_body, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import WINDOW, Outcome

_TYPES = {"": "Exclusive", "exclusive": "Exclusive", "shared": "Shared"}
_CAP = 32 << 20  # bytes of a message with its envelope
_CONNECT_SECONDS = 30.0
_HEARTBEAT = 30.0
_CLOSE = aiohttp.ClientWSTimeout(ws_close=2.0)
_REASONS = {400: "InvalidSpec", 401: "Forbidden", 403: "Forbidden", 404: "InvalidSpec"}


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    """As the API sends it."""

    message_id: str
    payload: str = ""
    publish_time: str = ""
    key: str | None = None


_decode = msgspec.json.Decoder(_Message).decode


class _Topic(NamedTuple):
    name: str
    url: URL


class Pulsar:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Subscribe and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), PulsarEventSource)
        client_tls.check(_tls(spec), f"{context.path}.tls")
        topics = _topics(context, spec)

        async def session(link: Link) -> None:
            await _session(link, spec, topics)

        await queue_link.keep(context, ready, session, backoff=spec.connection_backoff)


def _topics(context: SourceContext, spec: PulsarEventSource) -> list[_Topic]:
    """Where each topic's messages come from. Raises SourceError."""
    path = context.path
    for name in ("auth_athenz_params", "auth_athenz_secret"):
        if getattr(spec, name):
            field = "authAthenzParams" if name.endswith("params") else "authAthenzSecret"
            what = "is not served; use authTokenSecret or a client certificate"
            raise SourceError(f"{path}.{field}", what)
    if (kind := _TYPES.get(spec.type)) is None:
        raise SourceError(f"{path}.type", "must be exclusive or shared")
    if not spec.topics:
        raise SourceError(f"{path}.topics", "is required")
    try:
        base = pulsar_web.address(spec.url)
    except ValueError as error:
        raise SourceError(f"{path}.url", str(error)) from None
    if base.startswith("http:") and (spec.tls or spec.tls_trust_certs_secret):
        what = "is not encrypted though tls is given: must be wss:// or pulsar+ssl://"
        raise SourceError(f"{path}.url", what)
    names = list(dict.fromkeys(spec.topics))
    # The topics share the window, so that reading goes on and signs of life are answered.
    query = f"subscriptionType={kind}&receiverQueueSize={max(WINDOW // len(names), 1)}"
    found = []
    for place, name in enumerate(names):
        try:
            topic = pulsar_web.topic(name)
        except ValueError as error:
            raise SourceError(f"{path}.topics[{place}]", str(error)) from None
        where = f"{base}/ws/v2/consumer/{topic}/{quote(context.event, safe='')}?{query}"
        found.append(_Topic(name, URL(where, encoded=True)))
    return found


def _tls(spec: PulsarEventSource) -> TLSConfig | None:
    """As `tls` says, or the fields of Pulsar's own client."""
    if not (spec.tls or spec.tls_trust_certs_secret or spec.tls_allow_insecure_connection):
        return None
    given = spec.tls or client_tls.ENABLED
    return msgspec.structs.replace(
        given,
        ca_cert_secret=given.ca_cert_secret or spec.tls_trust_certs_secret,
        insecure_skip_verify=given.insecure_skip_verify or spec.tls_allow_insecure_connection,
    )


async def _session(link: Link, spec: PulsarEventSource, topics: list[_Topic]) -> None:
    """One connection per topic; all end with the first."""
    path = link.context.path
    token = await link.text(spec.auth_token_secret, f"{path}.authTokenSecret")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    tls = await client_tls.context(link.read, _tls(spec), f"{path}.tls")
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        sockets = [
            (topic, await stack.enter_async_context(await _open(http, topic, tls, path)))
            for topic in topics
        ]
        link.connected()
        readers = [asyncio.create_task(_consume(link, spec, *each)) for each in sockets]
        try:
            done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
            for reader in done:
                reader.result()
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


async def _open(
    http: aiohttp.ClientSession, topic: _Topic, tls: ssl.SSLContext | None, path: str
) -> ClientWebSocketResponse:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await http.ws_connect(
                topic.url,
                ssl=tls or True,
                heartbeat=_HEARTBEAT,
                max_msg_size=_CAP,
                timeout=_CLOSE,
            )
    except aiohttp.WSServerHandshakeError as error:
        what = f"the WebSocket API answered {error.status} for topic {topic.name}"
        if (reason := _REASONS.get(error.status)) is not None:
            raise SourceError(path, what, reason) from None
        raise ConnectionLost(what) from None
    except aiohttp.ClientError as error:
        raise ConnectionLost(str(error) or type(error).__name__) from None


async def _consume(
    link: Link, spec: PulsarEventSource, topic: _Topic, socket: ClientWebSocketResponse
) -> None:
    """Until the connection ends. Raises ConnectionLost."""
    # Reading goes on while the bus is away, so that signs of life are seen: what may come
    # unacknowledged is bounded by the query.
    arrived: asyncio.Queue[_Message] = asyncio.Queue(WINDOW)

    async def pass_on() -> None:
        while True:
            await _take(link, spec, topic, (socket, await arrived.get()))

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_read(topic, socket, arrived))
            group.create_task(pass_on())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _read(
    topic: _Topic, socket: ClientWebSocketResponse, arrived: asyncio.Queue[_Message]
) -> None:
    while True:
        frame = await socket.receive()
        if frame.type is not WSMsgType.TEXT:
            raise ConnectionLost(_why(topic, socket, frame))
        try:
            message = _decode(frame.data)
        except msgspec.MsgspecError as error:
            raise ConnectionLost(f"what answers is no WebSocket API: {error}") from None
        await arrived.put(message)


def _why(topic: _Topic, socket: ClientWebSocketResponse, frame: aiohttp.WSMessage) -> str:
    """Why no more messages come after `frame`."""
    if socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG and not frame.extra:
        return f"a message of topic {topic.name} is longer than 32 MiB and must be skipped there"
    why = frame.extra if frame.type is WSMsgType.CLOSE and frame.extra else ""
    code = f" ({why or socket.close_code})" if why or socket.close_code else ""
    return f"the connection of topic {topic.name} was closed{code}"


async def _take(
    link: Link,
    spec: PulsarEventSource,
    topic: _Topic,
    received: tuple[ClientWebSocketResponse, _Message],
) -> None:
    """Submit the message, or acknowledge what can never become an event."""
    socket, message = received

    async def settled(outcome: Outcome) -> None:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):  # it will come again
            if not socket.closed:
                await socket.send_json({"messageId": message.message_id})

    try:
        payload = base64.b64decode(message.payload, validate=True)
        body = queue_payload.body(payload, json_body=spec.json_body)
    except binascii.Error:
        link.relay.refuse("the payload is no base64")
        await settled(Outcome.REFUSED)
        return
    except http_body.BadBody as error:
        link.relay.refuse(f"the body is no JSON: {error}")
        await settled(Outcome.REFUSED)
        return
    data = queue_payload.document(
        link.context,
        {
            "key": queue_payload.text(message.key or ""),
            "publishTime": queue_payload.text(_go_time(message.publish_time)),
            "body": body,
        },
    )
    place = (spec.url, topic.name, message.message_id, message.publish_time)
    await link.relay.submit(data, queue_payload.stable_id(link.context, *place), settled)


def _go_time(text: str) -> str:
    """The API's time as Go prints it; brokers of old leave out the offset and mean UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return queue_payload.go_time(None)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return queue_payload.go_time(aware.timestamp())
