"""Messages whose schema stands in a registry: Avro binary to JSON text.

The schema is fetched once per connection. A message is one zero byte, four bytes of a schema id,
and the data; like the reference, the schema named in the spec is used. Called by `kafka`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import orjson

from crds.events_shared import SchemaRegistryConfig
from events.sources import avro
from events.sources.contract import SourceError
from events.sources.queue_link import ConnectionLost, Link
from kube import answer_body

Decoder = Callable[[bytes], bytes]
_PREFIX = 5
_SECONDS = 10.0
_CAP = 4 << 20
BadMessage = avro.BadMessage


def check(config: SchemaRegistryConfig | None, path: str) -> None:
    """Raises SourceError."""
    if config is None:
        return
    if not config.url.startswith(("http://", "https://")):
        raise SourceError(f"{path}.url", "must be an http or https URL")
    if config.schema_id is None:
        raise SourceError(f"{path}.schemaId", "is required")


async def decoder(link: Link, config: SchemaRegistryConfig | None, path: str) -> Decoder | None:
    """What turns a message into JSON; None without a registry.

    Raises SourceError, MissingValue, ConnectionLost.
    """
    if config is None:
        return None
    headers = {}
    if config.auth is not None:
        user = await link.text(config.auth.username, f"{path}.auth.username")
        password = await link.text(config.auth.password, f"{path}.auth.password")
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    url = f"{config.url.rstrip('/')}/schemas/ids/{config.schema_id}"
    try:
        schema = avro.parse(orjson.loads((await _fetch(url, headers, path))["schema"]))
    except (KeyError, TypeError, orjson.JSONDecodeError, avro.BadSchema) as error:
        raise SourceError(f"{path}.schemaId", f"no usable Avro schema: {error}") from None

    def decode(raw: bytes) -> bytes:
        if len(raw) < _PREFIX or raw[0] != 0:
            raise BadMessage("no schema id in front")
        return avro.to_json(schema, raw[_PREFIX:])

    return decode


async def _fetch(url: str, headers: Mapping[str, str], path: str) -> Any:
    limit = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, headers=headers) as session,
            session.get(url) as answer,
        ):
            if answer.status == 404:
                raise SourceError(f"{path}.schemaId", "the registry has no such schema")
            if answer.status != 200:
                raise ConnectionLost(f"the schema registry answers {answer.status}")
            return orjson.loads(await answer_body.whole(answer, _CAP))
    except answer_body.TooLong as error:
        raise ConnectionLost(f"the schema registry: {error}") from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        why = str(error) or "no answer"
        raise ConnectionLost(f"the schema registry cannot be reached: {why}") from None
