"""The JSON that a message of a broker becomes, and what its event is called.

Called by the queue sources. Members stand in the reference's order; a message that cannot be
JSON though `jsonBody` says so raises BadBody.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from events import cloudevent
from events.sources import http_body, webhook_endpoint
from events.sources.contract import SourceContext

_CYCLE = 146_097 * 86_400  # seconds of 400 years, after which the calendar is the same again


def body(raw: bytes, *, json_body: bool) -> bytes:
    """`raw` as JSON text: itself when `json_body`, else a base64 string. Raises BadBody."""
    if json_body:
        return http_body.compact(raw)
    return b'"%b"' % base64.b64encode(raw)


def text(value: str | bytes) -> bytes:
    """A JSON string; bytes that are no UTF-8 are replaced."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return http_body.marshal([value])[1:-1]


def document(context: SourceContext, members: Mapping[str, bytes | None]) -> bytes:
    """The event's data: `members` (JSON texts, None is left out), then the source's metadata."""
    extra = webhook_endpoint.metadata(context.spec)
    return webhook_endpoint.payload({**members, "metadata": extra})


def value(item: Any) -> bytes:
    """Any JSON-like value as JSON text; what JSON lacks becomes text."""
    return http_body.marshal([orjson.loads(orjson.dumps(item, default=_plain))])[1:-1]


def _plain(item: object) -> object:
    if isinstance(item, bytes | bytearray | memoryview):
        return bytes(item).decode("utf-8", "replace")
    return str(item)


def go_time(seconds: float | None) -> str:
    """A moment as Go prints it, in UTC, whatever its year; without one Go's zero time."""
    if seconds is None:
        return "0001-01-01 00:00:00 +0000 UTC"
    # Senders mistake milliseconds for seconds: the calendar repeats itself, Python's ends in 9999.
    cycles = 0 if 0 <= seconds < _CYCLE else math.floor(seconds / _CYCLE)
    moment = datetime.fromtimestamp(seconds - cycles * _CYCLE, UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    year = moment.year + 400 * cycles
    shown = f"{year:04d}" if year >= 0 else f"-{-year:04d}"
    return f"{shown}-{moment:%m-%d %H:%M:%S}{fraction} +0000 UTC"


def stable_id(context: SourceContext, *parts: str | bytes) -> str:
    """The event's id from the message's place at the broker: a redelivery has the same."""
    return cloudevent.stable_id(context.namespace, context.source, context.event, *parts)


def arrival_id(context: SourceContext, content: bytes) -> str:
    """The event's id where the broker names nothing: content and arrival."""
    return cloudevent.arrival_id(context.namespace, context.source, context.event, content)
