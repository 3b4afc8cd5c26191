"""Reading the protobuf form of builtin kinds, which kubectl and client-go send by default.

Only reading: answers are always JSON, which every such client accepts. An unknown field number
is skipped, as protobuf has it; a truncated message is a BadRequest. Formats: Kubernetes'
`runtime.Unknown` envelope and the field numbers in `data/wire.json` (see `generate_wire`).
"""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import orjson

from headrace.local.apiserver import refusals

MAGIC = b"k8s\x00"
NESTING = 100
# What clients ask for holds an @, which no media type may; answers name the type that may.
OPENAPI_V2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
OPENAPI_V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
GROUPS = {
    "coordination.k8s.io": "coordination",
    "events.k8s.io": "events",
    "policy": "policy",
    "rbac.authorization.k8s.io": "rbac",
    "scheduling.k8s.io": "scheduling",
    "authentication.k8s.io": "authentication",
    "authorization.k8s.io": "authorization",
}

Table = dict[str, dict[int, tuple[str, str]]]


@functools.cache
def table() -> Table:
    """Every message: field number to name and kind."""
    text = resources.files("headrace.local.apiserver").joinpath("data/wire.json").read_bytes()
    return {
        name: {int(n): tuple(written.split(" ")) for n, written in fields.items()}
        for name, fields in orjson.loads(text).items()
    }


def decode(content: bytes) -> dict[str, Any]:
    """The object in a protobuf body. Raises BadRequest, also for a kind that is not known."""
    if not content.startswith(MAGIC):
        raise refusals.bad_request("the body does not begin as a Kubernetes protobuf message")
    try:
        envelope = dict(_fields(memoryview(content)[4:]))
        head = {number: bytes(value).decode() for number, value in _fields(envelope[1])}
        api_version, kind = head.get(1, ""), head.get(2, "")
        body = _message(envelope.get(2, memoryview(b"")), _name(api_version, kind), 0)
    except (KeyError, IndexError, ValueError, TypeError, struct.error) as error:
        raise refusals.bad_request(f"cannot decode the protobuf body: {error}") from error
    return {"apiVersion": api_version, "kind": kind, **body}


def _name(api_version: str, kind: str) -> str:
    if kind == "DeleteOptions":
        return "meta/DeleteOptions"
    group = api_version.rpartition("/")[0]
    name = f"{GROUPS.get(group, 'v1')}/{kind}"
    if name not in table():
        raise ValueError(f"kind {kind} of {api_version} is only taken as JSON or YAML")
    return name


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """The fields of a message: number, and an integer or the bytes of it."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        match wire:
            case 0:
                value, at = _varint(data, at)
                yield number, value
            case 1:
                yield number, struct.unpack_from("<d", data, at)[0]
                at += 8
            case 2:
                size, at = _varint(data, at)
                if at + size > len(data):
                    raise ValueError("the message is cut off")
                yield number, data[at : at + size]
                at += size
            case 5:
                yield number, struct.unpack_from("<f", data, at)[0]
                at += 4
            case _:
                raise ValueError(f"wire type {wire}")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _message(data: memoryview, name: str, depth: int) -> dict[str, Any]:
    if depth > NESTING:
        raise ValueError("the message is nested too deeply")
    fields = table()[name]
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        field = fields.get(number)
        if field is None:
            continue
        key, kind = field
        if kind.startswith("[]"):
            found.setdefault(key, []).append(_value(value, kind[2:], depth))
        elif kind.startswith("{}"):
            entry = dict(_fields(value))
            name_of_entry = bytes(entry.get(1, b"")).decode()
            found.setdefault(key, {})[name_of_entry] = _value(
                entry.get(2, memoryview(b"")), kind[2:], depth
            )
        else:
            decoded = _value(value, kind, depth)
            if not _empty(decoded, kind):
                found[key] = decoded
    return found


def _empty(value: Any, kind: str) -> bool:
    """What Go leaves out: zero values of required scalars and unset times."""
    return value is None or (value in ("", 0, False) and kind in {"string", "bool", "int32"})


def _value(value: Any, kind: str, depth: int) -> Any:
    match kind:
        case "string":
            return bytes(value).decode()
        case "bytes":
            return base64.b64encode(bytes(value)).decode()
        case "bool":
            return bool(value)
        case "int32" | "int64":
            return value - (1 << 64) if value >= 1 << 63 else value
        case "double":
            return float(value)
        case "Time" | "MicroTime":
            return _time(dict(_fields(value)), micro=kind == "MicroTime")
        case "Quantity":
            return bytes(dict(_fields(value)).get(1, b"")).decode()
        case "IntOrString":
            parts = dict(_fields(value))
            text = bytes(parts.get(3, b"")).decode()
            return text if parts.get(1) else parts.get(2, 0)
        case "FieldsV1" | "RawExtension":
            raw = bytes(dict(_fields(value)).get(1, b""))
            return orjson.loads(raw) if raw else {}
        case _:
            return _message(value, kind, depth + 1)


def _time(parts: dict[int, int], *, micro: bool) -> str | None:
    seconds = parts.get(1, 0)
    seconds = seconds - (1 << 64) if seconds >= 1 << 63 else seconds
    if seconds <= 0:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    if micro:
        return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{parts.get(2, 0) // 1000:06d}Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def openapi_v2() -> bytes:
    """The smallest OpenAPI 2 document, for clients that read it in protobuf only."""

    def text(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    info = text(1, b"Kubernetes") + text(2, b"headrace")
    return text(1, b"2.0") + text(2, info)
