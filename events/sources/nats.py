"""`nats`: messages of a core NATS subject.

Payload `{subject, body, header?, metadata?}`. Core NATS keeps nothing: what is sent while no
connection stands is lost at the broker. What was received is held until it is durable on the
bus; beyond 65,536 waiting messages (or 64 MiB) the client must drop, and the condition says so.
The event's id comes from `Nats-Msg-Id` and the content, else from content and arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from crds import decode
from crds.eventsource_queues import NATSEventSource
from crds.shape import SecretKey
from events.nats_client import StrictClient
from events.sources import (
    client_tls,
    http_body,
    nats_keys,
    queue_link,
    queue_payload,
)
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_link import ConnectionLost, Link

_WAITING_MESSAGES = 65_536
_WAITING_BYTES = 64 << 20
_CONNECT_SECONDS = 10.0
_MESSAGE_ID = "Nats-Msg-Id"


class Nats:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Subscribe and pass on until cancelled."""
        spec = _spec(context)

        async def session(link: Link) -> None:
            await _session(link, spec)

        await queue_link.keep(context, ready, session, backoff=spec.connection_backoff, lossy=True)


def _spec(context: SourceContext) -> NATSEventSource:
    spec, _ = decode.decode(dict(context.spec), NATSEventSource)
    for name, value in (("url", spec.url), ("subject", spec.subject)):
        if not value:
            raise SourceError(f"{context.path}.{name}", "is required")
    parts = spec.subject.split(".")
    if any(c.isspace() for c in spec.subject) or "" in parts or ">" in parts[:-1]:
        raise SourceError(f"{context.path}.subject", f"{spec.subject!r} is no subject")
    if any(c.isspace() for c in spec.queue):
        raise SourceError(f"{context.path}.queue", "holds a blank")
    if any(not part.strip() for part in spec.url.split(",")):
        raise SourceError(f"{context.path}.url", "holds an empty address")
    client_tls.check(spec.tls, f"{context.path}.tls")
    auth = spec.auth
    if auth is not None:
        given = [x for x in (auth.basic, auth.token, auth.nkey, auth.credential) if x is not None]
        if len(given) > 1:
            raise SourceError(
                f"{context.path}.auth", "only one of basic, token, nkey, credential may be given"
            )
    return spec


async def _session(link: Link, spec: NATSEventSource) -> None:
    watch = _Watch(link)
    client, options = await _login(link, spec)
    try:
        await _connect(client, link, spec, closed_cb=watch.closed, error_cb=watch.failed, **options)
        await client.subscribe(
            spec.subject,
            queue=spec.queue,
            cb=_receiver(link, spec),
            pending_msgs_limit=_WAITING_MESSAGES,
            pending_bytes_limit=_WAITING_BYTES,
        )
        for _ in range(2):  # a refusal may come after the first answer
            await client.flush(timeout=int(_CONNECT_SECONDS))
        if not watch.ended.done():
            link.connected()
        await watch.ended
    except nats.errors.NoServersError:
        raise ConnectionLost(f"no NATS server could be reached: {watch.last}") from None
    except (nats.errors.Error, nats.errors.BadSubjectError) as error:
        raise ConnectionLost(_words(error)) from None
    finally:
        watch.ended.cancel()
        await _leave(client)


class _Watch:
    """What the client tells of one connection; `ended` gets the exception that ends it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last = "no answer"

    async def closed(self) -> None:
        self._end(ConnectionLost("the connection to the NATS server ended"))

    async def failed(self, error: Exception) -> None:
        self.last = str(error) or type(error).__name__
        if isinstance(error, nats.errors.SlowConsumerError):
            self._link.relay.refuse("the bus is slower than the subject, and core NATS cannot wait")
        elif "permissions violation" in self.last.lower():
            field = f"{self._link.context.path}.subject"
            self._end(SourceError(field, _words(error), "Forbidden"))

    def _end(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)


async def _connect(client: Client, link: Link, spec: NATSEventSource, **options: Any) -> None:
    urls = [url.strip() for url in spec.url.split(",")]
    wanted = spec.tls
    if wanted is None and any(url.startswith("tls://") for url in urls):
        wanted = client_tls.ENABLED
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await client.connect(
                urls,
                name=f"headrace {link.context.owner}",
                allow_reconnect=False,
                max_reconnect_attempts=1,  # of the first connection, per server
                reconnect_time_wait=0,
                connect_timeout=5,
                ping_interval=10,
                tls=await client_tls.context(link.read, wanted, f"{link.context.path}.tls"),
                **options,
            )
    except (TimeoutError, OSError) as error:  # first: a bad certificate is a ValueError too
        why = str(error) or "no answer"
        raise ConnectionLost(f"no NATS server could be reached: {why}") from None
    except ValueError as error:
        raise SourceError(f"{link.context.path}.url", str(error)) from None


async def _login(link: Link, spec: NATSEventSource) -> tuple[Client, dict[str, Any]]:
    """A client and its options, as `auth` says. Raises SourceError, MissingValue."""
    auth, path = spec.auth, f"{link.context.path}.auth"
    if auth is None:
        return StrictClient(), {}
    if auth.basic is not None:
        return StrictClient(), {
            "user": await link.text(auth.basic.username, f"{path}.basic.username"),
            "password": await link.text(auth.basic.password, f"{path}.basic.password"),
        }
    if auth.token is not None:
        return StrictClient(), {"token": await link.text(auth.token, f"{path}.token")}
    if auth.nkey is not None:
        pair = await _pair(link, auth.nkey, f"{path}.nkey")
        return StrictClient(pair.public), {"signature_cb": pair.sign}
    if auth.credential is not None:
        text = await link.text(auth.credential, f"{path}.credential")
        try:
            jwt, pair = nats_keys.from_credentials(text)
        except nats_keys.BadKey as error:
            raise SourceError(f"{path}.credential", str(error)) from None
        return StrictClient(), {"user_jwt_cb": jwt.encode, "signature_cb": pair.sign}
    return StrictClient(), {}


async def _pair(link: Link, reference: SecretKey, path: str) -> nats_keys.KeyPair:
    try:
        return nats_keys.from_seed(await link.text(reference, path))
    except nats_keys.BadKey as error:
        raise SourceError(path, str(error)) from None


def _receiver(link: Link, spec: NATSEventSource) -> Any:
    context, relay = link.context, link.relay

    async def receive(message: Msg) -> None:
        try:
            body = queue_payload.body(message.data, json_body=spec.json_body)
        except http_body.BadBody as error:
            relay.refuse(f"the body is no JSON: {error}")
            return
        headers = message.headers or {}
        shown = http_body.marshal({k: [v] for k, v in headers.items()}) if headers else None
        data = queue_payload.document(
            context,
            {"subject": queue_payload.text(message.subject), "body": body, "header": shown},
        )
        name = headers.get(_MESSAGE_ID)
        identity = (
            queue_payload.stable_id(context, message.subject, name, message.data)
            if name
            else queue_payload.arrival_id(context, message.data)
        )
        await relay.submit(data, identity)

    return receive


async def _leave(client: Client) -> None:
    """Take what the server has sent already, then close."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(3.0):
            if client.is_connected:
                await client.drain()
    with contextlib.suppress(Exception):
        async with asyncio.timeout(2.0):
            await client.close()


def _words(error: Exception) -> str:
    text = str(error).removeprefix("nats: ").strip("'\" ")
    return f"the NATS server says: {text}" if text else type(error).__name__
