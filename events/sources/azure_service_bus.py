"""`azureServiceBus`: messages of a Service Bus queue or subscription, over HTTPS.

Payload `{applicationProperties, body, contentType, correlationID, enqueuedTime, messageID, replyTo,
sequenceNumber, subject, metadata?}`; what a message lacks is null. A message is locked, and deleted
when its event is durable, whatever `deferDelete` says; the lock is renewed while that takes long.
One that can never become an event is given back until Service Bus moves it to the dead letters.
The event's id follows from the sequence number, which Service Bus gives once.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
import orjson

from crds import decode
from crds.eventsource_cloud import AzureServiceBusEventSource
from events.azure import dates, sas
from events.azure.sas import Connection
from events.refusal import Refused
from events.sources import client_tls, http_body, http_queue, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_queue import Reply
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import Outcome

_RECEIVERS = 8  # a call gives one message
_WAIT = 30  # seconds a call waits
_TIMEOUT = aiohttp.ClientTimeout(total=_WAIT + 30.0)
_RENEW = 10.0  # seconds; a lock lasts 30 at least as one makes them
# What can be done with a locked message, by HTTP method.
_KEEP, _TAKE_OFF, _GIVE_BACK = "POST", "DELETE", "PUT"
_LOST = (404, 410)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9./_-]{0,258}[A-Za-z0-9])?\Z", re.ASCII)
# Headers of the answer that are no properties of the message.
_TRANSPORT = frozenset(
    {
        "brokerproperties",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "location",
        "server",
        "strict-transport-security",
        "transfer-encoding",
    }
)


class _Properties(msgspec.Struct, rename="pascal"):
    """The header BrokerProperties; see "Message headers and properties" of Service Bus."""

    sequence_number: int
    message_id: str | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    label: str | None = None
    enqueued_time_utc: str | None = None


_properties = msgspec.json.Decoder(_Properties).decode


class AzureServiceBus:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Receive and pass on until cancelled."""
        spec = _spec(context)

        async def session(link: Link) -> None:
            try:
                await _session(link, spec)
            except Refused as error:
                raise http_queue.mapped(context.path, error) from None

        await queue_link.keep(context, ready, session)


def _spec(context: SourceContext) -> AzureServiceBusEventSource:
    """The checked settings. Raises SourceError."""
    path = context.path
    spec, _ = decode.decode(dict(context.spec), AzureServiceBusEventSource)
    if spec.connection_string is None:
        what = "is required: the identity of the process is not used"
        raise SourceError(f"{path}.connectionString", what)
    if bool(spec.queue_name) == bool(spec.topic_name):
        raise SourceError(f"{path}.queueName", "exactly one of queueName and topicName is required")
    if spec.topic_name and not spec.subscription_name:
        raise SourceError(f"{path}.subscriptionName", "is required with topicName")
    fields = ("queueName", "topicName", "subscriptionName")
    names = (spec.queue_name, spec.topic_name, spec.subscription_name)
    for field, name in zip(fields, names, strict=True):
        if name and (not _NAME.match(name) or ".." in name or "//" in name):
            raise SourceError(f"{path}.{field}", f"{name!r} is no name")
    client_tls.check(spec.tls, f"{path}.tls")
    return spec


class _Entity:
    """Calls of one connection to a queue or subscription."""

    def __init__(self, session: aiohttp.ClientSession, to: Connection, path: str, link: Link):
        self._session = session
        self._connection = to
        self._place = f"{to.base}/{path}"
        self._clock = link.context.services.clock

    async def lock(self, wait: int) -> Reply | None:
        """One message, locked; None when there is none. Raises Refused, ConnectionLost."""
        reply = await self._call("POST", f"{self._place}/messages/head?timeout={wait}")
        return None if reply.status == 204 else reply

    async def settle(self, method: str, lock: str) -> bool:
        """Do something with a locked message; False when the lock is lost, and it comes again."""
        try:
            await self._call(method, lock)
        except Refused as error:
            if error.status not in _LOST:
                raise
            return False
        return True

    def lock_of(self, reply: Reply) -> str:
        """Where the message is renewed and deleted; only its path is taken from the answer."""
        found = urlsplit(reply.headers.get("Location", ""))
        if not found.path:
            raise ConnectionLost("the answer names no lock")
        base = urlsplit(self._place)
        return f"{base.scheme}://{base.netloc}{found.path}"

    async def _call(self, method: str, url: str) -> Reply:
        to = self._connection
        token = sas.token(self._place, to.policy, to.key, self._clock.now())
        headers = {"Authorization": token, "Content-Length": "0"}
        reply = await http_queue.send(self._session, method, url, headers)
        if not 200 <= reply.status < 300:
            raise Refused("Service Bus", reply.status)
        return reply


