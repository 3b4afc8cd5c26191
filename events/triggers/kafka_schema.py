"""The message of a kafka trigger as its schema registry wants it: a zero byte, four bytes of the
schema's id, and Avro binary. A schema never changes, so it is fetched once."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from events import avro_writing
from events.triggers import clients, credentials, exchange
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call

_PATH = "kafka.schemaRegistry"
_MOST = 256
_known: OrderedDict[str, Any] = OrderedDict()


def fault(config: Mapping[str, Any]) -> str | None:
    """What is missing."""
    if not str(config.get("url") or "").startswith(("http://", "https://")):
        return "schemaRegistry.url: must be an http or https URL"
    if not isinstance(config.get("schemaId"), int):
        return "schemaRegistry.schemaId: is required"
    return None


async def encoded(context: FiringContext, config: Mapping[str, Any], body: bytes) -> bytes:
    """`body` (JSON) in the registry's form. Raises TriggerFailed, MissingValue."""
    number = int(config["schemaId"])
    schema = await _schema(context, str(config["url"]), number, config.get("auth") or {})
    try:
        data = avro_writing.from_json(schema, orjson.loads(body))
    except orjson.JSONDecodeError:
        raise TriggerFailed("kafka.payload: is no JSON", permanent=True) from None
    except avro_writing.BadValue as error:
        raise TriggerFailed(f"kafka.payload: {error}", permanent=True) from None
    return b"\0" + number.to_bytes(4, "big") + data


async def _schema(context: FiringContext, base: str, number: int, auth: Mapping[str, Any]) -> Any:
    login = [
        await credentials.text(context, auth.get(name), f"{_PATH}.auth.{name}")
        for name in ("username", "password")
    ]
    key = clients.key_of(context.namespace, base, number, login)
    if key in _known:
        return _known[key]
    headers = {}
    if any(login):
        plain = base64.b64encode(":".join(login).encode()).decode()
        headers["Authorization"] = f"Basic {plain}"
    url = f"{base.rstrip('/')}/schemas/ids/{number}"
    answer = await exchange.send(context, Call("GET", url, _PATH, headers, cap=4 << 20))
    exchange.require_success(answer, _PATH)
    try:
        found = orjson.loads(orjson.loads(answer.body)["schema"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise TriggerFailed(f"{_PATH}.schemaId: no usable Avro schema", permanent=True) from None
    _known[key] = found
    if len(_known) > _MOST:
        _known.popitem(last=False)
    return found
