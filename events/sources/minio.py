"""`minio`: notifications of MinIO buckets, listened to over its own streaming API.

Payload `{notification: [record…], metadata?}`. The server keeps nothing for a listener: what
happens while the connection is away is not seen; send notifications to a queue or a webhook where
that matters. Semantics: MinIO's ListenNotification; records in the shape of its Go client.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from crds import decode
from crds.events_shared import S3Source
from events.aws import sigv4
from events.aws.sigv4 import Keys, Request, Scope
from events.sources import go_shape, http_body, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.go_shape import ANY, NUMBER, TEXT, Leaf, Many, Struct
from events.sources.queue_link import ConnectionLost, Link

_REGION = "us-east-1"
_EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
_SILENCE = 60.0  # seconds; the server sends a blank every half
_LONGEST = 16 << 20  # bytes of a line
_ERROR_CAP = 64 * 1024
_OTHER_REGION = re.compile(r"<Region>\s*([a-z0-9-]{1,64})\s*</Region>")
_CODE = re.compile(r"<Code>\s*([A-Za-z]{1,64})")
_PRINCIPAL = Struct({"principalId": TEXT}, open=True)
_OBJECT = Struct(
    {
        "key": TEXT,
        "size?": NUMBER,
        "eTag?": TEXT,
        "contentType?": TEXT,
        "userMetadata?": ANY,
        "versionId?": TEXT,
        "sequencer": TEXT,
    },
    open=True,
)
_RECORD = Struct(
    {
        "eventVersion": TEXT,
        "eventSource": TEXT,
        "awsRegion": TEXT,
        "eventTime": TEXT,
        "eventName": TEXT,
        "userIdentity": _PRINCIPAL,
        "requestParameters": ANY,
        "responseElements": ANY,
        "s3": Struct(
            {
                "s3SchemaVersion": TEXT,
                "configurationId": TEXT,
                "bucket": Struct({"name": TEXT, "ownerIdentity": _PRINCIPAL, "arn": TEXT}, True),
                "object": _OBJECT,
            },
            open=True,
        ),
        "source": Struct({"host": TEXT, "port": Leaf(b'""'), "userAgent": TEXT}, open=True),
    },
    open=True,
)
_RECORDS = Many(_RECORD)


class _Line(msgspec.Struct, rename="pascal"):
    records: msgspec.Raw = msgspec.Raw(b"")
    err: msgspec.Raw = msgspec.Raw(b"")


_line = msgspec.json.Decoder(_Line).decode


class Minio:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Listen and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), S3Source)
        _check(context.path, spec)
        found = _Region(spec.region or _REGION)

        async def session(link: Link) -> None:
            try:
                await _session(link, spec, found)
            except aiohttp.ClientError as error:
                raise ConnectionLost(str(error) or type(error).__name__) from None

        await queue_link.keep(context, ready, session, lossy=True)


class _Region:
    """What requests are signed for; corrected by the server's own word."""

    def __init__(self, name: str) -> None:
        self.name = name


def _check(path: str, spec: S3Source) -> None:
    """Raises SourceError."""
    required = {
        "endpoint": spec.endpoint,
        "accessKey": spec.access_key,
        "secretKey": spec.secret_key,
    }
    for name, value in required.items():
        if not value:
            raise SourceError(f"{path}.{name}", "is required")
    if any(c in spec.endpoint for c in "/?#@ "):
        what = "is a host with a port or without, not a URL"
        raise SourceError(f"{path}.endpoint", what)
    if spec.bucket is not None and not spec.bucket.name:
        raise SourceError(f"{path}.bucket.name", "is required")


async def _session(link: Link, spec: S3Source, region: _Region) -> None:
    path = link.context.path
    keys = Keys(
        await link.text(spec.access_key, f"{path}.accessKey"),
        await link.text(spec.secret_key, f"{path}.secretKey"),
    )
    tls = await _tls(link, spec)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15.0, sock_read=_SILENCE)
    connector = aiohttp.TCPConnector(ssl=tls) if tls else None
    url = _url(spec)
    scope = Scope(region.name, "s3")
    headers = sigv4.sign(Request("GET", url), keys, scope, link.context.services.clock.now())
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as answer,
    ):
        if answer.status != 200:
            raise await _refused(answer, path, region)
        link.connected()
        async for line in _lines(answer):
            await _take(link, line)


def _url(spec: S3Source) -> str:
    scheme = "http" if spec.insecure else "https"
    place = quote(spec.bucket.name, safe="-_.~") if spec.bucket else ""
    only = spec.filter
    query = [("events", name) for name in spec.events or _EVENTS]
    query += [("prefix", only.prefix if only else ""), ("suffix", only.suffix if only else "")]
    return f"{scheme}://{spec.endpoint}/{place}?{urlencode(query, quote_via=quote, safe='')}"


async def _tls(link: Link, spec: S3Source) -> ssl.SSLContext | None:
    if not spec.ca_certificate:
        return None
    path = f"{link.context.path}.caCertificate"
    try:
        return ssl.create_default_context(cadata=await link.text(spec.ca_certificate, path))
    except ssl.SSLError:
        raise SourceError(path, "is no PEM certificate") from None


async def _refused(answer: aiohttp.ClientResponse, path: str, region: _Region) -> Exception:
    """What another attempt may mend, or the user."""
    text = (await answer.content.read(_ERROR_CAP)).decode("utf-8", "replace")
    other = _OTHER_REGION.search(text)
    if other is not None and other[1] != region.name:
        region.name = other[1]
        return ConnectionLost(f"the bucket is in region {other[1]}")
    code = _CODE.search(text)
    what = f"the server answered {answer.status}{f' {code[1]}' if code else ''}"
    if answer.status >= 500 or answer.status == 429:
        return ConnectionLost(what)
    reason = "Forbidden" if answer.status in (401, 403) else "Refused"
    return SourceError(path, what, reason)


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for chunk in answer.content.iter_any():
        rest += chunk
        while (end := rest.find(b"\n")) >= 0:
            line = bytes(rest[:end]).strip()
            del rest[: end + 1]
            if line:
                yield line
        if len(rest) > _LONGEST:
            raise ConnectionLost("the server sends a line of more than 16 MiB")
        if not rest.strip():
            rest.clear()  # blanks that keep the connection alive


async def _take(link: Link, line: bytes) -> None:
    try:
        found = _line(line)
        records = go_shape.shaped(bytes(found.records), _RECORDS)
    except (msgspec.MsgspecError, go_shape.BadShape, http_body.BadBody) as error:
        link.relay.refuse(f"what was sent is no notification: {error}")
        return
    if records in (b"null", b"[]"):
        return
    data = queue_payload.document(link.context, {"notification": records})
    await link.relay.submit(data, queue_payload.stable_id(link.context, records))
