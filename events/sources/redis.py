"""`redis`: messages published to Redis channels.

Payload `{channel, pattern, body, metadata?}`; `body` is a text, or JSON with `jsonBody`. Redis
keeps no published message: what is sent while no connection stands is lost there. What was
received is held until it is durable on the bus. Ids are made from content and arrival.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from crds import decode
from crds.eventsource_queues import RedisEventSource
from events.sources import client_tls, http_body, queue_link, queue_payload, redis_client
from events.sources.contract import ReadySignal, SourceContext, SourceError
from events.sources.queue_link import ConnectionLost, Link

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

_QUIET = 10.0  # seconds without a word before the server is asked whether it lives
_SUBSCRIBED = "subscribe"


class Redis:
    """See `Source`."""

    async def run(self, context: SourceContext, ready: ReadySignal) -> None:
        """Subscribe and pass on until cancelled."""
        spec, _ = decode.decode(dict(context.spec), RedisEventSource)
        redis_client.address(spec.host_address, context.path)
        client_tls.check(spec.tls, f"{context.path}.tls")
        if not spec.channels:
            raise SourceError(f"{context.path}.channels", "is required")

        async def session(link: Link) -> None:
            async with (
                redis_client.connected(link, spec, patience=_QUIET) as client,
                client.pubsub() as pubsub,
            ):
                await _listen(link, spec, pubsub)

        await queue_link.keep(context, ready, session, lossy=True)


async def _listen(link: Link, spec: RedisEventSource, pubsub: PubSub) -> None:
    channels = list(dict.fromkeys(spec.channels or ()))
    async with asyncio.timeout(_QUIET):
        await pubsub.subscribe(*channels)
    waiting, silences = len(channels), 0
    while True:
        message = await pubsub.get_message(timeout=_QUIET)
        if message is None:
            silences += 1
            if silences > 2:
                raise ConnectionLost(f"Redis at {spec.host_address} does not answer")
            await pubsub.ping()
            continue
        silences = 0
        if message["type"] == _SUBSCRIBED:
            waiting -= 1
            if waiting == 0:
                link.connected()
        elif message["type"] in ("message", "pmessage"):
            await _pass_on(link, spec, message)


async def _pass_on(link: Link, spec: RedisEventSource, message: dict[str, Any]) -> None:
    raw: bytes = message["data"]
    try:
        body = http_body.compact(raw) if spec.json_body else queue_payload.text(raw)
    except http_body.BadBody as error:
        link.relay.refuse(f"the body is no JSON: {error}")
        return
    data = queue_payload.document(
        link.context,
        {
            "channel": queue_payload.text(message["channel"]),
            "pattern": queue_payload.text(message.get("pattern") or b""),
            "body": body,
        },
    )
    await link.relay.submit(data, queue_payload.arrival_id(link.context, raw))
