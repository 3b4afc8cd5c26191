"""`storageGrid`: notifications of buckets of NetApp StorageGRID.

StorageGRID publishes as if to SNS: a form whose `Message` holds S3 records. Payload
`{notification, metadata?}`. The endpoint and the bucket's notification are registered at the start
through the tenant API. The answer is given when the event is durable.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import aiohttp
import orjson
import structlog

from crds import decode
from crds.eventsource_http import StorageGridEventSource, StorageGridFilter
from events.sources import (
    client_tls,
    go_shape,
    hook_keeping,
    http_body,
    http_message,
    webhook_endpoint,
)
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.go_shape import NUMBER, TEXT, Leaf, Many, Struct
from events.sources.http_message import Request, Response
from events.sources.webhook_endpoint import Batch, Named, Refused

_OBJECT = Struct({"key": TEXT, "size": NUMBER, "eTag": TEXT, "sequencer": TEXT}, open=True)
_PRINCIPAL = Struct({"principalId": TEXT}, open=True)
_BUCKET = Struct({"name": TEXT, "ownerIdentity": _PRINCIPAL, "arn": TEXT}, open=True)
_RECORD = Struct(
    {
        "eventVersion": TEXT,
        "storageGridEventSource": TEXT,
        "eventTime": Leaf(b'"0001-01-01T00:00:00Z"', b'"', "time"),
        "eventName": TEXT,
        "userIdentity": _PRINCIPAL,
        "requestParameters": Struct({"sourceIPAddress": TEXT}, open=True),
        "responseElements": Struct({"x-amz-request-id": TEXT}, open=True),
        "s3": Struct(
            {
                "s3SchemaVersion": TEXT,
                "configurationId": TEXT,
                "bucket": _BUCKET,
                "object": _OBJECT,
            },
            open=True,
        ),
    },
    open=True,
)
_MESSAGE = Struct({"Records": Many(_RECORD)}, open=True)
_EMPTY = Response(200, content_type="")
_TOO_LARGE = http_message.text(400, "")
_ANSWER = """
<PublishResponse xmlns="http://argoevents-sns-server/">
    <PublishResult>
        <MessageId>{}</MessageId>
    </PublishResult>
    <ResponseMetadata>
       <RequestId>{}</RequestId>
    </ResponseMetadata>
</PublishResponse>
"""
_CONFIGURATION = """
<NotificationConfiguration>
\t<TopicConfiguration>
\t  <Id>{}</Id>
\t  <Topic>{}</Topic>
\t  {}
\t</TopicConfiguration>
</NotificationConfiguration>

"""
_log = structlog.get_logger("events.sources.storagegrid")


class StorageGrid:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Serve the endpoint, register it, until cancelled."""
        spec = _spec(context)
        await hook_keeping.require(context, "authToken")
        extra = webhook_endpoint.metadata(context.spec)

        def shape(request: Request, body: bytes) -> Batch:
            if request.method == "HEAD":
                return Batch([], _EMPTY)
            return _shape(body, spec.filter, extra)

        webhook = context.spec.get("webhook") or {}
        path = f"{context.path}.webhook"
        block = webhook_endpoint.attached(context, webhook, path, shape, too_large=_TOO_LARGE)
        async with block:
            ready()
            await hook_keeping.keep(context, ready, Registration(context, spec))


def _spec(context: SourceContext) -> StorageGridEventSource:
    spec, _ = decode.decode(dict(context.spec), StorageGridEventSource)
    required = {
        "topicArn": spec.topic_arn,
        "apiURL": spec.api_url,
        "authToken": spec.auth_token,
        "bucket": spec.bucket,
        "events": spec.events,
        "webhook.url": hook_keeping.url(spec.webhook),
    }
    for name, value in required.items():
        if not value:
            raise SourceError(f"{context.path}.{name}", "is required")
    client_tls.check(spec.tls, f"{context.path}.tls")
    return spec


