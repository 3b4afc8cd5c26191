"""`mns`: messages of an Alibaba Cloud MNS (Simple Message Queue) queue, through its REST API.

Payload `{messageId, body}`, `body` as text. A message is deleted when its event is durable; until
then the queue keeps it and shows it again when its time is over. The event's id follows from the
message's. Semantics: Alibaba Cloud documentation, "ReceiveMessage", "DeleteMessage", "Signature".
"""

from __future__ import annotations

import base64
import hmac
from email.utils import formatdate
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import Element

import aiohttp

from crds import decode
from crds.eventsource_cloud import MNSEventSource
from events.refusal import Refused
from events.sources import http_queue, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.http_queue import Deletions, Reply
from events.sources.queue_link import ConnectionLost, Link
from events.sources.queue_relay import Outcome

_BATCH = 16  # most messages of one call
_WAIT = 30  # seconds a call waits
_DELETIONS = 16  # at a time: a call deletes one message
_TIMEOUT = aiohttp.ClientTimeout(total=_WAIT + 30.0)
_VERSION = "2015-06-06"
_EMPTY = "MessageNotExist"


class Mns:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Receive and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), MNSEventSource)
        _check(context.path, spec)

        async def session(link: Link) -> None:
            try:
                await _session(link, spec)
            except Refused as error:
                raise http_queue.mapped(f"{context.path}.queue", error) from None

        await queue_link.keep(context, ready, session)


def _check(path: str, spec: MNSEventSource) -> None:
    """Raises SourceError."""
    required = {
        "queue": spec.queue,
        "endpoint": spec.endpoint,
        "accessKey": spec.access_key,
        "secretKey": spec.secret_key,
    }
    for name, value in required.items():
        if not value:
            raise SourceError(f"{path}.{name}", "is required")
    if not http_queue.is_url(spec.endpoint):
        raise SourceError(f"{path}.endpoint", "must be an http:// or https:// URL")


class _Queue:
    """Calls of one connection."""

    def __init__(
        self, session: aiohttp.ClientSession, spec: MNSEventSource, keys: tuple[str, str], now: Link
    ) -> None:
        self._session = session
        self._access, self._secret = keys
        self._clock = now.context.services.clock
        self._base = spec.endpoint.rstrip("/")
        self._path = f"/queues/{quote(spec.queue, safe='')}/messages"

    async def receive(self, wait: int) -> list[Element]:
        """Messages, hidden from others for a while. Raises Refused, ConnectionLost."""
        reply = await self._call("GET", f"?numOfMessages={_BATCH}&waitseconds={wait}")
        found = http_queue.xml(reply.body)
        if reply.status == 404 and found.findtext("Code") == _EMPTY:
            return []
        if reply.status != 200:
            raise Refused("MNS", reply.status, found.findtext("Code") or "")
        return list(found.iter("Message"))

    async def delete(self, handles: list[str]) -> None:
        """Take messages off the queue."""
        for handle in handles:
            reply = await self._call("DELETE", f"?ReceiptHandle={quote(handle, safe='')}")
            if reply.status >= 300:
                raise Refused("MNS", reply.status)

    async def _call(self, method: str, query: str) -> Reply:
        path = f"{urlsplit(self._base).path}{self._path}"
        headers = {
            "Content-Type": "text/xml;charset=utf-8",
            "Date": formatdate(self._clock.now(), usegmt=True),
            "x-mns-version": _VERSION,
        }
        lines = (
            method,
            "",
            headers["Content-Type"],
            headers["Date"],
            f"x-mns-version:{_VERSION}",
            f"{path}{query}",
        )
        digest = hmac.digest(self._secret.encode(), "\n".join(lines).encode(), "sha1")
        signature = base64.b64encode(digest).decode()
        headers["Authorization"] = f"MNS {self._access}:{signature}"
        url = f"{self._base}{self._path}{query}"
        return await http_queue.send(self._session, method, url, headers)


async def _session(link: Link, spec: MNSEventSource) -> None:
    path = link.context.path
    keys = (
        await link.text(spec.access_key, f"{path}.accessKey"),
        await link.text(spec.secret_key, f"{path}.secretKey"),
    )
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        queue = _Queue(session, spec, keys, link)
        async with Deletions(queue.delete, calls=_DELETIONS) as deletions:
            while True:
                await deletions.room()
                messages = await queue.receive(_WAIT if link.is_connected else 0)
                if not link.is_connected:
                    link.connected()
                for message in messages:
                    await _take(link, message, deletions)


async def _take(link: Link, message: Element, deletions: Deletions) -> None:
    name = message.findtext("MessageId") or ""
    handle = message.findtext("ReceiptHandle") or ""
    if not name:
        raise ConnectionLost("the answer holds a message without an id")

    async def settled(outcome: Outcome) -> None:
        deletions.add(handle)

    members = {
        "messageId": queue_payload.text(name),
        "body": queue_payload.text(message.findtext("MessageBody") or ""),
    }
    data = queue_payload.document(link.context, members)
    await link.relay.submit(data, queue_payload.stable_id(link.context, name), settled)
