"""One channel at an AMQP broker, for the `amqp` source. Foreign errors become ours here.

The connection never mends itself: when it is lost the session ends, and `queue_link` begins
another. Passwords stay out of every message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from yarl import URL

from crds.eventsource_queues import AMQPEventSource
from events.sources import amqp_decoding, client_tls
from events.sources.contract import SourceError
from events.sources.queue_link import ConnectionLost, Link

if TYPE_CHECKING:
    from aiormq.channel import Channel

INSTALL = "the AMQP client is missing: pip install 'headrace[amqp]'"
_SECONDS = 15.0
_HEARTBEAT = 20
_PORTS = {"amqp": 5672, "amqps": 5671}
_AUTH = frozenset({"plain", "external", "amqplain"})


def check(url: str, path: str) -> URL:
    """`url` as the client takes it. Raises SourceError, which never shows the URL."""
    try:
        parsed = URL(url)
    except ValueError:
        raise SourceError(path, "is no URL") from None
    if parsed.scheme not in _PORTS or not parsed.host:
        raise SourceError(path, "must be amqp://host or amqps://host")
    return parsed


def gone() -> tuple[type[BaseException], ...]:
    """What the client raises when the channel an answer belongs to is closed."""
    from aiormq.exceptions import AMQPError, ChannelInvalidStateError

    return (AMQPError, ChannelInvalidStateError, ConnectionError, TimeoutError)


@asynccontextmanager
async def channel(link: Link, spec: AMQPEventSource) -> AsyncIterator[Channel]:
    """An open channel. Raises ConnectionLost, SourceError, MissingValue."""
    try:
        import aiormq
        from aiormq.exceptions import AMQPError
    except ImportError:
        raise SourceError(link.context.path, INSTALL, "MissingExtra") from None
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # it logs what it raises too
    amqp_decoding.tolerate()
    url = await _url(link, spec)
    tls = await client_tls.context(link.read, spec.tls, f"{link.context.path}.tls")
    if tls is not None:
        url = url.with_scheme("amqps")
    elif url.scheme == "amqps":
        tls = await client_tls.context(link.read, client_tls.ENABLED, "")
    connection = aiormq.Connection(url, context=tls)
    where = f"AMQP broker at {url.host}:{url.port}"
    try:
        async with asyncio.timeout(_SECONDS):
            await connection.connect({"connection_name": f"headrace {link.context.owner}"})
            opened = await connection.channel(publisher_confirms=False)
        yield cast("Channel", opened)
    except (AMQPError, OSError) as error:
        raise ConnectionLost(f"{where}: {_words(error)}") from None
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(3.0):
                await connection.close()


async def _url(link: Link, spec: AMQPEventSource) -> URL:
    path = link.context.path
    if spec.url_secret is not None:
        secret = await link.text(spec.url_secret, f"{path}.urlSecret")
        given = check(secret.strip(), f"{path}.urlSecret")
    else:
        given = check(spec.url, f"{path}.url")
    # Other options of the client in a URL would read files of this machine.
    auth = given.query.get("auth", "plain").lower()
    wait = given.query.get("heartbeat", "")
    heartbeat = wait if wait.isascii() and wait.isdigit() else str(_HEARTBEAT)
    url = given.with_query(
        heartbeat=heartbeat,
        auth=auth if auth in _AUTH else "plain",
    )
    if not given.explicit_port:
        url = url.with_port(_PORTS["amqps" if spec.tls is not None else given.scheme])
    if spec.auth is not None:
        url = url.with_user(await link.text(spec.auth.username, f"{path}.auth.username"))
        url = url.with_password(await link.text(spec.auth.password, f"{path}.auth.password"))
    return url


def _words(error: BaseException) -> str:
    """The broker's own words, without the library's wrapping."""
    texts = [str(part) for part in error.args if isinstance(part, str | int | Exception)]
    return " ".join(texts) or type(error).__name__