def _shape(body: bytes, only: StorageGridFilter | None, extra: bytes | None) -> Batch:
    try:
        fields = http_body.form(body.decode("utf-8", "replace"))
        message = http_body.compact(fields.get("Message", [""])[0].encode())
        message = http_body.whole_pairs(message)
        shaped = go_shape.shaped(message, _MESSAGE)
    except (http_body.BadBody, go_shape.BadShape) as error:
        raise Refused(400, f"Message is no notification: {error}") from None
    answer = Response(200, _ANSWER.format(uuid.uuid4(), uuid.uuid4()).encode())
    if only is not None and not _passes(shaped, only):
        return Batch([], answer)
    texts = {name: http_body.quoted(fields.get(name, [""])[0]) for name in _TEXTS}
    notification = webhook_endpoint.payload(
        {
            "Action": texts["Action"],
            "Message": shaped,
            "TopicArn": texts["TopicArn"],
            "Version": texts["Version"],
        }
    )
    data = webhook_endpoint.payload({"notification": notification, "metadata": extra})
    return Batch([Named(data)], answer)


_TEXTS = ("Action", "TopicArn", "Version")


def _passes(message: bytes, only: StorageGridFilter) -> bool:
    """By the key of the first record, as the reference does; each message has one."""
    records = orjson.loads(message)["Records"]
    if not records:
        return False
    key = str(records[0]["s3"]["object"]["key"])
    return key.startswith(only.prefix) and key.endswith(only.suffix)


class Registration:
    """The endpoint and the bucket's notification; see `hook_keeping.Hooks`. An endpoint of our
    topic is ours. The notification is written once per start: it replaces the bucket's own."""

    def __init__(self, context: SourceContext, spec: StorageGridEventSource) -> None:
        self._context = context
        self._spec = spec
        self._api = spec.api_url.rstrip("/") + "/org"
        self._is_done = False

    def places(self) -> list[str]:
        """The bucket."""
        return [self._spec.bucket]

    async def ensure(self, place: str) -> None:
        """Find the endpoint or make it; then set the notification."""
        if self._is_done:
            return
        spec, event = self._spec, self._context.event
        async with await self._session() as session:
            async with session.get(f"{self._api}/endpoints") as answer:
                known = (await hook_keeping.answer("StorageGRID", answer) or {}).get("data") or ()
            if not any(each.get("endpointURN") == spec.topic_arn for each in known):
                endpoint = {
                    "displayName": event,
                    "endpointURI": hook_keeping.url(spec.webhook),
                    "endpointURN": spec.topic_arn,
                    "authType": "anonymous",
                    "insecureTLS": True,
                }
                await self._send(session, "POST", "endpoints", endpoint)
            events = "\n".join(f"<Event>{escape(name)}</Event>" for name in spec.events or ())
            text = _CONFIGURATION.format(escape(event), escape(spec.topic_arn), events)
            path = f"containers/{quote(place, safe='')}/notification"
            await self._send(session, "PUT", path, {"notification": text})
        self._is_done = True
        _log.info("storagegrid_registered", owner=self._context.owner)

    def leaving(self, entry: Mapping[str, Any]) -> list[str]:
        """The registration stays: it is the bucket's."""
        return []

    async def remove(self, place: str) -> None:
        """The registration stays: it is the bucket's."""

    async def _send(
        self, session: aiohttp.ClientSession, method: str, path: str, body: dict[str, object]
    ) -> None:
        data = http_body.marshal(body)
        async with session.request(method, f"{self._api}/{path}", data=data) as answer:
            await hook_keeping.answer("StorageGRID", answer)

    async def _session(self) -> aiohttp.ClientSession:
        context = self._context
        token = await hook_keeping.secret(context, context.spec.get("authToken"), "authToken")
        tls = await client_tls.context(self._read, self._spec.tls, f"{context.path}.tls")
        return aiohttp.ClientSession(
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "User-Agent": "headrace",
            },
            connector=aiohttp.TCPConnector(ssl=tls) if tls else None,
            timeout=hook_keeping.TIMEOUT,
        )

    async def _read(self, reference: Mapping[str, Any], path: str) -> bytes:
        secrets = self._context.services.secrets
        return await secrets.value(self._context.namespace, reference, path)
