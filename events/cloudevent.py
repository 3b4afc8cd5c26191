"""The event as it lies on the bus: CloudEvents 1.0, structured JSON, data inline.

Attributes are exactly those the reference puts there, so that context filters and parameters
see the same; the trace travels in bus headers instead. `data` stays text end to end: numbers
and key order are the sender's.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import os
import re
import time
from datetime import UTC, datetime

import msgspec

from lang import gojson
from lang.errors import LangError

JSON = "application/json"


class BadEvent(ValueError):
    """Bytes on the bus that are no event."""


_FRACTION = re.compile(r"\.\d+")


class CloudEvent(msgspec.Struct, frozen=True):
    """One event. `data` is JSON text when `datacontenttype` says so, else raw bytes."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: bytes
    datacontenttype: str = JSON
    specversion: str = "1.0"

    def context(self) -> dict[str, str]:
        """The attributes as sensors see them."""
        return {
            "id": self.id,
            "source": self.source,
            "specversion": self.specversion,
            "type": self.type,
            "datacontenttype": self.datacontenttype,
            "subject": self.subject,
            "time": _FRACTION.sub("", self.time),  # as the reference shows it: whole seconds
        }


class _Stored(msgspec.Struct):
    id: str
    source: str
    type: str
    specversion: str = "1.0"
    subject: str = ""
    time: str = ""
    datacontenttype: str = JSON
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str = ""


_decode = msgspec.json.Decoder(_Stored).decode


@functools.lru_cache(maxsize=4096)
def _quoted(text: str) -> bytes:
    return msgspec.json.encode(text)


def encode(event: CloudEvent) -> bytes:
    """`event` as JSON."""
    head = (
        b'{"specversion":%b,"id":"%b","source":%b,"type":%b,"subject":%b,'
        b'"datacontenttype":%b,"time":"%b",'
        % (
            _quoted(event.specversion),
            event.id.encode(),
            _quoted(event.source),
            _quoted(event.type),
            _quoted(event.subject),
            _quoted(event.datacontenttype),
            event.time.encode(),
        )
    )
    if event.datacontenttype == JSON:
        return b'%b"data":%b}' % (head, event.data or b"null")
    return b'%b"data_base64":"%b"}' % (head, base64.b64encode(event.data))


def decode(raw: bytes) -> CloudEvent:
    """The event in `raw`. Raises BadEvent."""
    try:
        stored, data = _parts(raw)
        if not data:
            data = base64.b64decode(stored.data_base64, validate=True)
        elif stored.datacontenttype != JSON:
            data = msgspec.json.decode(data, type=str).encode() if data[:1] == b'"' else data
    except (msgspec.MsgspecError, ValueError, LangError) as error:
        raise BadEvent(f"not a CloudEvent: {error}") from None
    return CloudEvent(
        id=stored.id,
        source=stored.source,
        type=stored.type,
        subject=stored.subject,
        time=stored.time,
        data=data,
        datacontenttype=stored.datacontenttype,
        specversion=stored.specversion,
    )


def _parts(raw: bytes) -> tuple[_Stored, bytes]:
    """The envelope, and its data as text. Raises MsgspecError, ValueError."""
    try:
        stored = _decode(raw)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Data with half a surrogate pair is JSON to Go, and not to the fast parser: where
        # `encode` put it, at the end, it is taken as it stands.
        head, found, rest = raw.partition(b',"data":')
        if not found or not rest.endswith(b"}"):
            raise
        stored, data = _decode(head + b"}"), rest[:-1]
        gojson.check(data.decode())
        return stored, data
    return stored, bytes(stored.data)


def timestamp(now: float) -> str:
    """`now` (epoch seconds) as RFC 3339 with microseconds, UTC."""
    whole, fraction = divmod(round(now * 1e6), 1_000_000)
    text = f"{_second(whole)}.{fraction:06d}".rstrip("0").rstrip(".")
    return f"{text}Z"


@functools.lru_cache(maxsize=8)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stable_id(*parts: str | bytes) -> str:
    """32 hex digits that depend on `parts` alone: the same delivery gives the same id."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(raw))
        digest.update(raw)
    return digest.hexdigest()[:32]


_PROCESS = os.urandom(16)
_ARRIVALS = itertools.count()


def arrival_id(*parts: str | bytes) -> str:
    """As `stable_id`, and never the same twice: for deliveries that carry no id."""
    arrival = b"%d.%d" % (time.time_ns(), next(_ARRIVALS))
    return stable_id(*parts, arrival, _PROCESS)
