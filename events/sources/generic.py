"""`generic`: events of a gRPC server of the user's, service `generic.Eventing`.

`StartEventSource(EventSource{name=1, config=2})` gives a stream of `Event{name=1, payload=2}`.
Payload `{body, metadata?}`. The protocol has no acknowledgement and no numbers: what the server
sends while nobody listens is the server's to keep, and every message is a new event. Not reading
the stream is how a slow bus holds the server back. Needs the extra `grpc`; messages need no
generated code.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from crds import decode
from crds.events_shared import Backoff
from crds.eventsource_queues import GenericEventSource
from events import protobuf
from events.sources import http_body, queue_link, queue_payload
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_link import ConnectionLost, Link

_METHOD = "/generic.Eventing/StartEventSource"
_MISSING = "the gRPC client is missing: pip install 'headrace[grpc]'"
_CAP = 16 << 20  # bytes of a message
_CONNECT_SECONDS = 10.0
_REFUSAL_SECONDS = 0.5
# Servers close connections that ask for a sign of life more often than every five minutes.
_KEEP_ALIVE = 310_000
_KEEP_ALIVE_ANSWER = 20_000
# A server that ends every stream at once is asked again after a second at the earliest.
_BACKOFF = Backoff(duration="1s", factor=2, jitter=0.5, steps=4)
_REASONS = {
    "UNAUTHENTICATED": "Forbidden",
    "PERMISSION_DENIED": "Forbidden",
    "UNIMPLEMENTED": "InvalidSpec",
    "INVALID_ARGUMENT": "InvalidSpec",
    "NOT_FOUND": "InvalidSpec",
    "FAILED_PRECONDITION": "InvalidSpec",
}


class _Place(NamedTuple):
    host: str
    port: int


class Generic:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Read the stream and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), GenericEventSource)
        place = _place(spec.url, f"{context.path}.url")
        grpc = _client(context.path)

        async def session(link: Link) -> None:
            await _session(link, spec, place, grpc)

        await queue_link.keep(context, ready, session, backoff=_BACKOFF, lossy=True)


def _client(path: str) -> Any:
    """The gRPC package, which not everyone installs. Raises SourceError."""
    try:
        import grpc  # type: ignore[import-untyped, unused-ignore]
        import grpc.aio  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise SourceError(path, _MISSING, "MissingPackage") from None
    return grpc


def _place(url: str, path: str) -> _Place:
    """Host and port of `host:port`, `dns:///` in front allowed. Raises SourceError."""
    if not url:
        raise SourceError(path, "is required")
    bare = url.removeprefix("dns:///")
    try:
        found = urlsplit(f"//{bare}")
        host, port = found.hostname, found.port
    except ValueError:
        host, port, found = None, None, urlsplit("")
    if not host or port is None or found.netloc != bare or "@" in bare:
        raise SourceError(path, "must be host:port")
    return _Place(host, port)


async def _session(link: Link, spec: GenericEventSource, place: _Place, grpc: Any) -> None:
    path = link.context.path
    token = await link.text(spec.auth_secret, f"{path}.authSecret")
    metadata = [("authorization", f"Bearer {token}")] if token else []
    request = protobuf.encode([(1, link.context.event), (2, spec.config)])
    async with await _channel(spec, place, grpc) as channel:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await channel.channel_ready()
        except TimeoutError:
            raise ConnectionLost(f"no gRPC server answers at {spec.url}") from None
        call = channel.unary_stream(_METHOD)(request, metadata=metadata)
        try:
            await _read(link, spec, call, grpc)
        except grpc.aio.AioRpcError as error:
            raise _fault(link, error) from None
        finally:
            call.cancel()


async def _channel(spec: GenericEventSource, place: _Place, grpc: Any) -> Any:
    shown = f"[{place.host}]" if ":" in place.host else place.host
    target = f"dns:///{shown}:{place.port}"
    options = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", _CAP),
        ("grpc.keepalive_time_ms", _KEEP_ALIVE),
        ("grpc.keepalive_timeout_ms", _KEEP_ALIVE_ANSWER),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    if spec.insecure:
        return grpc.aio.insecure_channel(target, options)
    trusted = grpc.ssl_channel_credentials(await asyncio.to_thread(_authorities))
    return grpc.aio.secure_channel(target, trusted, options)


def _authorities() -> bytes | None:
    """The system's certificates; None leaves it to those the gRPC client brings."""
    place = ssl.get_default_verify_paths().cafile
    return Path(place).read_bytes() if place else None


async def _read(link: Link, spec: GenericEventSource, call: Any, grpc: Any) -> None:
    """Until the server ends the stream. A stream not refused for a moment counts as open: most
    servers say nothing before their first event."""
    reading = asyncio.ensure_future(call.read())
    try:
        await asyncio.wait({reading}, timeout=_REFUSAL_SECONDS)
        if not reading.done() or (not reading.exception() and reading.result() is not grpc.aio.EOF):
            link.connected()
        while (raw := await reading) is not grpc.aio.EOF:
            await _take(link, spec, raw)
            reading = asyncio.ensure_future(call.read())
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    if (code := await call.code()) is not grpc.StatusCode.OK:
        raise ConnectionLost(f"{code.name}: {await call.details() or 'no reason given'}")
    raise ConnectionLost("the server ended the stream")


async def _take(link: Link, spec: GenericEventSource, raw: bytes) -> None:
    try:
        payload = protobuf.last_bytes(protobuf.decode(raw), 2)
        body = queue_payload.body(payload, json_body=spec.json_body)
    except protobuf.BadMessage as error:
        link.relay.refuse(f"the message is no Event: {error}")
        return
    except http_body.BadBody as error:
        link.relay.refuse(f"the body is no JSON: {error}")
        return
    data = queue_payload.document(link.context, {"body": body})
    await link.relay.submit(data, queue_payload.arrival_id(link.context, payload))


def _fault(link: Link, error: Any) -> Exception:
    """What the server's refusal means: for the user at once, or another attempt."""
    code = error.code().name
    what = f"{code}: {error.details() or 'no reason given'}"
    if (reason := _REASONS.get(code)) and not link.is_connected:
        return SourceError(link.context.path, what, reason)
    return ConnectionLost(what)
