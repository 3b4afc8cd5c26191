"""`azureQueueStorage`: messages of an Azure storage queue, through its REST API.

Payload `{body, messageID, insertionTime, metadata?}`. A message is deleted when its event is
durable; until then the queue keeps it, and shows it again after two minutes. The event's id
follows from the message's, so that a message that is shown again is the same event.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from urllib.parse import quote
from xml.etree.ElementTree import Element

import aiohttp

from crds import decode
from crds.eventsource_cloud import AzureQueueStorageEventSource
from events.azure import dates, storage
from events.azure.storage import Account
from events.refusal import Refused
from events.sources import http_body, http_queue, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_queue import Deletions, Reply
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import Outcome

_BATCH = 32  # most messages of one call
_HIDDEN = 120  # seconds a message is not shown to others
_WAIT = 3
_DELETIONS = 16  # at a time: a call deletes one message
_TIMEOUT = aiohttp.ClientTimeout(total=30.0)
_PROVIDER = "Azure"


class AzureQueueStorage:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Receive and pass on until cancelled."""
        spec = _spec(context)

        async def session(link: Link) -> None:
            try:
                await _session(link, spec)
            except Refused as error:
                raise http_queue.mapped(f"{context.path}.queueName", error) from None

        await queue_link.keep(context, ready, session)


def _spec(context: SourceContext) -> AzureQueueStorageEventSource:
    """The checked settings. Raises SourceError."""
    spec, _ = decode.decode(dict(context.spec), AzureQueueStorageEventSource)
    if not spec.queue_name:
        raise SourceError(f"{context.path}.queueName", "is required")
    if spec.connection_string is None:
        what = "is required: the identity of the process is not used"
        raise SourceError(f"{context.path}.connectionString", what)
    if (spec.wait_time_in_seconds or 0) < 0:
        raise SourceError(f"{context.path}.waitTimeInSeconds", "is negative")
    return spec


class _Queue:
    """Calls of one connection."""

    def __init__(
        self, session: aiohttp.ClientSession, account: Account, name: str, link: Link
    ) -> None:
        self._session = session
        self._account = account
        self._clock = link.context.services.clock
        self._place = f"{account.base}/{quote(name, safe='')}/messages"

    async def receive(self) -> list[Element]:
        """Messages, hidden from others for a while. Raises Refused, ConnectionLost."""
        query = f"?numofmessages={_BATCH}&visibilitytimeout={_HIDDEN}"
        reply = await self._call("GET", self._place + query)
        return list(http_queue.xml(reply.body).iter("QueueMessage"))

    async def delete(self, handles: list[str]) -> None:
        """Take a message off the queue; a handle is its id and its receipt."""
        for handle in handles:
            name, _, receipt = handle.partition(" ")
            place = f"{self._place}/{quote(name, safe='')}"
            await self._call("DELETE", f"{place}?popreceipt={quote(receipt, safe='')}")

    async def _call(self, method: str, url: str) -> Reply:
        url, headers = storage.request(self._account, method, url, self._clock.now())
        reply = await http_queue.send(self._session, method, url, headers)
        if not 200 <= reply.status < 300:
            raise Refused(_PROVIDER, reply.status, reply.headers.get("x-ms-error-code", ""))
        return reply


async def _session(link: Link, spec: AzureQueueStorageEventSource) -> None:
    field = f"{link.context.path}.connectionString"
    try:
        account = storage.parse(await link.text(spec.connection_string, field))
    except storage.BadConnection as error:
        raise SourceError(field, str(error)) from None
    pause = _WAIT if spec.wait_time_in_seconds is None else spec.wait_time_in_seconds
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        queue = _Queue(session, account, spec.queue_name, link)
        async with Deletions(queue.delete, calls=_DELETIONS) as deletions:
            while True:
                await deletions.room()
                messages = await queue.receive()
                if not link.is_connected:
                    link.connected()
                for message in messages:
                    await _take(link, spec, message, deletions)
                if not messages:
                    await asyncio.sleep(max(pause, 0.05))


async def _take(
    link: Link, spec: AzureQueueStorageEventSource, message: Element, deletions: Deletions
) -> None:
    name = message.findtext("MessageId") or ""
    receipt = message.findtext("PopReceipt") or ""
    if not name:
        raise ConnectionLost("the answer holds a message without an id")
    handle = f"{name} {receipt}"
    try:
        body = _body(message.findtext("MessageText") or "", spec)
    except http_body.BadBody as error:
        link.relay.refuse(str(error))
        if not spec.dlq:
            deletions.add(handle)
        return

    async def settled(outcome: Outcome) -> None:
        if outcome is not Outcome.REFUSED or not spec.dlq:
            deletions.add(handle)

    inserted = dates.rfc3339(message.findtext("InsertionTime") or "")
    members = {
        "body": body,
        "messageID": queue_payload.text(name),
        "insertionTime": queue_payload.text(inserted or "0001-01-01T00:00:00Z"),
    }
    data = queue_payload.document(link.context, members)
    await link.relay.submit(data, queue_payload.stable_id(link.context, name), settled)


def _body(text: str, spec: AzureQueueStorageEventSource) -> bytes:
    """Raises BadBody."""
    raw = text.encode()
    if spec.decode_message:
        try:
            raw = base64.b64decode(text.translate({45: 43, 95: 47}), validate=True)
        except (binascii.Error, ValueError):
            raise http_body.BadBody("the message is no base64") from None
    try:
        return queue_payload.body(raw, json_body=spec.json_body)
    except http_body.BadBody as error:
        raise http_body.BadBody(f"the body is no JSON: {error}") from None
