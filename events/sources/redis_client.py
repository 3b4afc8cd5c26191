"""One connection to a Redis server, for the `redis` and `redisStream` sources.

The client never reconnects by itself: a lost connection ends the session, and `queue_link`
begins another. Foreign errors become ConnectionLost here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from crds.eventsource_queues import RedisEventSource, RedisStreamEventSource
from events.sources import client_tls
from events.sources.contract import SourceError
from events.sources.queue_link import ConnectionLost, Link

if TYPE_CHECKING:
    from redis.asyncio import Redis

_PORT = 6379
_CONNECT_SECONDS = 5.0
INSTALL = "the Redis client is missing: pip install 'headrace[redis]'"


def address(text: str, path: str) -> tuple[str, int]:
    """Host and port of `hostAddress`; the port may be left out. Raises SourceError."""
    if not text:
        raise SourceError(f"{path}.hostAddress", "is required")
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(_PORT)
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise SourceError(f"{path}.hostAddress", f"{text!r} is no host:port")
    return host.strip("[]") or "localhost", int(port)


@asynccontextmanager
async def connected(
    link: Link, spec: RedisEventSource | RedisStreamEventSource, *, patience: float
) -> AsyncIterator[Redis]:
    """A client that answered; `patience` is the longest a command may take in seconds.

    Raises ConnectionLost, SourceError, MissingValue.
    """
    try:
        from redis import asyncio as redis
        from redis.exceptions import RedisError
    except ImportError:
        raise SourceError(link.context.path, INSTALL, "MissingExtra") from None
    path = link.context.path
    password = await link.text(spec.password, f"{path}.password")
    tls = await client_tls.context(link.read, spec.tls, f"{path}.tls")
    host, port = address(spec.host_address, path)
    client = redis.Redis(
        connection_pool=_pool(
            tls,
            host=host,
            port=port,
            db=spec.db or 0,
            username=spec.username or None,
            password=password or None,
            socket_timeout=patience,
        )
    )
    try:
        async with asyncio.timeout(_CONNECT_SECONDS * 2):
            await client.ping()
        yield client
    except (RedisError, OSError) as error:
        raise ConnectionLost(f"Redis at {spec.host_address}: {error}") from None
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2.0):
                await client.aclose(close_connection_pool=True)


def _pool(tls: ssl.SSLContext | None, **options: Any) -> Any:
    from redis.asyncio import Connection, ConnectionPool, SSLConnection
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    class Encrypted(SSLConnection):
        """The library makes a context from files; ours is made from Secrets, in memory."""

        def _connection_arguments(self) -> dict[str, Any]:
            return {**super()._connection_arguments(), "ssl": tls}

    return ConnectionPool(
        connection_class=Connection if tls is None else Encrypted,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_keepalive=True,
        health_check_interval=0,
        client_name="headrace",
        **options,
    )
