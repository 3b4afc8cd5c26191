"""Protocol Buffers on the wire: enough to write and read small messages without generated code.

Semantics: Protocol Buffers encoding, version 3. A message is a list of (field number, value):
`bytes` and `str` are length-delimited, `int` and `bool` are varints. Called by whoever speaks gRPC
or a protocol that is built on it. Input comes from outside: lengths are checked.
"""

from __future__ import annotations

from collections.abc import Iterable

Value = bytes | str | int

_VARINT, _BYTES = 0, 2
_MASK = (1 << 64) - 1
_LONGEST = 10


class BadMessage(ValueError):
    """Bytes that are no message."""


def encode(fields: Iterable[tuple[int, Value]]) -> bytes:
    """The message; what equals its type's default is left out."""
    out = bytearray()
    for number, value in fields:
        if not value:
            continue
        if isinstance(value, int):
            out += _varint(number << 3 | _VARINT) + _varint(int(value))
            continue
        raw = value.encode() if isinstance(value, str) else value
        out += _varint(number << 3 | _BYTES) + _varint(len(raw)) + raw
    return bytes(out)


def delimited(message: bytes) -> bytes:
    """The message after its length, as streams of messages have them."""
    return _varint(len(message)) + message


def decode(raw: bytes) -> dict[int, list[bytes | int]]:
    """Every field's values in order; fixed-width ones as bytes. Raises BadMessage."""
    found: dict[int, list[bytes | int]] = {}
    at = 0
    while at < len(raw):
        tag, at = read_varint(raw, at)
        value: bytes | int
        match tag & 7:
            case 0:
                value, at = read_varint(raw, at)
            case 1:
                value, at = _take(raw, at, 8)
            case 2:
                size, at = read_varint(raw, at)
                value, at = _take(raw, at, size)
            case 5:
                value, at = _take(raw, at, 4)
            case kind:
                raise BadMessage(f"wire type {kind} is not known")
        found.setdefault(tag >> 3, []).append(value)
    return found


def last_bytes(fields: dict[int, list[bytes | int]], number: int) -> bytes:
    """The last value of a bytes field; empty when it is not there. Raises BadMessage."""
    value = fields.get(number, [b""])[-1]
    if not isinstance(value, bytes):
        raise BadMessage(f"field {number} is a number")
    return value


def last_int(fields: dict[int, list[bytes | int]], number: int) -> int:
    """The last value of a varint field; 0 when it is not there. Raises BadMessage."""
    value = fields.get(number, [0])[-1]
    if not isinstance(value, int):
        raise BadMessage(f"field {number} is no number")
    return value


def read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """(value, the place after it). Raises BadMessage."""
    value = 0
    for index, byte in enumerate(raw[at : at + _LONGEST]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & _MASK, at + index + 1
    raise BadMessage("a number has no end")


def _varint(value: int) -> bytes:
    value &= _MASK
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _take(raw: bytes, at: int, size: int) -> tuple[bytes, int]:
    if at + size > len(raw):
        raise BadMessage("the message ends early")
    return raw[at : at + size], at + size
