"""`sqs`: messages of an Amazon SQS queue, or of a server that speaks its protocol.

Payload `{messageId, messageAttributes, body, metadata?}`. A message is deleted from the queue when
its event is durable; until then SQS keeps it, and shows it again after two minutes. The event's id
follows from the message's, so that a message that is shown again is the same event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from crds import decode
from crds.eventsource_cloud import SQSEventSource
from events.aws import client as aws
from events.aws.client import AwsClient
from events.refusal import Refused
from events.sources import go_shape, http_body, http_queue, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.go_shape import ANY, Struct
from events.sources.http_queue import Deletions
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import Outcome

_BATCH = 10  # most messages of one call
_HIDDEN = 120  # seconds a message is not shown to others
_WAIT = 3
_LONGEST_WAIT = 20
_TYPE = "application/x-amz-json-1.0"
_ATTRIBUTE = Struct(
    {
        "BinaryListValues": ANY,
        "BinaryValue": ANY,
        "DataType": ANY,
        "StringListValues": ANY,
        "StringValue": ANY,
    }
)


class _Message(msgspec.Struct, rename="pascal"):
    """As ReceiveMessage gives it; see the SQS API reference."""

    message_id: str
    receipt_handle: str
    body: str = ""
    message_attributes: dict[str, msgspec.Raw] | None = None


class _Received(msgspec.Struct, rename="pascal"):
    messages: list[_Message] | None = None


class _Queue(msgspec.Struct, rename="pascal"):
    queue_url: str


_received = msgspec.json.Decoder(_Received).decode
_queue = msgspec.json.Decoder(_Queue).decode


class Sqs:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Receive and pass on until cancelled."""
        spec = _spec(context)
        services = context.services
        where = (services.secrets, context.namespace, context.path)
        client = AwsClient("sqs", context.spec, where, services.clock)

        async def session(link: Link) -> None:
            try:
                await _session(link, spec, client)
            except Refused as error:
                raise http_queue.mapped(f"{context.path}.queue", error) from None
            except (aiohttp.ClientError, msgspec.MsgspecError) as error:
                raise ConnectionLost(str(error) or type(error).__name__) from None

        await queue_link.keep(context, ready, session)


def _spec(context: SourceContext) -> SQSEventSource:
    """The checked settings. Raises SourceError."""
    spec, _ = decode.decode(dict(context.spec), SQSEventSource)
    required = {
        "region": spec.region,
        "queue": spec.queue,
        "accessKey": spec.access_key,
        "secretKey": spec.secret_key,
    }
    for name, value in required.items():
        if not value:
            raise SourceError(f"{context.path}.{name}", "is required")
    if not aws.region(spec.region):
        raise SourceError(f"{context.path}.region", f"{spec.region!r} is no region")
    if not 0 <= (spec.wait_time_seconds or 0) <= _LONGEST_WAIT:
        raise SourceError(f"{context.path}.waitTimeSeconds", "must be 0 to 20")
    return spec


class _Api:
    """Calls of one connection."""

    def __init__(self, client: AwsClient, session: aiohttp.ClientSession) -> None:
        self._client = client
        self._session = session
        self.queue_url = ""

    async def call(self, action: str, fields: Mapping[str, Any]) -> bytes:
        """Raises Refused, aiohttp.ClientError, TimeoutError."""
        headers = {"Content-Type": _TYPE, "X-Amz-Target": f"AmazonSQS.{action}"}
        place = {"QueueUrl": self.queue_url} if self.queue_url else {}
        body = http_body.marshal({**fields, **place})
        return await self._client.send(self._session, self._client.url, body, headers)

    async def delete(self, handles: list[str]) -> None:
        """Take messages off the queue, ten at most. Raises as `call`."""
        entries = [{"Id": str(n), "ReceiptHandle": h} for n, h in enumerate(handles)]
        await self.call("DeleteMessageBatch", {"Entries": entries})


async def _session(link: Link, spec: SQSEventSource, client: AwsClient) -> None:
    wait = _WAIT if spec.wait_time_seconds is None else spec.wait_time_seconds
    timeout = aiohttp.ClientTimeout(total=wait + 30.0)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        api = _Api(client, session)
        owner = {"QueueOwnerAWSAccountId": spec.queue_account_id} if spec.queue_account_id else {}
        found = await api.call("GetQueueUrl", {"QueueName": spec.queue, **owner})
        api.queue_url = _queue(found).queue_url
        link.connected()
        wanted = {
            "MaxNumberOfMessages": _BATCH,
            "VisibilityTimeout": _HIDDEN,
            "WaitTimeSeconds": wait,
            "MessageAttributeNames": ["All"],
        }
        async with Deletions(api.delete, _BATCH) as deletions:
            while True:
                received = _received(await api.call("ReceiveMessage", wanted))
                for message in received.messages or ():
                    await _take(link, spec, message, deletions)


async def _take(link: Link, spec: SQSEventSource, message: _Message, deletions: Deletions) -> None:
    context = link.context
    try:
        body = queue_payload.body(message.body.encode(), json_body=spec.json_body)
    except http_body.BadBody as error:
        link.relay.refuse(f"the body is no JSON: {error}")
        if not spec.dlq:
            deletions.add(message.receipt_handle)
        return

    async def settled(outcome: Outcome) -> None:
        if outcome is not Outcome.REFUSED or not spec.dlq:
            deletions.add(message.receipt_handle)

    members = {
        "messageId": queue_payload.text(message.message_id),
        "messageAttributes": _attributes(message),
        "body": body,
    }
    data = queue_payload.document(context, members)
    identity = queue_payload.stable_id(context, message.message_id)
    await link.relay.submit(data, identity, settled)


def _attributes(message: _Message) -> bytes:
    """As the reference prints them: five members each, absent ones null."""
    found = message.message_attributes
    if not found:
        return b"null"
    parts = (
        b"%b:%b" % (http_body.quoted(name), go_shape.shaped(bytes(raw), _ATTRIBUTE))
        for name, raw in sorted(found.items())
    )
    return b"{%b}" % b",".join(parts)