async def _session(link: Link, spec: AzureServiceBusEventSource) -> None:
    path = link.context.path
    field = f"{path}.connectionString"
    try:
        connection = sas.parse(await link.text(spec.connection_string, field))
    except sas.BadConnection as error:
        raise SourceError(field, str(error)) from None
    tls = await client_tls.context(link.read, spec.tls, f"{path}.tls")
    async with aiohttp.ClientSession(timeout=_TIMEOUT, connector=_connector(tls)) as session:
        entity = _Entity(session, connection, _entity(spec), link)
        first = await entity.lock(0)
        link.connected()
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(_RECEIVERS):
                    begin = first if number == 0 else None
                    group.create_task(_receive(link, spec, entity, begin))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None


def _connector(tls: ssl.SSLContext | None) -> aiohttp.TCPConnector | None:
    return aiohttp.TCPConnector(ssl=tls) if tls else None


def _entity(spec: AzureServiceBusEventSource) -> str:
    if spec.queue_name:
        return quote(spec.queue_name)
    return f"{quote(spec.topic_name)}/subscriptions/{quote(spec.subscription_name)}"


async def _receive(
    link: Link, spec: AzureServiceBusEventSource, entity: _Entity, reply: Reply | None
) -> None:
    """One message after the other."""
    while True:
        if reply is not None:
            await _take(link, spec, entity, reply)
        reply = await entity.lock(_WAIT)


async def _take(
    link: Link, spec: AzureServiceBusEventSource, entity: _Entity, reply: Reply
) -> None:
    lock = entity.lock_of(reply)
    told = await _submit(link, spec, reply)
    while not told.done():
        done, _ = await asyncio.wait({told}, timeout=_RENEW)
        if not done and not await entity.settle(_KEEP, lock):
            return  # when it comes again the bus may know it
    refused = told.result() is Outcome.REFUSED
    await entity.settle(_GIVE_BACK if refused else _TAKE_OFF, lock)


async def _submit(
    link: Link, spec: AzureServiceBusEventSource, reply: Reply
) -> asyncio.Future[Outcome]:
    """Done when it is clear what becomes of the message."""
    told = asyncio.get_running_loop().create_future()
    context = link.context
    try:
        properties = _properties(reply.headers.get("BrokerProperties", ""))
    except msgspec.MsgspecError:
        raise ConnectionLost("the answer holds no BrokerProperties") from None
    try:
        body = queue_payload.body(reply.body, json_body=spec.json_body)
    except http_body.BadBody as error:
        link.relay.refuse(f"the body is no JSON: {error}")
        told.set_result(Outcome.REFUSED)
        return told

    async def settled(outcome: Outcome) -> None:
        if not told.done():
            told.set_result(outcome)

    members = {
        "applicationProperties": _custom(reply),
        "body": body,
        "contentType": _text(reply.headers.get("Content-Type")),
        "correlationID": _text(properties.correlation_id),
        "enqueuedTime": _text(dates.rfc3339(properties.enqueued_time_utc or "")),
        "messageID": queue_payload.text(properties.message_id or ""),
        "replyTo": _text(properties.reply_to),
        "sequenceNumber": b"%d" % properties.sequence_number,
        "subject": _text(properties.label),
    }
    data = queue_payload.document(context, members)
    identity = queue_payload.stable_id(context, str(properties.sequence_number))
    await link.relay.submit(data, identity, settled)
    return told


def _text(value: str | None) -> bytes:
    return b"null" if value is None else queue_payload.text(value)


def _custom(reply: Reply) -> bytes:
    """Properties of the application: headers whose values are JSON scalars. Null without any."""
    found = {}
    for name, text in reply.headers.items():
        if name.lower() in _TRANSPORT:
            continue
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        if not isinstance(value, dict | list):
            found[name] = value
    return http_body.marshal(found) if found else b"null"
